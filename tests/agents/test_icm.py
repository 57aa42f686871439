"""Curiosity: errors of a model that is written down, and what is paid for them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import defaults, section
from synthgym.agents import base as agents
from synthgym.agents.icm import Paid
from synthgym.core.types import EnvSpec, Transition
from synthgym.tasks import base as tasks

SPECS = {
    "ddqn_icm": EnvSpec(2, 3, 0, -1.0, 1.0, 10),
    "td3_icm": EnvSpec(2, 0, 2, -1.0, 1.0, 10),
}
STATIC = {"buffer_size": 64, "batch_size": 4, "hidden": [4], "feature_size": 5, "model_hidden": 6}


def curious(name: str) -> tuple[Any, Any]:
    config = section("agent", name, static={**STATIC, "warmup_episodes": 0})
    return agents.load(config, SPECS[name]), config


def batch(name: str) -> Transition:
    key_before, key_after = jax.random.split(jax.random.key(1))
    discrete = SPECS[name].discrete
    action = jnp.array([0, 1, 2, 1]) if discrete else jnp.full((4, 2), 0.5)
    ends = jnp.zeros(4, bool)
    before, after = (jax.random.normal(key, (4, 2)) for key in (key_before, key_after))
    return Transition(before, action, jnp.arange(4.0), after, ends, ends)


def blank(agent: Any, config: Any) -> Any:
    """What it begins with, but a model that says nothing: all its outputs are 0."""
    learner = agent.init_learner(jax.random.key(0), defaults(config))
    return learner.replace(model=jax.tree.map(jnp.zeros_like, learner.model))


def with_features(model: Any, value: float) -> Any:
    """The same, but that every feature of every observation is `value`."""
    last = {**model["features"]["params"]["Dense_2"], "bias": jnp.full(5, value)}
    return {**model, "features": {"params": {**model["features"]["params"], "Dense_2": last}}}


@pytest.mark.parametrize(
    ("name", "inverse"),
    # Three actions, each as likely as the others: log 3. Continuous: 0 instead of 0.5.
    [("ddqn_icm", np.log(3.0)), ("td3_icm", 0.25)],
)
def test_errors_by_hand(name: str, inverse: float) -> None:
    agent, config = curious(name)
    model = with_features(blank(agent, config).model, 3.0)
    forward_error, inverse_error = agent.model.errors(model, batch(name))
    np.testing.assert_allclose(forward_error, 9.0)  # (0 - 3)^2, of each feature
    np.testing.assert_allclose(inverse_error, inverse, rtol=1e-6)


def test_the_agent_learns_as_if_the_error_was_paid() -> None:
    """Reward + 0.5 * 9, whatever it is for."""
    agent, config = curious("ddqn_icm")
    settings = defaults(config, curiosity=0.5)
    learner = blank(agent, config)
    learner = learner.replace(model=with_features(learner.model, 3.0))
    seen = batch("ddqn_icm")
    learnt = agent.learn(learner, jax.random.key(2), seen, settings)
    paid = seen._replace(reward=seen.reward + 4.5)
    alone = agent.agent.learn(learner.agent, jax.random.key(2), paid, settings)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), learnt.agent.policy, alone.policy
    )


def test_what_is_seen_often_is_foreseen() -> None:
    agent, config = curious("ddqn_icm")
    settings = defaults(config, model_learning_rate=0.01, forward_share=0.5)
    learner = agent.init_learner(jax.random.key(0), settings)
    seen = batch("ddqn_icm")

    def learn(learner: Any, i: Any) -> tuple[Any, Any]:
        key = jax.random.fold_in(jax.random.key(3), i)
        return agent.learn(learner, key, seen, settings), agent.model.errors(learner.model, seen)

    _, (forward_error, inverse_error) = jax.jit(
        lambda learner: jax.lax.scan(learn, learner, jnp.arange(200))
    )(learner)
    assert forward_error[-1].mean() < 0.2 * forward_error[0].mean()
    assert inverse_error[-1].mean() < 0.2 * inverse_error[0].mean()


def test_a_bandit_is_refused() -> None:
    spec = EnvSpec(2, 3, 0, -1.0, 1.0, 1)
    with pytest.raises(ValueError, match="ddqn_icm: in a contextual bandit there is nothing"):
        agents.load(section("agent", "ddqn_icm"), spec)


CARTPOLE = tasks.load(section("task", "cartpole"))
SMALL = {"num_envs": 2, "num_steps": 8, "num_minibatches": 2, "hidden": [4]}
OF_MODEL = {"feature_size": 5, "model_hidden": 6, "model_epochs": 3}


def curious_ppo() -> tuple[Any, Any]:
    config = section("agent", "ppo_icm", static={**SMALL, **OF_MODEL})
    return agents.load(config, CARTPOLE.spec), config


def iterated(agent: Any, settings: Any, key: Any) -> tuple[Any, Any, Any]:
    """An agent's beginning, the state after one iteration, and what was collected in it."""
    key_init, key_iterate = jax.random.split(key)
    begun = agent.init(key_init, CARTPOLE, settings, 16)
    return begun, *jax.jit(agent.iterate, static_argnums=4)(
        key_iterate, begun, CARTPOLE, settings, 16
    )


def test_without_curiosity_it_is_ppo() -> None:
    agent, config = curious_ppo()
    settings = defaults(config, curiosity=0.0)
    begun, state, seen = iterated(agent, settings, jax.random.key(4))
    key_iterate = jax.random.split(jax.random.key(4))[1]
    alone, collected = jax.jit(agent.agent.iterate, static_argnums=4)(
        *(key_iterate, begun.agent.replace(env_states=begun.agent.env_states[0]), CARTPOLE),
        *(settings, 16),
    )
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), seen, collected)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7),
        state.params,
        alone.params,
    )


def test_ppo_is_paid_in_its_environment_and_reports_the_reward_of_the_task() -> None:
    agent, config = curious_ppo()
    settings = defaults(config, curiosity=0.5)
    networks, _ = agent.model.init(jax.random.key(5), settings)
    networks = with_features(jax.tree.map(jnp.zeros_like, networks), 3.0)
    paid = Paid(CARTPOLE, networks, settings["curiosity"], agent.model)
    state, _ = paid.reset(jax.random.key(6))
    _, step = paid.step(jax.random.key(7), state, jnp.int32(1))
    np.testing.assert_allclose(step.reward, 1.0 + 0.5 * 9.0)

    _, _, seen = iterated(agent, settings, jax.random.key(8))
    np.testing.assert_allclose(seen.reward, 1.0, rtol=1e-5)  # CartPole's own


def test_the_bonus_changes_what_ppo_learns() -> None:
    agent, config = curious_ppo()
    with_, without = (
        iterated(agent, defaults(config, curiosity=c), jax.random.key(9))[1] for c in (100.0, 0.0)
    )
    differs = jax.tree.map(lambda x, y: bool((x != y).any()), with_.params, without.params)
    assert any(jax.tree.leaves(differs))


def test_the_model_of_ppo_foresees_more_with_each_iteration() -> None:
    agent, config = curious_ppo()
    settings = defaults(config, model_learning_rate=0.01, forward_share=0.5, learning_rate=0.0)
    state = agent.init(jax.random.key(10), CARTPOLE, settings, 16)
    iterate = jax.jit(agent.iterate, static_argnums=4)
    errors = []
    for i in range(60):
        model = state.model
        state, seen = iterate(jax.random.key(i), state, CARTPOLE, settings, 16)
        errors.append(float(agent.model.errors(model, seen)[1].mean()))
    assert np.mean(errors[-10:]) < 0.9 * np.mean(errors[:10])
