"""Our classic-control tasks are Gymnasium's."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import section
from synthgym.core.types import Step
from synthgym.tasks import base

COUNT = 1000
RNG = np.random.default_rng(0)


def between(*bounds: tuple[float, float], count: int = COUNT) -> np.ndarray:
    """States within these bounds of each dimension, as float32 can hold them."""
    low, high = np.array(bounds).T
    return RNG.uniform(low, high, (count, len(bounds))).astype(np.float32)


def uniform(*bounds: float) -> np.ndarray:
    """`COUNT` states at most so far from 0."""
    return between(*((-bound, bound) for bound in bounds))


def valley() -> np.ndarray:
    """States of both mountain cars: anywhere, by the left wall, by the goal, at the right end."""
    anywhere, wall = (-1.2, 0.6), (-1.2, -1.15)
    speed = (-0.07, 0.07)
    places = [(anywhere, 0.55), (wall, 0.2), ((0.4, 0.5), 0.2), ((0.55, 0.6), 0.05)]
    states = [between(place, speed, count=round(COUNT * share)) for place, share in places]
    states[1][0] = -1.2, -0.07  # both limits at once
    states[3][0] = 0.6, 0.07
    return np.concatenate(states)


CART = ("x", "x_dot", "theta", "theta_dot")
CAR = ("position", "velocity")
# Task: attributes of our state, states, actions. Some states are about to end.
CASES: dict[str, tuple[tuple[str, ...], np.ndarray, np.ndarray]] = {
    "cartpole": (CART, uniform(2.39, 3.0, 0.2, 3.0), RNG.integers(0, 2, COUNT)),
    "cartpole_v0": (CART, uniform(2.39, 3.0, 0.2, 3.0), RNG.integers(0, 2, COUNT)),
    "acrobot": (
        ("joint_angle1", "joint_angle2", "velocity_1", "velocity_2"),
        uniform(np.pi, np.pi, 4 * np.pi, 9 * np.pi),
        RNG.integers(0, 3, COUNT),
    ),
    "mountain_car": (CAR, valley(), RNG.integers(0, 3, COUNT)),
    "mountain_car_continuous": (CAR, valley(), uniform(1.5)),
    "pendulum": (("theta", "theta_dot"), uniform(np.pi, 8.0), uniform(3.0)),
}
ENDLESS = ("pendulum",)  # it never terminates


def gymnasiums_task(name: str) -> Any:
    with warnings.catch_warnings():  # CartPole-v0 is out of date, it says
        warnings.simplefilter("ignore", DeprecationWarning)
        return gymnasium.make(section("task", name).id).unwrapped


def ours(name: str, **physics: float) -> tuple[Any, Step]:
    """One step of our task from each state."""
    attributes, states, actions = CASES[name]
    options = {"physics": {parameter: [value] for parameter, value in physics.items()}}
    task = base.load(section("task", name, options=options if physics else {}))
    key_reset, key_step = jax.random.split(jax.random.key(0))
    state, _ = jax.vmap(task.reset)(jax.random.split(key_reset, COUNT))
    those = dict(zip(attributes, jnp.asarray(states.T), strict=True))
    if physics:
        state = state._replace(state=state.state.replace(**those))
    else:
        state = state.replace(**those)
    return jax.jit(jax.vmap(task.step))(
        jax.random.split(key_step, COUNT), state, jnp.asarray(actions)
    )


def gymnasiums(name: str, **physics: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Observation, reward, terminated of one step of Gymnasium's from each state."""
    _, states, actions = CASES[name]
    env = gymnasiums_task(name)
    for parameter, value in physics.items():
        assert getattr(env, parameter) != value
        setattr(env, parameter, value)
    if name == "cartpole":
        env.polemass_length = env.masspole * env.length
        env.total_mass = env.masspole + env.masscart
    rows = []
    for state, action in zip(states, actions, strict=True):
        env.reset(seed=0)
        env.state = np.asarray(state, np.float64)
        rows.append(env.step(action)[:3])
    observation, reward, terminated = zip(*rows, strict=True)
    return np.array(observation), np.array(reward), np.array(terminated)


