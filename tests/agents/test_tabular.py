"""Q-learning and SARSA: updates worked out by hand, values that are known, the cliff."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import GAMMA, PROBES, Table, defaults, section, stacked, table
from synthgym.agents import base
from synthgym.agents.tabular import Tabular
from synthgym.core.types import EnvSpec
from synthgym.tasks import base as tasks
from synthgym.tasks.rollout import episode_returns


def one_hot(probe: Table, horizon: int | None = None) -> Table:
    """The probe with states that can be told apart."""
    horizon = probe.spec.horizon if horizon is None else horizon
    spec = EnvSpec(3, 2, 0, -1.0, 1.0, horizon, num_states=3)
    return probe.replace(observation=jnp.eye(3), spec=spec)


ONE_HOT = {name: one_hot(probe) for name, probe in PROBES.items()}
# Two states that lead to each other by one action and end by the other.
MAZE = one_hot(
    table(
        (0.0, 0.0, 0.0),
        ((1.0, -1.0), (0.5, 2.0), 0.0),
        following=(1, 0, 2),
        terminates=(False, False, True),
    ).replace(terminates=jnp.array([[False, True], [False, True], [True, True]])),
    horizon=10**6,
)
SHORT = one_hot(MAZE, horizon=3)  # cut in the second state, where no episode begins


def loaded(name: str, spec: EnvSpec, **static: Any) -> tuple[Any, Tabular]:
    config = section("agent", name, static=static)
    agent = base.load(config, spec)
    assert isinstance(agent, Tabular)
    return config, agent


def run(name: str, env: Table, steps: int, static: Any, **hyperparameters: float) -> Any:
    """Table and transitions, [step, environment], of a training run."""
    config, agent = loaded(name, env.spec, **static)
    settings = defaults(config, **hyperparameters)
    train = jax.jit(lambda key: base.train(agent, env, settings, key, steps))
    params, seen = train(jax.random.key(0))
    return np.asarray(params), jax.tree.map(lambda x: np.asarray(x[:, 0]), seen)


def replayed(seen: Any, target: str, alpha: float, bonus: float = 0.0) -> np.ndarray:
    """The table that these transitions lead to, by the book."""
    table, visits = np.zeros((3, 2)), np.zeros((3, 2))
    states, following = seen.observation.argmax(-1), seen.next_observation.argmax(-1)
    for t, b in np.ndindex(seen.action.shape):
        s, a, s_next = states[t, b], seen.action[t, b], following[t, b]
        if target == "greedy":
            value = table[s_next].max()
        else:  # the last one of all is not known, which does not matter where an episode ended
            value = table[s_next, seen.action[min(t + 1, len(seen.action) - 1), b]]
        visits[s, a] += 1
        goal = seen.reward[t, b] + bonus / visits[s, a] ** 0.5
        goal += 0.0 if seen.terminated[t, b] else GAMMA * value
        table[s, a] += alpha * (goal - table[s, a])
    return table


@pytest.mark.parametrize(
    ("num_envs", "bonus", "env"), [(1, 0.0, MAZE), (1, 0.7, MAZE), (3, 0.3, MAZE), (1, 0.0, SHORT)]
)
def test_q_learning_is_that_of_the_book(num_envs: int, bonus: float, env: Table) -> None:
    settings = {"learning_rate": 0.3, "gamma": GAMMA, "epsilon_start": 0.7, "count_bonus": bonus}
    params, seen = run("q_learning", env, 60, {"num_envs": num_envs}, **settings)
    assert seen.action.shape == (60 // num_envs, num_envs)
    assert seen.truncated.any() == (env is SHORT)
    np.testing.assert_allclose(params, replayed(seen, "greedy", 0.3, bonus), rtol=1e-5)


@pytest.fixture(scope="module")
def sarsas() -> dict[str, Any]:
    """Runs with the next action that is taken, and with one that is only for the target."""
    settings = {"learning_rate": 0.3, "gamma": GAMMA, "epsilon_start": 0.7}
    return {
        target: run("sarsa", MAZE, 60, {"target": target}, **settings)
        for target in ("taken", "resampled")
    }


def test_sarsa_is_that_of_the_book(sarsas: Any) -> None:
    params, seen = sarsas["taken"]
    differs = np.abs(params - replayed(seen, "taken", 0.3))
    last = (seen.observation[-1, 0].argmax(), seen.action[-1, 0])
    if not seen.terminated[-1, 0]:  # what follows on the last step is not among the transitions
        differs[last] = 0.0
    assert differs.max() < 1e-5
    assert np.abs(params - replayed(seen, "greedy", 0.3)).max() > 0.05


def test_a_resampled_action_is_not_the_one_taken(sarsas: Any) -> None:
    params, seen = sarsas["resampled"]
    assert np.abs(params - replayed(seen, "taken", 0.3)).max() > 0.02
    assert np.abs(params - replayed(seen, "greedy", 0.3)).max() > 0.02
    # Both estimate the same.
    assert np.abs(params - sarsas["taken"][0]).max() < 2.0


@pytest.mark.parametrize(
    ("visits", "bonus", "value"),
    # In the first state the first action is worth 3 and leads to the second state, where the better
    # action is worth 2, for no reward: 3 + 0.5 (0.8 * 2 - 3) = 2.3. The first visit adds 0.5 * 1,
    # the fourth 0.5 / sqrt(4).
    [(0, 0.0, 2.3), (0, 1.0, 2.8), (3, 1.0, 2.55)],
)
def test_one_update_by_hand(visits: int, bonus: float, value: float) -> None:
    config, agent = loaded("q_learning", ONE_HOT["delayed"].spec)
    settings = defaults(
        config,
        learning_rate=0.5,
        gamma=0.8,
        epsilon_start=0.0,
        epsilon_end=0.0,
        count_bonus=bonus,
    )
    state = agent.init(jax.random.key(0), ONE_HOT["delayed"], settings, 1)
    before = jnp.array([[3.0, 1.0], [0.0, 2.0], [0.0, 0.0]])
    state = state.replace(params=before, visits=state.visits + visits)
    state, seen = agent.iterate(jax.random.key(1), state, ONE_HOT["delayed"], settings, 1)
    assert seen.action.tolist() == [[0]]
    np.testing.assert_allclose(state.params, before.at[0, 0].set(value), rtol=1e-6)
    assert state.visits.sum() == 6 * visits + 1
    assert [int(state.step), int(state.episodes)] == [1, 0]


# What each action is worth, by state, where that is not 0 or never found out.
WORTH: dict[str, list[tuple[float, float]]] = {
    "constant": [(1.0, 1.0)],
    "observed": [(-1.0, -1.0), (1.0, 1.0)],
    "delayed": [(GAMMA, GAMMA), (1.0, 1.0)],
    "action": [(-1.0, 1.0)],
    "action by observation": [(1.0, -1.0), (-1.0, 1.0)],
    "truncated": [(1 / (1 - GAMMA),) * 2],
    "terminated": [(1 + GAMMA + GAMMA**2,) * 2, (1 + GAMMA,) * 2, (1.0, 1.0)],
}


@pytest.mark.parametrize("name", ["q_learning", "sarsa"])
def test_values_are_those_of_the_probes(name: str) -> None:
    """Also: what follows on truncation counts, what follows on termination does not."""
    config, agent = loaded(name, ONE_HOT["constant"].spec, num_envs=2)
    settings = defaults(config, gamma=GAMMA, epsilon_start=0.5)

    def train(env: Any, key: Any) -> Any:
        return base.train(agent, env, settings, key, 600)[0]

    keys = jax.random.split(jax.random.key(0), len(PROBES))
    tables = jax.jit(jax.vmap(train))(stacked(list(ONE_HOT.values())), keys)
    for probe, learnt in zip(PROBES, tables, strict=True):
        expected = WORTH[probe] + [(0.0, 0.0)] * (3 - len(WORTH[probe]))
        np.testing.assert_allclose(learnt, np.array(expected), atol=1e-4, err_msg=probe)


def test_exploration_falls_with_each_episode_down_to_its_end() -> None:
    config, agent = loaded("q_learning", MAZE.spec)
    settings = defaults(config, epsilon_start=1.0, epsilon_decay=0.5, epsilon_end=0.1)
    shares = [float(agent._epsilon(settings, jnp.int32(e))) for e in (0, 1, 2, 3, 4, 100)]
    np.testing.assert_allclose(shares, [1.0, 0.5, 0.25, 0.125, 0.1, 0.1])


def test_the_tested_policy_is_greedy() -> None:
    _, agent = loaded("sarsa", MAZE.spec)
    table = jnp.array([[0.0, 1.0], [3.0, 2.0], [5.0, 5.0]])
    keys = jax.random.split(jax.random.key(0), 9)
    actions = [[int(agent.act(table, key, seen)) for key in keys] for seen in jnp.eye(3)]
    assert actions == [[1] * 9, [0] * 9, [0] * 9]


def test_in_a_bandit_an_action_is_worth_its_reward() -> None:
    env = one_hot(PROBES["action by observation"], horizon=1)
    params, seen = run("sarsa", env, 60, {}, epsilon_start=0.5)
    assert seen.terminated.all()
    np.testing.assert_array_equal(params, [[1.0, -1.0], [-1.0, 1.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("spec", "static", "reason"),
    [
        (
            EnvSpec(3, 0, 2, -1.0, 1.0, 9, 3),
            {},
            "q_learning needs discrete actions, not 2 continuous ones. Use ppo or sac.",
        ),
        (
            EnvSpec(4, 2, 0, -1.0, 1.0, 9),
            {},
            "observations that are one-hot vectors of a state, not 4 numbers. Use dqn or ppo.",
        ),
        (MAZE.spec, {"target": "best"}, "must be one of greedy, taken, resampled, not 'best'"),
    ],
)
def test_what_makes_no_sense_is_refused(spec: EnvSpec, static: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace(".", r"\.")):
        loaded("q_learning", spec, **static)


@pytest.fixture(scope="module")
def on_the_cliff() -> dict[str, np.ndarray]:
    """Returns of ten agents at 20 moments of 5,000 steps, [agent, moment]."""
    task = tasks.load(section("task", "cliff"))

    def curves(name: str) -> Any:
        config, agent = loaded(name, task.spec)

        def one(key: Any) -> Any:
            def test(key: Any, params: Any) -> Any:
                return episode_returns(key, task, partial(agent.act, params), 1)[0][0]

            train = base.train_with_tests
            return train(agent, task, defaults(config), key, 5000, 20, test)[1].result

        return np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(0), 10)))

    return {name: curves(name) for name in ("q_learning", "sarsa")}


def test_q_learning_finds_the_shortest_path(on_the_cliff: Any) -> None:
    """Ferreira et al. 2022: after about 1,430 steps; here tests are 250 steps apart."""
    returns = on_the_cliff["q_learning"]
    assert (returns[:, 7:] == -12.0).all()
    assert np.median(returns[:, 3]) == -50.0  # after 1,000 steps not yet


def test_sarsa_keeps_away_from_the_edge(on_the_cliff: Any) -> None:
    """Its median path is longer, and it gets there (Sutton & Barto 2018, example 6.6)."""
    assert -20.0 < np.median(on_the_cliff["sarsa"][:, -1]) < -12.0
