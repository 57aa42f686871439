"""What is DDPG's and TD3's own: noise, delay, target smoothing, their short cut for bandits."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from probes import GAMMA, HORIZON, PROBES, TARGET, Target, defaults, hold, parts, stacked, tiny
from synthgym.agents import base, td3
from synthgym.agents.off_policy import Progress
from synthgym.core.types import EnvSpec, Transition

HOLD = hold(terminates=False)  # actions in [-3, 1]
WIDE = Target(EnvSpec(1, 0, 1, -3.0, 1.0, 1))  # a bandit
SEEN = jnp.array([0.5])
# The reward of the best action is 1. Truncation does not end what may come: v = 1 + gamma v.
# Termination does, at the last of HORIZON steps: v = 1 + gamma v (HORIZON - 1) / HORIZON.
FOREVER = 1 / (1 - GAMMA)
ENDING = 1 / (1 - GAMMA * (HORIZON - 1) / HORIZON)


def new(name: str, env: Any = HOLD, **static: Any) -> tuple[Any, Any]:
    """The agent, and its defaults."""
    config = tiny(name, static=static)
    return td3.make(config, env.spec), defaults(config)


@pytest.fixture(scope="module")
def fresh() -> Any:
    """What TD3 knows at first."""
    agent, settings = new("td3")
    return jax.jit(agent.init_learner)(jax.random.key(0), settings)


@pytest.fixture(scope="module", params=["ddpg", "td3"])
def learnt(request: pytest.FixtureRequest) -> tuple[Any, list[Any]]:
    """The agent, and what it knows of a task that is truncated, and of one that terminates."""
    static = {"hidden": [16, 16], "batch_size": 32, "buffer_size": 2000, "num_updates": 2}
    agent, settings = new(request.param, **static)
    changes = {"gamma": GAMMA, "learning_rate": 0.003, "noise": 0.5, "tau": 0.05}
    changes |= {"target_noise": 0.05} if request.param == "td3" else {}
    settings |= {name: jnp.float32(value) for name, value in changes.items()}
    iterations, total = 1500, 6000

    def train(env: Any, key: Any) -> Any:
        def iterate(state: Any, i: Any) -> Any:
            return agent.iterate(jax.random.fold_in(key, i), state, env, settings, total)[0], None

        state = agent.init(jax.random.fold_in(key, iterations), env, settings, total)
        return jax.lax.scan(iterate, state, jnp.arange(iterations))[0].learner

    envs = stacked([hold(terminates=False), hold(terminates=True)])
    learners = jax.jit(jax.vmap(train))(envs, jax.random.split(jax.random.key(0), 2))
    return agent, parts(learners, 2)


@pytest.mark.parametrize(("i", "value"), [(0, FOREVER), (1, ENDING)], ids=["truncated", "ended"])
def test_critics_know_what_actions_are_worth(learnt: Any, i: int, value: float) -> None:
    """Another action is worth less by its squared distance from the best one, -2."""
    agent, learners = learnt
    for action in (-2.0, -1.5):
        values = agent._values(learners[i].critics, SEEN[None], jnp.array([[action]]))
        np.testing.assert_allclose(values, value - (action + 2.0) ** 2, atol=0.15, rtol=0.04)


@pytest.mark.parametrize("i", [0, 1])
def test_the_actor_takes_the_best_action(learnt: Any, i: int) -> None:
    agent, learners = learnt
    for key in jax.random.split(jax.random.key(1)):  # nothing about it is random
        action = agent.act((learners[i].policy, None), key, SEEN)
        np.testing.assert_allclose(action, [-2.0], atol=0.12)


@pytest.mark.parametrize(
    ("static", "step", "episodes", "noise"),
    [
        ({"warmup": 100}, 99, 99, None),
        ({"warmup": 100}, 100, 0, 0.5),
        ({"warmup": 0, "warmup_episodes": 10}, 99, 9, None),
        ({"warmup": 0, "warmup_episodes": 10}, 99, 10, 0.5),
        ({"warmup": 0, "noise_unit": "bounds"}, 0, 0, 1.0),  # half the width is 2
    ],
)
def test_exploration_is_uniform_and_then_normal(
    fresh: Any, static: Any, step: int, episodes: int, noise: float | None
) -> None:
    """With the standard deviation `noise`; the actor is in the middle of the bounds, -3 and 1."""
    agent, settings = new("td3", **static)
    settings |= {"noise": jnp.float32(0.5)}
    policy = agent._policy(
        jax.tree.map(jnp.zeros_like, fresh.policy.actor), fresh.policy.seed, settings
    )
    progress = Progress(jnp.int32(step), jnp.int32(episodes), 1000)

    def explore(key: Any) -> Any:
        return agent.explore(policy, key, SEEN, settings, progress)[0]

    actions = np.asarray(jax.vmap(explore)(jax.random.split(jax.random.key(1), 4000)))
    if noise is None:
        expected = scipy.stats.uniform(-3.0, 4.0)
    else:
        expected = scipy.stats.norm(-1.0, noise)
        outside = expected.cdf(-3.0)
        assert np.mean(actions == -3.0) == pytest.approx(outside, abs=0.01)
        assert np.mean(actions == 1.0) == pytest.approx(outside, abs=0.01)
        expected = scipy.stats.truncnorm(-2.0 / noise, 2.0 / noise, -1.0, noise)
        actions = actions[np.abs(actions + 1.0) < 2.0]
    assert scipy.stats.kstest(actions, expected.cdf).pvalue > 0.01


def test_noise_is_held_for_some_steps(fresh: Any) -> None:
    """Uniform actions of the warm-up too; other agents have other noise."""
    agent, settings = new("td3", num_envs=1, noise_steps=4, warmup=8)

    def explore(seed: Any, step: Any) -> Any:
        policy = fresh.policy.replace(seed=seed, noise=jnp.float32(0.5))
        key = jax.random.key(step)
        return agent.explore(policy, key, SEEN, settings, Progress(step, jnp.int32(0), 16))[0]

    steps = jnp.arange(16)
    actions = [jax.vmap(explore, (None, 0))(jnp.uint32(seed), steps) for seed in (1, 2)]
    held = np.asarray(actions).reshape(2, 4, 4)
    assert (held == held[..., :1]).all()
    assert len(np.unique(held[..., 0])) == 8


@pytest.mark.parametrize(("test_policy", "deviation"), [("mode", 0.0), ("noisy", 0.5)])
def test_only_a_noisy_policy_is_random_when_tested(
    fresh: Any, test_policy: str, deviation: float
) -> None:
    agent, _ = new("td3", test_policy=test_policy)
    policy = fresh.policy.replace(noise=jnp.float32(0.5))
    keys = jax.random.split(jax.random.key(1), 4000)
    actions = jax.vmap(lambda key: agent.act((policy, None), key, SEEN))(keys)
    assert jnp.std(actions) == pytest.approx(deviation, abs=0.02)
    assert actions.min() >= -3.0


def batch(size: int) -> Transition:
    """Random transitions that lead on."""
    key_seen, key_action = jax.random.split(jax.random.key(7))
    seen, never = jax.random.normal(key_seen, (size, 1)), jnp.zeros(size, bool)
    action = jax.random.uniform(key_action, (size, 1), minval=-3.0, maxval=1.0)
    return Transition(seen, action, seen[:, 0] - action[:, 0], seen, never, never)


@pytest.mark.parametrize(("delay", "updated"), [(1, "11"), (3, "001001")])
def test_the_actor_and_the_targets_wait(fresh: Any, delay: int, updated: str) -> None:
    """The targets move by `tau` towards what is new; the critics are updated each time."""
    agent, settings = new("td3", policy_delay=delay)
    learn = jax.jit(agent.learn)
    learner = fresh
    for i, is_updated in enumerate(updated):
        old, learner = learner, learn(learner, jax.random.key(i), batch(8), settings)
        assert not equal(learner.critics, old.critics)
        if is_updated == "0":
            assert equal(learner.policy, old.policy)
            assert equal(learner.target_actor, old.target_actor)
            assert equal(learner.target_critics, old.target_critics)
            continue
        assert not equal(learner.policy, old.policy)
        for target, before, new_one in (
            (learner.target_actor, old.target_actor, learner.policy.actor),
            (learner.target_critics, old.target_critics, learner.critics),
        ):
            expected = jax.tree.map(lambda x, y: 0.99 * x + 0.01 * y, before, new_one)
            jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6), target, expected)


def equal(tree: Any, other: Any) -> bool:
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, tree, other)))


class Reading(td3.TD3):
    """Its critics read the action aloud, the second one with 10 more, so that targets show it."""

    def _values(self, critics: Any, observation: Any, action: Any) -> Any:
        return jnp.stack([action[..., 0], action[..., 0] + 10.0])


@pytest.mark.parametrize(
    ("middle", "low", "high"),
    [(0.0, -1.5, -0.5), (10.0, 0.5, 1.0)],  # the actor's action is -1 or, at the bound, 1
)
def test_targets_are_of_smoothed_actions(
    fresh: Any, middle: float, low: float, high: float
) -> None:
    """Normal noise, clipped at 0.5, then clipped to the bounds; the smaller value counts."""
    agent, settings = new("td3")
    agent = Reading(**vars(agent))
    actor = jax.tree.map(jnp.zeros_like, fresh.target_actor)
    actor["params"]["Dense_2"]["bias"] += middle  # tanh(10) = 1
    settings |= {"gamma": jnp.float32(1.0), "target_noise": jnp.float32(0.25)}
    blank = jax.tree.map(jnp.zeros_like, batch(4000))
    target = agent._target(fresh.replace(target_actor=actor), jax.random.key(1), blank, settings)
    np.testing.assert_allclose([target.min(), target.max()], [low, high], atol=1e-6)
    beyond = scipy.stats.norm.cdf(-2.0)  # the clip is at two standard deviations
    assert np.mean(np.isclose(target, low)) == pytest.approx(beyond, abs=0.01)


def test_ddpg_does_not_smooth_its_targets(fresh: Any) -> None:
    agent, settings = new("ddpg")
    agent = Reading(**vars(agent))
    target = agent._target(fresh, jax.random.key(1), batch(8), settings)
    again = agent._target(fresh, jax.random.key(2), batch(8), settings)
    np.testing.assert_array_equal(target, again)


@pytest.mark.parametrize("name", ["ddpg", "td3"])
def test_the_short_cut_for_bandits_is_no_other_algorithm(name: str) -> None:
    """512 agents on either path: what they know in the end is equally distributed.

    A two-sample Kolmogorov-Smirnov test for what the actor does, for what critics say of three
    actions, and for the rewards of both halves of the training; the smallest of 8 p-values is above
    0.01.
    """
    at = jnp.linspace(-0.5, 0.5, 3)[:, None]

    def know(short: bool) -> np.ndarray:
        static = {"bandit_path": short, "buffer_size": 32, "hidden": [8]}
        agent, settings = new(name, WIDE, **static)
        settings |= {"learning_rate": jnp.float32(0.01)}

        def train(key: Any) -> Any:
            (policy, _), seen = base.train(agent, WIDE, settings, key, 160)
            halves = seen.reward.reshape(2, -1).mean(1)
            return jnp.concatenate([agent._mode(policy, at)[:, 0], halves])

        return np.asarray(jax.jit(jax.vmap(train))(jax.random.split(jax.random.key(short), 512)))

    short, general = know(True), know(False)
    assert min(scipy.stats.ks_2samp(short, general).pvalue) > 0.01
    assert short.std(0).min() > 0.02  # there is something to compare


def test_bandits_have_no_target_networks_and_delayed_work_is_not_done() -> None:
    """Under `vmap` over environments, a `cond` stays one: for the warm-up, and for the delay."""
    agent, settings = new("td3", WIDE)
    learner = jax.eval_shape(agent.init_learner, jax.random.key(0), settings)
    assert learner.target_actor is None
    assert learner.target_critics is None
    agent, settings = new("td3")
    envs = stacked([hold(terminates=False), hold(terminates=True)])
    train = jax.vmap(lambda env: base.train(agent, env, settings, jax.random.key(0), 64)[0])
    assert str(jax.make_jaxpr(train)(envs)).count("= cond[") == 2


@pytest.mark.parametrize(
    ("static", "complaint"),
    [
        ({"noise_unit": "half"}, "noise_unit must be one of action, bounds, not 'half'"),
        ({"test_policy": "greedy"}, "test_policy must be one of mode, noisy, not 'greedy'"),
        ({"policy_delay": 0}, "policy_delay must be at least 1, not 0"),
        ({"num_critics": 0}, "num_critics must be at least 1, not 0"),
        ({"noise_steps": 2}, "noise_steps: must be 1 where num_envs is not"),
    ],
)
def test_settings_that_make_no_sense_are_refused(static: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"agents.td3.static.{complaint}"):
        new("td3", **static)


@pytest.mark.parametrize("name", ["ddpg", "td3"])
def test_discrete_actions_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} needs continuous actions, not 2 choices"):
        new(name, PROBES["action"])


def test_the_median_agent_finds_its_target() -> None:
    """The best action is what is seen; bounds of [-1, 1]."""
    agent, settings = new("td3", TARGET, num_updates=2, hidden=[16, 16])
    settings |= {"learning_rate": jnp.float32(0.005), "noise": jnp.float32(0.3)}
    at = jnp.linspace(-0.4, 0.4, 5)[:, None]

    def error(key: Any) -> Any:
        (policy, _), _ = base.train(agent, TARGET, settings, key, 2000)
        return jnp.abs(agent._mode(policy, at) - at).mean()

    errors = jax.jit(jax.vmap(error))(jax.random.split(jax.random.key(0), 8))
    assert jnp.median(errors) < 0.1