@pytest.mark.parametrize("name", CASES)
def test_a_step_is_gymnasiums(name: str) -> None:
    _, step = ours(name)
    observation, reward, terminated = gymnasiums(name)
    np.testing.assert_allclose(step.observation, observation, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(step.reward, reward, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(step.terminated, terminated)
    assert not step.truncated.any()
    if name not in ENDLESS:
        assert 0 < terminated.sum() < COUNT


@pytest.mark.parametrize(
    ("name", "physics"),
    [
        ("cartpole", {"length": 1.5}),
        ("cartpole", {"masspole": 0.4, "gravity": 5.0}),
        ("pendulum", {"m": 0.5, "g": 3.0}),
    ],
)
def test_with_other_physics_a_step_is_gymnasiums_with_these(
    name: str, physics: dict[str, float]
) -> None:
    _, step = ours(name, **physics)
    observation, reward, terminated = gymnasiums(name, **physics)
    np.testing.assert_allclose(step.observation, observation, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(step.reward, reward, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(step.terminated, terminated)
    usual, _, _ = gymnasiums(name)
    assert not np.allclose(observation, usual, atol=1e-3)


def test_each_episode_draws_its_physics_and_keeps_them() -> None:
    physics = {"length": [0.25, 2.0], "gravity": [5.0, 7.0, 9.0]}
    task = base.load(section("task", "cartpole", options={"physics": physics}))
    first, second, third = (
        jax.random.split(key, COUNT) for key in jax.random.split(jax.random.key(0), 3)
    )
    state, observation = jax.vmap(task.reset)(first)
    pairs, counts = np.unique(np.stack(list(state.physics.values())), axis=1, return_counts=True)
    assert dict(zip(state.physics, map(set, pairs.tolist()), strict=True)) == {
        name: set(values) for name, values in physics.items()
    }
    assert len(counts) == 6
    assert abs(counts / COUNT - 1 / 6).max() < 0.05
    assert np.abs(np.corrcoef(observation.T, state.physics["length"])[-1, :-1]).max() < 0.1
    later, _ = jax.vmap(task.step)(second, state, jnp.zeros(COUNT, int))
    jax.tree.map(np.testing.assert_array_equal, later.physics, state.physics)
    at_end = state._replace(state=state.state.replace(x=jnp.full(COUNT, 9.0)))
    following, _, _ = jax.vmap(partial(base.step_and_reset, task))(
        third, at_end, jnp.zeros(COUNT, int)
    )
    changed = np.mean(following.physics["length"] != state.physics["length"])
    assert 0.4 < changed < 0.6  # the next episode draws again


@pytest.mark.parametrize("name", CASES)
def test_the_first_observation_is_gymnasiums_in_range(name: str) -> None:
    task = base.load(section("task", name))
    keys = jax.random.split(jax.random.key(0), COUNT)
    _, mine = jax.vmap(task.reset)(keys)
    env = gymnasiums_task(name)
    theirs = np.array([env.reset(seed=seed)[0] for seed in range(COUNT)])
    np.testing.assert_allclose(mine.min(0), theirs.min(0), atol=0.05)
    np.testing.assert_allclose(mine.max(0), theirs.max(0), atol=0.05)


@pytest.mark.parametrize("name", CASES)
def test_horizon_and_threshold_are_those_of_gymnasiums_registry(name: str) -> None:
    task = section("task", name)
    theirs = gymnasium.spec(task.id)
    assert task.horizon == theirs.max_episode_steps
    assert task.solved == theirs.reward_threshold or theirs.reward_threshold is None


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("cartpole", 0),
        ("cartpole_v0", 1),
        ("acrobot", 1),
        ("mountain_car", 1),
        ("mountain_car_continuous", [0.0]),
        ("pendulum", [0.0]),
    ],
)
def test_an_episode_is_truncated_at_the_horizon(name: str, action: Any) -> None:
    task = base.load(section("task", name, horizon=4))

    def advance(state: Any, key: Any) -> Any:
        return task.step(key, state, jnp.asarray(action))

    keys = jax.random.split(jax.random.key(0), 4)
    state, _ = task.reset(jax.random.key(1))
    _, steps = jax.lax.scan(advance, state, keys)
    assert steps.truncated.tolist() == [False, False, False, True]
    assert not steps.terminated.any()


def test_an_episode_that_ends_at_its_horizon_is_not_truncated_too() -> None:
    task = base.load(section("task", "cartpole"))
    state, _ = task.reset(jax.random.key(0))
    state = state.replace(x=jnp.float32(2.39), x_dot=jnp.float32(3.0), time=jnp.int32(499))
    _, step = task.step(jax.random.key(1), state, jnp.int32(1))
    assert (bool(step.terminated), bool(step.truncated)) == (True, False)


def test_the_left_wall_stops_the_car() -> None:
    """In gymnax 1.0.1 it does not."""
    task = base.load(section("task", "mountain_car_continuous"))
    state, _ = task.reset(jax.random.key(0))
    state = state.replace(position=jnp.float32(-1.19), velocity=jnp.float32(-0.05))
    _, step = task.step(jax.random.key(1), state, jnp.array([-1.0]))
    np.testing.assert_allclose(step.observation, [-1.2, 0.0])


def test_a_car_that_swings_by_the_wall_arrives_when_gymnasiums_does() -> None:
    """It drives the way it moves, after a start. In gymnax 1.0.1 it needs 50 to 100 steps more."""
    task = base.load(section("task", "mountain_car_continuous"))
    env = gymnasiums_task("mountain_car_continuous")
    (position, speed), _ = env.reset(seed=0)
    state, _ = task.reset(jax.random.key(0))
    state = state.replace(position=jnp.float32(position), velocity=jnp.float32(speed))
    ours = jax.jit(task.step)
    touched = False
    for time in range(300):
        right = time // 25 % 2 == 1 if time < 60 else speed > 0
        action = np.array([1.0 if right else -1.0], np.float32)
        (position, speed), _, theirs, _, _ = env.step(action)
        state, step = ours(jax.random.key(1), state, jnp.asarray(action))
        assert bool(step.terminated) == theirs
        touched |= bool(position == np.float32(-1.2))
        if theirs:
            break
    assert theirs
    assert touched
    np.testing.assert_allclose(step.observation, [position, speed], atol=1e-4)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"observation_size": 5}, "observation_size is 5, but that of CartPole-v1 is 4"),
        ({"action": {"size": 3}}, "action.size is 3, but that of CartPole-v1 is 2"),
        ({"action": {"kind": "continuous"}}, "is continuous, but that of CartPole-v1 is discrete"),
        ({"num_states": 3}, "num_states is 3, but that of CartPole-v1 is 0"),
        ({"options": {"backend": "spring"}}, "CartPole-v1 has no option backend; there is physics"),
    ],
)
def test_a_section_that_contradicts_the_task_is_refused(change: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"conf/task/cartpole.yaml: .*{complaint}"):
        base.load(section("task", "cartpole", **change))


def test_other_bounds_of_actions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"action.low is -1.0, but that of Pendulum-v1 is -2.0"):
        base.load(section("task", "pendulum", action={"low": -1.0}))


def test_a_task_may_be_made_while_jax_is_tracing() -> None:
    """What is kept of it must not belong to the trace."""
    from synthgym.tasks import classic

    classic.of_gymnax.cache_clear()
    first: Callable[[Any], Any] = jax.jit(
        lambda key: base.load(section("task", "acrobot")).reset(key)[1]
    )
    first(jax.random.key(0))
    task = base.load(section("task", "acrobot"))
    state, _ = task.reset(jax.random.key(0))
    assert task.step(jax.random.key(1), state, jnp.int32(0))[1].reward == -1


@pytest.mark.parametrize("name", ["lenght", "polemass_length", "max_steps_in_episode"])
def test_physics_that_a_task_does_not_have_or_that_follow_from_others_are_refused(
    name: str,
) -> None:
    with pytest.raises(ValueError, match=f"CartPole-v1 has no {name}, only gravity, .*len"):
        base.load(section("task", "cartpole", options={"physics": {name: [1.0]}}))
