"""What is discrete TD3's own: the Gumbel-softmax actor, and its vectors as actions."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from probes import GAMMA, HORIZON, PROBES, TARGET, defaults, parts, stacked, table, tiny
from synthgym.agents import base, discrete_td3
from synthgym.agents.off_policy import Progress
from synthgym.core.types import Transition

ENV = PROBES["action by observation"]
SEEN = jnp.array([0.5])
LOGITS = (0.0, 1.0)
ONE = 1 / (1 + np.exp(-1.0))  # softmax of the logits: probability of action 1


def new(env: Any = ENV, **static: Any) -> tuple[Any, Any]:
    """The agent, and its defaults."""
    config = tiny("discrete_td3", static=static)
    return discrete_td3.make(config, env.spec), defaults(config)


@pytest.fixture(scope="module")
def fresh() -> Any:
    """What it knows at first; its logits are those of `LOGITS` whatever it sees."""
    agent, settings = new()
    learner = jax.jit(agent.init_learner)(jax.random.key(0), settings)
    actor = jax.tree.map(jnp.zeros_like, learner.policy.actor)
    actor["params"]["Dense_2"]["bias"] += jnp.array(LOGITS)
    return learner.replace(policy=learner.policy.replace(actor=actor), target_actor=actor)


@pytest.fixture(scope="module")
def learnt() -> tuple[Any, dict[str, Any]]:
    """The agent, and what it has learnt in each probe."""
    static = {"hidden": [16, 16], "batch_size": 32, "buffer_size": 240, "num_updates": 2}
    agent, settings = new(**static)
    changes = {"gamma": GAMMA, "learning_rate": 0.003, "tau": 0.05, "noise": 0.3}
    changes |= {"temperature_end": 1.0, "target_noise": 0.1}
    settings |= {name: jnp.float32(value) for name, value in changes.items()}
    iterations, total = 1500, 6000

    def train(env: Any, key: Any) -> Any:
        def iterate(state: Any, i: Any) -> Any:
            return agent.iterate(jax.random.fold_in(key, i), state, env, settings, total)[0], None

        state = agent.init(jax.random.fold_in(key, iterations), env, settings, total)
        return jax.lax.scan(iterate, state, jnp.arange(iterations))[0].learner

    probes = list(PROBES.values())
    keys = jax.random.split(jax.random.key(0), len(probes))
    learners = jax.jit(jax.vmap(train))(stacked(probes), keys)
    known = dict(zip(PROBES, parts(learners, len(PROBES)), strict=True))
    return agent, known


# Probe, what is seen, the better action (or none), what is it worth (see test_known_values.py)?
FOREVER = 1 / (1 - GAMMA)
ENDING = 1 / (1 - GAMMA * (HORIZON - 1) / HORIZON)


@pytest.mark.parametrize(
    ("probe", "observation", "action", "value"),
    [
        ("action", 0.5, 1, 1.0),
        ("action by observation", -1.0, 0, 1.0),
        ("action by observation", 1.0, 1, 1.0),
        ("delayed", -1.0, None, GAMMA),
        ("truncated", 0.5, None, FOREVER),
        ("terminated", 0.5, None, ENDING),
    ],
)
def test_it_knows_what_is_best_and_what_that_is_worth(
    learnt: Any, probe: str, observation: float, action: int | None, value: float
) -> None:
    agent, known = learnt
    learner, seen = known[probe], jnp.array([observation])
    chosen = agent.act((learner.policy, None), jax.random.key(0), seen)
    assert action is None or chosen == action
    values = agent._values(learner.critics, seen, jax.nn.one_hot(chosen, 2))
    np.testing.assert_allclose(values, value, atol=0.2, rtol=0.05)


@pytest.mark.parametrize(("hard", "temperature"), [(True, 1.0), (False, 1.0), (False, 3.0)])
def test_samples_are_of_the_gumbel_softmax_distribution(
    fresh: Any, hard: bool, temperature: float
) -> None:
    """Corners of the simplex with the probabilities of the softmax; or points within.

    Of two classes, the share s of the second has a logit whose `temperature`-fold, less the
    difference of the logits, is a difference of two Gumbel variables: logistic.
    """
    agent, _ = new(hard=hard)
    policy = fresh.policy.replace(temperature=jnp.float32(temperature))
    keys = jax.random.split(jax.random.key(1), 4000)
    samples = np.asarray(jax.vmap(lambda key: agent._propose(policy, key, SEEN))(keys))
    np.testing.assert_allclose(samples.sum(-1), 1.0, atol=1e-5)
    assert np.mean(samples[:, 1] > 0.5) == pytest.approx(ONE, abs=0.025)
    if hard:
        assert set(np.unique(samples.round(5))) == {0.0, 1.0}
    else:
        share = samples[:, 1].astype(np.float64)
        logistic = temperature * np.log(share / (1 - share)) - 1.0
        assert scipy.stats.kstest(logistic, scipy.stats.logistic.cdf).pvalue > 0.01


def test_a_hard_sample_has_the_gradient_of_a_soft_one(fresh: Any) -> None:
    def second(actor: Any, hard: bool) -> Any:
        policy = fresh.policy.replace(actor=actor)
        return new(hard=hard)[0]._propose(policy, jax.random.key(3), SEEN)[1]

    hard, soft = (jax.grad(second)(fresh.policy.actor, hard) for hard in (True, False))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), hard, soft)
    assert abs(soft["params"]["Dense_2"]["bias"]).min() > 1e-3


def test_what_is_stored_is_noisy_and_its_largest_element_is_done(fresh: Any) -> None:
    """Not clipped to anything; hard samples, so that all the rest is the noise."""
    agent, _ = new(warmup=0, hard=True)
    policy = fresh.policy.replace(noise=jnp.float32(0.1))
    progress = Progress(jnp.int32(0), jnp.int32(0), 1000)

    def explore(key: Any) -> Any:
        return agent.explore(policy, key, SEEN, {}, progress)

    stored = np.asarray(jax.vmap(explore)(jax.random.split(jax.random.key(1), 4000)))
    noise = stored - np.eye(2)[stored.argmax(-1)]  # at seven standard deviations the other wins
    assert scipy.stats.kstest(noise.reshape(-1), scipy.stats.norm(0.0, 0.1).cdf).pvalue > 0.01
    assert agent.to_action(jnp.array([1.2, 1.3])) == 1


@pytest.mark.parametrize(("warmup", "episodes"), [({"warmup": 9}, 0), ({"warmup_episodes": 9}, 8)])
def test_actions_are_uniform_at_first(fresh: Any, warmup: dict[str, int], episodes: int) -> None:
    agent, _ = new(**{"warmup": 0, **warmup})
    progress = Progress(jnp.int32(8), jnp.int32(episodes), 1000)

    def explore(key: Any) -> Any:
        return agent.explore(fresh.policy, key, SEEN, {}, progress)

    stored = jax.vmap(explore)(jax.random.split(jax.random.key(1), 4000))
    assert set(np.unique(stored)) == {0.0, 1.0}
    assert stored[:, 1].mean() == pytest.approx(0.5, abs=0.025)


@pytest.mark.parametrize(("test_policy", "share"), [("mode", 1.0), ("noisy", ONE)])
def test_only_a_noisy_policy_is_random_when_tested(
    fresh: Any, test_policy: str, share: float
) -> None:
    agent, _ = new(test_policy=test_policy)
    keys = jax.random.split(jax.random.key(1), 4000)
    actions = jax.vmap(lambda key: agent.act((fresh.policy, None), key, SEEN))(keys)
    assert actions.mean() == pytest.approx(share, abs=0.025)


def test_target_actions_are_samples_with_clipped_noise(fresh: Any) -> None:
    """In target values, which here are the second element of the action and 10 more."""
    agent, settings = new(hard=True)
    agent = Reading(**vars(agent))
    settings |= {"gamma": jnp.float32(1.0), "target_noise": jnp.float32(0.25)}
    blank, never = jnp.zeros((4000, 1)), jnp.zeros(4000, bool)
    batch = Transition(blank, jnp.zeros((4000, 2)), blank[:, 0], blank, never, never)
    target = np.asarray(agent._target(fresh, jax.random.key(1), batch, settings))
    np.testing.assert_allclose([target.min(), target.max()], [-0.5, 1.5], atol=1e-5)
    assert np.mean(target > 0.5) == pytest.approx(ONE, abs=0.025)


class Reading(discrete_td3.DiscreteTD3):
    """Its critics read the action aloud."""

    def _values(self, critics: Any, observation: Any, action: Any) -> Any:
        return jnp.stack([action[..., 1], action[..., 1] + 10.0])


def test_the_temperature_falls_linearly_and_then_stays(fresh: Any) -> None:
    agent, settings = new(policy_delay=1)
    settings |= {"temperature_start": jnp.float32(1.0), "temperature_end": jnp.float32(0.2)}
    settings |= {"temperature_updates": jnp.float32(4.0)}
    blank, never = jnp.zeros((8, 1)), jnp.zeros(8, bool)
    batch = Transition(blank, jnp.zeros((8, 2)), blank[:, 0], blank, never, never)
    learn, learner, temperatures = jax.jit(agent.learn), fresh, [fresh.policy.temperature]
    for i in range(5):
        learner = learn(learner, jax.random.key(i), batch, settings)
        temperatures.append(learner.policy.temperature)
    np.testing.assert_allclose(temperatures, [1.0, 0.8, 0.6, 0.4, 0.2, 0.2], atol=1e-6)


def test_the_short_cut_for_bandits_is_no_other_algorithm() -> None:
    """256 agents on either path: what they know in the end is equally distributed.

    A two-sample Kolmogorov-Smirnov test for the logits' difference in each context, and for the
    rewards of both halves of the training; the smallest of 5 p-values is above 0.01.
    """
    rewards = ((1.0, -1.0), (0.5, 0.0), (-1.0, 2.0))
    env = table((-1.0, 0.3, 1.0), rewards, start=(0.5, 0.3, 0.2), horizon=1)

    def know(short: bool) -> np.ndarray:
        agent, settings = new(env, bandit_path=short, buffer_size=32, hidden=[8])
        settings |= {"learning_rate": jnp.float32(0.01)}

        def train(key: Any) -> Any:
            (policy, _), seen = base.train(agent, env, settings, key, 160)
            halves = seen.reward.reshape(2, -1).mean(1)
            difference = agent._mode(policy, env.observation) @ jnp.array([-1.0, 1.0])
            return jnp.concatenate([difference, halves])

        return np.asarray(jax.jit(jax.vmap(train))(jax.random.split(jax.random.key(short), 256)))

    short, general = know(True), know(False)
    assert min(scipy.stats.ks_2samp(short, general).pvalue) > 0.01
    assert short.std(0).min() > 0.02  # there is something to compare


def test_continuous_actions_are_refused() -> None:
    complaint = "discrete_td3 needs discrete actions, not 1 continuous ones"
    with pytest.raises(ValueError, match=complaint):
        new(TARGET)
