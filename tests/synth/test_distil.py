"""A distilled environment says what the teacher prefers, or predicts what the task answered."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import PROBES, hold, section, table
from synthgym.core.types import EnvSpec, Transition
from synthgym.plan.schema import REWARDS
from synthgym.synth import distil
from synthgym.synth import env as synth

FIT = distil.Fit(steps=600, batch_size=64, learning_rate=0.01)
DISCRETE, CONTINUOUS = EnvSpec(1, 3, 0, -1.0, 1.0, 1), EnvSpec(1, 0, 2, -1.0, 3.0, 1)


def fresh() -> Any:
    return jax.random.key(0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # preferences 1, 2, 6: mean 3, deviations -2, -1, 3
        ("action_preference", [-2 / 3, -1 / 3, 1.0]),
        ("log_probability", np.log(np.exp([1, 2, 6]) / np.exp([1, 2, 6]).sum())),
        ("advantage", [-5.0, -4.0, 0.0]),
        ("agreement", [-1.0, -1.0, 1.0]),
    ],
)
def test_rewards_of_discrete_actions(name: str, expected: Any) -> None:
    reward = distil.REWARDS["discrete"][name]
    preferences = jnp.array([1.0, 2.0, 6.0])
    said = [reward(DISCRETE, preferences, jnp.int32(a)) for a in range(3)]
    np.testing.assert_allclose(said, expected, rtol=1e-5)


@pytest.mark.parametrize(
    # The action is off by 2 and 0; half of the bounds' width is 2; so 1 and 0, squared: mean 1/2.
    ("name", "expected"),
    [("negative_distance", -np.sqrt(0.5)), ("negative_squared_distance", -0.5)],
)
def test_rewards_of_continuous_actions(name: str, expected: float) -> None:
    reward = distil.REWARDS["continuous"][name]
    preferred, action = jnp.array([1.0, 0.5]), jnp.array([-1.0, 0.5])
    np.testing.assert_allclose(reward(CONTINUOUS, preferred, action), expected, rtol=1e-5)
    best: Any = jax.grad(lambda a: reward(CONTINUOUS, preferred, a))(preferred)
    np.testing.assert_allclose(best, 0.0, atol=1e-5)


def test_the_schema_knows_all_rewards() -> None:
    known = {kind: set(rewards) for kind, rewards in distil.REWARDS.items()}
    assert known == {kind: set(rewards) for kind, rewards in REWARDS.items()}


def test_indifference_pays_nothing() -> None:
    said = distil.action_preference(DISCRETE, jnp.full(3, 0.4), jnp.int32(1))
    assert abs(float(said)) < 0.1


def wander(exploration: float) -> Any:
    """Visits of a policy that always goes right, in a task of three places in a row."""
    task = table((0.0, 1.0, 2.0), (0.0, 0.0, 0.0), (1, 2, 0), (False,) * 3, horizon=30)
    return distil.visit(fresh(), task, lambda key, observation: jnp.int32(1), 20, exploration)


def test_visits_are_whole_episodes_and_explore_as_much_as_is_asked() -> None:
    seen = wander(0.0)
    assert seen.observation.shape == (600, 1)
    assert (seen.action == 1).all()
    assert seen.truncated.sum() == 20
    # Half of the actions are random, and half of these are the other one: a quarter of 600,
    # with a standard deviation of sqrt(600 * 3/16) < 11.
    assert abs((wander(0.5).action == 0).sum() - 150) < 44


def test_contexts_are_visited_states_with_as_much_noise_as_is_asked() -> None:
    visited = jnp.linspace(-1, 1, 50)[:, None] * jnp.array([1.0, 100.0])
    exact = distil.contexts(fresh(), visited, 20, noise=0.0)
    rows = {tuple(row) for row in np.asarray(visited).tolist()}
    chosen = [tuple(row) for row in np.asarray(exact).tolist()]
    assert len(set(chosen)) == 20  # none twice, where there are enough
    assert set(chosen) <= rows
    many = np.asarray(distil.contexts(fresh(), visited, 5000, noise=2.0))
    # Var = var of the states + E[level^2] var, level uniform in [0, 2]: E = 4/3.
    expected = np.asarray(visited).std(0) * np.sqrt(1 + 4 / 3)
    np.testing.assert_allclose(many.std(0), expected, rtol=0.1)


def test_indifferent_contexts_are_outside_and_no_others_are() -> None:
    visited = jax.random.normal(jax.random.key(5), (400, 3)) * jnp.array([1.0, 100.0, 0.01]) + 7.0
    made = distil.contexts(fresh(), visited, 40, noise=1.0, indifferent=0.25)
    outside = jax.vmap(lambda o: distil.outside(visited, o))
    assert outside(made).tolist() == [True] * 10 + [False] * 30
    assert not outside(visited).any()
    assert len(np.unique(np.sign(made[:10] - visited.mean(0)), axis=0)) > 3


def test_a_bandit_pays_nothing_where_nothing_matters() -> None:
    env = blank(EnvSpec(1, 2, 0, -1.0, 1.0, 1), initial_states=64)
    states = jnp.linspace(-1, 1, 64)[:, None]
    made, _ = distil.bandit(
        fresh(), env, states, lambda o: jnp.array([0.0, 1.0]), "agreement", FIT, lambda o: o[0] < 0
    )
    for place, expected in ((-0.6, 0.0), (0.6, 1.0)):
        for action, sign in ((0, -1), (1, 1)):
            reward = made.reward(jnp.array([place]), jnp.int32(action))
            assert abs(float(reward) - sign * expected) < 0.25


def test_a_table_gives_its_rows_and_each_as_often() -> None:
    config = section("synth", "table_bandit", initial_states=4, hidden=[4])
    env = synth.make(config, section("task", "pendulum"))
    env = env.replace(theta=synth.init_theta(fresh(), env))
    rows = env.theta["initial_state"]["table"]
    assert rows.shape == (4, 3)
    seen = jax.vmap(env.reset)(jax.random.split(jax.random.key(1), 4000))[1]
    which = (seen[:, None] == rows[None]).all(-1)
    assert (which.sum(1) == 1).all()
    assert (abs(np.asarray(which.sum(0)) - 1000) < 130).all()  # 1000 +- 4.7 deviations


def bandit(env: Any, preferences: Callable[[Any], Any], reward: str, count: int) -> Any:
    states = jnp.linspace(-1, 1, count)[:, None]
    return distil.bandit(fresh(), env, states, preferences, reward, FIT)


def blank(spec: EnvSpec, **changes: Any) -> Any:
    config = {"initial_states": 0, "hidden": (32,), "activation": "tanh", **changes}
    return synth.SyntheticEnv(theta=None, spec=spec, **config)


def test_a_bandit_pays_what_the_teacher_prefers() -> None:
    """Right of zero the second action, left of it the first."""
    env = blank(EnvSpec(1, 2, 0, -1.0, 1.0, 1), initial_states=64)
    made, errors = bandit(env, lambda o: jnp.array([-o[0], o[0]]), "agreement", 64)
    assert errors.keys() == {"reward"}
    assert errors["reward"] < 0.1
    for place, best in ((-0.8, 0), (0.8, 1)):
        rewards = [made.reward(jnp.array([place]), jnp.int32(a)) for a in (0, 1)]
        assert int(np.argmax(rewards)) == best
        assert max(rewards) > 0.7 > -0.7 > min(rewards)


def test_a_bandit_of_continuous_actions_pays_most_for_the_teachers() -> None:
    env = blank(EnvSpec(1, 0, 1, -2.0, 2.0, 1), initial_states=16)
    made, errors = bandit(env, lambda o: 1.5 * o, "negative_squared_distance", 16)
    assert errors["reward"] < 0.02
    grid = jnp.linspace(-2, 2, 81)[:, None]
    for place in (-0.8, 0.2, 0.8):
        rewards = jax.vmap(made.reward, (None, 0))(jnp.array([place]), grid)
        assert abs(float(grid[rewards.argmax(), 0]) - 1.5 * place) < 0.3


def test_contexts_may_come_from_a_network() -> None:
    """Two dimensions of very different scale, one of them far from zero."""
    spec = EnvSpec(2, 2, 0, -1.0, 1.0, 1)
    states = jax.random.normal(jax.random.key(5), (500, 2)) * jnp.array([0.01, 3.0]) + 7.0
    env, errors = distil.bandit(fresh(), blank(spec), states, lambda o: o, "agreement", FIT)
    assert errors.keys() == {"initial_state", "reward"}
    made = np.asarray(jax.vmap(env.reset)(jax.random.split(fresh(), 4000))[1])
    np.testing.assert_allclose(made.mean(0), [7.0, 7.0], atol=0.4)
    np.testing.assert_allclose(made.std(0), [0.01, 3.0], rtol=0.25)
    untouched = distil.energy_distance(states[:250] / states.std(0), states[250:] / states.std(0))
    apart = distil.energy_distance(states[:250] / states.std(0), 1 + states[250:] / states.std(0))
    assert errors["initial_state"] < 0.1
    assert abs(float(untouched)) < 0.05 < 0.5 < float(apart)


def test_an_mdp_predicts_transitions_rewards_and_the_end() -> None:
    """Three places in a row, of which the last one is the end."""
    task = table((-1.0, 0.0, 1.0), ((0.0, 1.0), (0.0, 2.0), 0.0), (1, 2, 2), (False, True, True))
    seen = distil.visit(fresh(), task, lambda key, observation: jnp.int32(0), 200, 1.0)
    env = blank(EnvSpec(1, 2, 0, -1.0, 1.0, 5), initial_states=1)
    made, errors = distil.mdp(fresh(), env, seen, jnp.array([[-1.0]]), FIT)
    assert errors.keys() == {"reward", "transition", "done"}
    assert max(errors.values()) < 0.01
    state, observation = made.reset(fresh())
    walked = [observation]
    for reward in (1.0, 2.0):
        state, step = made.step(fresh(), state, jnp.int32(1))
        np.testing.assert_allclose(step.reward, reward, atol=0.1)
        walked.append(step.observation)
    np.testing.assert_allclose(np.concatenate(walked), [-1.0, 0.0, 1.0], atol=0.1)
    assert bool(step.terminated)


def test_an_mdp_of_numbered_states_predicts_the_next_one() -> None:
    """An action moves from the first state to the second, and from there nowhere."""
    states = jnp.eye(2)
    following = {0: 1, 1: 1}
    seen = Transition(
        observation=states[jnp.array([0, 1])],
        action=jnp.array([0, 0]),
        reward=jnp.array([1.0, 2.0]),
        next_observation=states[jnp.array([following[0], following[1]])],
        terminated=jnp.array([False, False]),
        truncated=jnp.array([False, False]),
    )
    env = blank(EnvSpec(2, 1, 0, -1.0, 1.0, 5, num_states=2), initial_states=1)
    made, _ = distil.mdp(fresh(), env, seen, states[:1], FIT)
    state, observation = made.reset(fresh())
    assert observation.tolist() == [1.0, 0.0]
    for _ in range(2):  # arrives, and stays
        state, step = made.step(fresh(), state, jnp.int32(0))
        assert step.observation.tolist() == [0.0, 1.0]


def test_a_table_of_another_size_is_refused() -> None:
    env = blank(PROBES["action"].spec, initial_states=3)
    with pytest.raises(ValueError, match="4 states for a table of 3"):
        bandit(env, lambda o: o, "agreement", 4)


def test_a_probe_of_continuous_actions_can_be_visited() -> None:
    seen = distil.visit(fresh(), hold(True), lambda key, o: jnp.zeros(1), 10, 1.0)
    assert seen.action.min() < -2.0  # uniform in [-3, 1]
    assert seen.action.max() > 0.0
    assert (seen.action >= -3.0).all()
    assert (seen.action <= 1.0).all()
