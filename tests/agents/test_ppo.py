"""What is PPO's own: its short cut for bandits, continuous actions, what it refuses."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats

from probes import PROBES, TARGET, defaults, tiny
from synthgym.agents import base, losses, ppo
from synthgym.core.types import EnvSpec

BANDIT = PROBES["action by observation"].replace(spec=EnvSpec(1, 2, 0, -1.0, 1.0, 1))


def trained(section: Any, env: Any, steps: int, **hyperparameters: float) -> Any:
    agent = ppo.make(section, env.spec)
    settings = defaults(section, **hyperparameters)
    return agent, *jax.jit(lambda key: base.train(agent, env, settings, key, steps))(
        jax.random.key(0)
    )


def beginning(agent: Any, settings: Any) -> Any:
    """The state before training in the bandit."""
    return jax.jit(lambda key: agent.init(key, BANDIT, settings, 32))(jax.random.key(0))


def test_the_short_cut_for_bandits_trains_the_same_agent() -> None:
    """Against the same task with a longer horizon, whose episodes end after one step anyway."""
    _, short, seen_short = trained(tiny("ppo"), BANDIT, 320)
    _, long, seen_long = trained(tiny("ppo"), PROBES["action by observation"], 320)
    np.testing.assert_array_equal(seen_short.action, seen_long.action)
    for one, other in zip(jax.tree.leaves(short), jax.tree.leaves(long), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_the_first_update_follows_the_policy_gradient() -> None:
    """While the policy is the one that acted, the ratio is 1 and the clip does nothing."""
    section = tiny("ppo")
    agent = ppo.make(section, BANDIT.spec)
    alone = {"value_coefficient": 0.0, "entropy_coefficient": 0.0, "max_grad_norm": 1e6}
    settings = defaults(section, **alone)
    state = beginning(agent, settings)
    observation = jnp.array([[-1.0], [1.0], [1.0], [-1.0]])
    action, advantage = jnp.array([0, 1, 0, 1]), jnp.array([1.0, 2.0, 3.0, -4.0])
    log_prob = agent._log_prob(state.networks, agent._policy(state.networks, observation), action)
    batch = ppo.Batch(observation, action, log_prob, jnp.zeros(4), advantage)
    learner = (state.networks, state.optimiser)
    (_, optimiser), _ = jax.jit(agent._update(settings))(learner, batch)

    def objective(params: Any) -> Any:
        log_prob = agent._log_prob(params, agent._policy(params, observation), action)
        return -(losses.normalised(advantage) * log_prob).mean()

    # After one gradient, Adam's mean is a tenth of it.
    mean = optax.tree_utils.tree_get(optimiser, "mu")
    gradient = jax.jit(jax.grad(objective))(state.networks)
    for one, other in zip(jax.tree.leaves(mean), jax.tree.leaves(gradient), strict=True):
        np.testing.assert_allclose(one, other * 0.1, rtol=1e-4, atol=1e-8)


@pytest.fixture(scope="module")
def continuous() -> Any:
    section = tiny("ppo", static={"num_epochs": 4, "hidden": [16]})
    return trained(section, TARGET, 9600, learning_rate=0.003, entropy_coefficient=0.0)


def test_continuous_actions_learn_to_hit_a_target(continuous: Any) -> None:
    agent, (params, _), transitions = continuous
    for target in (-0.4, 0.0, 0.4):
        mode = agent._mode(params, jnp.array([target]))
        np.testing.assert_allclose(mode, [target], atol=0.1)
    rewards = transitions.reward.reshape(10, -1).mean(1)
    assert rewards[-1] > -0.05 > -0.3 > rewards[0]  # at first the deviation is 1


def test_what_is_learnt_from_is_the_action_drawn_not_the_one_that_was_clipped(
    continuous: Any,
) -> None:
    _, _, transitions = continuous
    first = jax.tree.map(lambda x: x[0], transitions)
    assert np.abs(first.action).max() > 1.0
    error = np.clip(first.action, -1.0, 1.0) - first.observation
    np.testing.assert_allclose(first.reward, -(error**2).sum(-1), rtol=1e-5)


def test_the_density_of_an_action_is_that_of_a_gaussian(continuous: Any) -> None:
    agent, (params, _), _ = continuous
    observation = jnp.array([0.2])
    mean, deviation = agent._mode(params, observation), np.exp(params["log_std"][0])
    action = mean + 1.5 * deviation
    expected = scipy.stats.norm(mean[0], deviation).logpdf(action[0])
    np.testing.assert_allclose(
        agent._log_prob(params, agent._policy(params, observation), action), expected, rtol=1e-4
    )
    # Entropy of a Gaussian: ln(deviation sqrt(2 pi e)).
    expected = np.log(deviation * np.sqrt(2 * np.pi * np.e))
    np.testing.assert_allclose(
        agent._entropy(params, agent._policy(params, observation)), expected, rtol=1e-5
    )


def test_tested_actions_are_within_their_bounds(continuous: Any) -> None:
    agent, (params, _), _ = continuous
    wide = (params | {"log_std": jnp.array([2.0])}, None)
    keys = jax.random.split(jax.random.key(0), 50)
    actions = jax.vmap(lambda key: agent.act(wide, key, jnp.zeros(1)))(keys)
    assert (actions.min(), actions.max()) == (-1.0, 1.0)


@pytest.mark.parametrize(("policy", "kinds"), [("mode", {1}), ("sample", {0, 1})])
def test_the_tested_policy_is_the_one_configured(policy: str, kinds: set[int]) -> None:
    agent = ppo.make(tiny("ppo", static={"test_policy": policy}), BANDIT.spec)
    params = beginning(agent, defaults(tiny("ppo"))).params
    output = params[0]["actor"]["params"]["Dense_1"]
    output["bias"] = jnp.array([0.0, 1.0])  # action 1 in about e / (1 + e) = 73 % of cases
    keys = jax.random.split(jax.random.key(1), 200)
    actions = jax.vmap(lambda key: agent.act(params, key, jnp.zeros(1)))(keys)
    assert set(actions.tolist()) == kinds
    assert actions.mean() > 0.6


def test_a_discrete_policys_probabilities_and_entropy_are_those_of_its_logits() -> None:
    agent = ppo.make(tiny("ppo"), BANDIT.spec)
    params, _ = beginning(agent, defaults(tiny("ppo"))).params
    params["actor"]["params"]["Dense_1"] = {
        "kernel": jnp.zeros((8, 2)),
        "bias": jnp.log(jnp.array([0.2, 0.8])),
    }
    at = jnp.zeros((3, 1))
    chances = jnp.exp(agent._log_prob(params, agent._policy(params, at), jnp.array([0, 1, 1])))
    np.testing.assert_allclose(chances, np.array([0.2, 0.8, 0.8]), rtol=1e-5)
    # -(0.2 ln 0.2 + 0.8 ln 0.8) = 0.5004
    np.testing.assert_allclose(agent._entropy(params, agent._policy(params, at)), 0.5004, rtol=1e-3)


@pytest.mark.parametrize(
    ("static", "complaint"),
    [
        ({"num_minibatches": 5}, "4 environments x 8 steps .* 5 equal minibatches"),
        ({"test_policy": "best"}, "test_policy must be one of sample, mode, not 'best'"),
        (
            {"activation": "rely"},
            "activation must be one of tanh, relu, leaky_relu, swish, not 'rely'",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(static: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"agents.ppo.static.*{complaint}"):
        ppo.make(tiny("ppo", static=static), BANDIT.spec)
