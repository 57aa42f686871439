"""What is DQN's own: replay, exploration, the target network, its short cut for bandits."""

from typing import Any

import jax
import numpy as np
import pytest
import scipy.stats

from probes import PROBES, TARGET, defaults, section, spec, table, tiny
from synthgym.agents import base, dqn
from synthgym.synth import env as synth

ENV = PROBES["action by observation"]


def new(kind: str) -> Any:
    """A synthetic environment, whose observations never come twice."""
    env = synth.make(section("synth", kind, activation="tanh"), section("task", "cartpole"))
    return env.replace(theta=synth.init_theta(jax.random.key(5), env))


@pytest.mark.parametrize("kind", ["bandit", "mdp"])
def test_replay_draws_from_the_window_of_stored_transitions(kind: str) -> None:
    """The window has 16 transitions: it is half full after 2 iterations, and full after 9."""
    config = tiny("dqn", static={"buffer_size": 16, "batch_size": 400, "dueling": False})
    env = new(kind)
    agent, settings, steps = dqn.make(config, env.spec), defaults(config), 36
    iterate = jax.jit(agent.iterate, static_argnums=4)
    state = jax.jit(lambda key: agent.init(key, env, settings, steps))(jax.random.key(0))
    seen: list[Any] = []
    for i, key in enumerate(jax.random.split(jax.random.key(1), 9)):
        state, transitions = iterate(key, state, env, settings, steps)
        seen += rows(jax.tree.map(lambda x: x[0], transitions))
        if i in (1, 8):
            drawn = rows(agent.replay(jax.random.key(2), state))
            assert set(drawn) == set(seen[-16:])  # all of them, in 400 draws, and no other
            counts = np.unique(drawn, axis=0, return_counts=True)[1]
            assert scipy.stats.chisquare(counts).pvalue > 0.001
    assert len(set(seen)) == steps


def rows(transitions: Any) -> list[tuple[float, ...]]:
    """One tuple of numbers for each transition."""
    columns = [np.asarray(x, np.float64).reshape(len(x), -1) for x in transitions]
    return [tuple(row) for row in np.concatenate(columns, axis=1).tolist()]


@pytest.mark.parametrize("horizon", [1, 2], ids=["bandit", "general"])
def test_exploration_falls_linearly_and_then_stays(horizon: int) -> None:
    """An agent that never learns: what it does otherwise is the same all the time."""
    config = tiny("dqn", static={"num_envs": 64, "buffer_size": 64, "warmup": 10**6})
    env = ENV.replace(spec=spec(horizon))
    agent = dqn.make(config, env.spec)
    settings = defaults(config, epsilon_start=1.0, epsilon_end=0.2, epsilon_fraction=0.5)
    train = jax.jit(lambda key: base.train(agent, env, settings, key, 100 * 64))
    params, seen = train(jax.random.key(0))
    greedy = jax.vmap(lambda o: agent.act(params, jax.random.key(0), o))
    expected_action = greedy(seen.observation.reshape(-1, 1))
    # A random action, of two, is another than the greedy one in half of all cases.
    epsilon = 2 * (seen.action.reshape(-1) != expected_action).reshape(10, -1).mean(1)
    # From 1 to 0.2 in the first half: 0.16 less with each tenth of the training.
    expected = [0.92, 0.76, 0.60, 0.44, 0.28, 0.2, 0.2, 0.2, 0.2, 0.2]
    np.testing.assert_allclose(epsilon, expected, atol=0.1)


@pytest.fixture(scope="module")
def iterating() -> Any:
    """An agent, and its compiled iteration."""
    agent = dqn.make(tiny("dqn", static={"warmup": 0, "dueling": False}), ENV.spec)
    return agent, jax.jit(agent.iterate, static_argnums=4)


@pytest.mark.parametrize(("period", "copies"), [(4.0, "111111"), (8.0, "010101"), (10.0, "001010")])
def test_the_target_network_is_a_copy_from_time_to_time(
    iterating: Any, period: float, copies: str
) -> None:
    """After 4, 8, .. 24 steps; each passes a multiple of the period, or does not."""
    agent, iterate = iterating
    settings = defaults(tiny("dqn"), target_period=period)
    state = jax.jit(lambda key: agent.init(key, ENV, settings, 24))(jax.random.key(0))
    for key, copied in zip(jax.random.split(jax.random.key(1), 6), copies, strict=True):
        old, (state, _) = state, iterate(key, state, ENV, settings, 24)
        new = state.learner
        expected = new.policy if copied == "1" else old.learner.target
        assert not equal(new.policy, old.learner.policy)
        assert equal(new.target, expected)


def equal(tree: Any, other: Any) -> bool:
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, tree, other)))


def test_the_short_cut_for_bandits_is_no_other_algorithm() -> None:
    """512 agents on either path: what they know half-way is equally distributed.

    A two-sample Kolmogorov-Smirnov test for the value of each context and action, and for the
    actions taken; the smallest of 8 p-values above 0.01.
    """
    rewards = ((1.0, -1.0), (0.5, 0.0), (-1.0, 2.0))
    env = table((-1.0, 0.3, 1.0), rewards, start=(0.5, 0.3, 0.2), horizon=1)

    def know(short: bool) -> tuple[np.ndarray, np.ndarray]:
        static = {"dueling": False, "bandit_path": short, "buffer_size": 32, "hidden": [8]}
        config = tiny("dqn", static=static)
        agent = dqn.make(config, env.spec)
        settings = defaults(config, learning_rate=0.01)

        def train(key: Any) -> Any:
            params, seen = base.train(agent, env, settings, key, 160)
            return agent._network.apply(params[0], env.observation), seen

        key = jax.random.key(int(short))
        values, seen = jax.jit(jax.vmap(train))(jax.random.split(key, 512))
        assert seen.terminated.all()
        return values.reshape(512, -1), seen.action.reshape(512, -1)

    (values, actions), (other_values, other_actions) = know(True), know(False)
    p = [scipy.stats.ks_2samp(values[:, i], other_values[:, i]).pvalue for i in range(6)]
    p += [
        scipy.stats.ks_2samp(actions[:, part].mean(1), other_actions[:, part].mean(1)).pvalue
        for part in (slice(80), slice(80, None))
    ]
    assert min(p) > 0.01
    assert values.std(0).min() > 0.02  # there is something to compare


@pytest.mark.parametrize(
    ("static", "complaint"),
    [
        ({"buffer_size": 65}, r"buffer_size \(65\) must be a multiple of num_envs \(4\)"),
        ({"bandit_path": True}, "bandit_path: only where every episode has one step"),
        ({"exploration": "sometimes"}, "exploration must be one of linear, per_episode"),
        (
            {"activation": "rely"},
            "activation must be one of tanh, relu, leaky_relu, swish, not 'rely'",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(static: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"agents.dqn.static.*{complaint}"):
        dqn.make(tiny("dqn", static=static), ENV.spec)


def test_continuous_actions_are_refused() -> None:
    with pytest.raises(ValueError, match="dqn needs discrete actions, not 1 continuous ones"):
        dqn.make(tiny("dqn"), TARGET.spec)
