"""Our classic-control tasks are Gymnasium's."""

from collections.abc import Callable
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import section
from synthbench.tasks import base
from synthbench.types import Step

COUNT = 300
RNG = np.random.default_rng(0)


def uniform(*bounds: float) -> np.ndarray:
    """`COUNT` states within these bounds of each dimension, as float32 can hold them."""
    high = np.array(bounds)
    return RNG.uniform(-high, high, (COUNT, len(bounds))).astype(np.float32)


# Task: attributes of our state, states, actions. Some states are about to end.
CASES: dict[str, tuple[tuple[str, ...], np.ndarray, np.ndarray]] = {
    "cartpole": (
        ("x", "x_dot", "theta", "theta_dot"),
        uniform(2.39, 3.0, 0.2, 3.0),
        RNG.integers(0, 2, COUNT),
    ),
    "acrobot": (
        ("joint_angle1", "joint_angle2", "velocity_1", "velocity_2"),
        uniform(np.pi, np.pi, 4.0, 9.0),
        RNG.integers(0, 3, COUNT),
    ),
    "pendulum": (("theta", "theta_dot"), uniform(np.pi, 8.0), uniform(3.0)),
}


def ours(name: str) -> tuple[Any, Step]:
    """One step of our task from each state."""
    attributes, states, actions = CASES[name]
    task = base.load(section("task", name))
    key_reset, key_step = jax.random.split(jax.random.key(0))
    state, _ = jax.vmap(task.reset)(jax.random.split(key_reset, COUNT))
    state = state.replace(**dict(zip(attributes, jnp.asarray(states.T), strict=True)))
    return jax.jit(jax.vmap(task.step))(
        jax.random.split(key_step, COUNT), state, jnp.asarray(actions)
    )


def gymnasiums(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Observation, reward, terminated of one step of Gymnasium's from each state."""
    _, states, actions = CASES[name]
    env: Any = gymnasium.make(section("task", name).id).unwrapped
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
    if name != "pendulum":  # which never terminates
        assert 0 < terminated.sum() < COUNT


@pytest.mark.parametrize("name", CASES)
def test_the_first_observation_is_gymnasiums_in_range(name: str) -> None:
    task = base.load(section("task", name))
    keys = jax.random.split(jax.random.key(0), COUNT)
    _, mine = jax.vmap(task.reset)(keys)
    env: Any = gymnasium.make(task.id).unwrapped  # type: ignore[attr-defined]
    theirs = np.array([env.reset(seed=seed)[0] for seed in range(COUNT)])
    np.testing.assert_allclose(mine.min(0), theirs.min(0), atol=0.05)
    np.testing.assert_allclose(mine.max(0), theirs.max(0), atol=0.05)


@pytest.mark.parametrize(("name", "action"), [("cartpole", 0), ("acrobot", 1), ("pendulum", [0.0])])
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


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"observation_size": 5}, "observation_size is 5, but that of CartPole-v1 is 4"),
        ({"action": {"size": 3}}, "action.size is 3, but that of CartPole-v1 is 2"),
        ({"action": {"kind": "continuous"}}, "is continuous, but that of CartPole-v1 is discrete"),
    ],
)
def test_a_section_that_contradicts_the_task_is_refused(change: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"conf/task/cartpole.yaml: .*{complaint}"):
        base.load(section("task", "cartpole", **change))


def test_a_task_may_be_made_while_jax_is_tracing() -> None:
    """What is kept of it must not belong to the trace."""
    from synthbench.tasks import classic

    classic._gymnax.cache_clear()
    first: Callable[[Any], Any] = jax.jit(
        lambda key: base.load(section("task", "acrobot")).reset(key)[1]
    )
    first(jax.random.key(0))
    task = base.load(section("task", "acrobot"))
    state, _ = task.reset(jax.random.key(0))
    assert task.step(jax.random.key(1), state, jnp.int32(0))[1].reward == -1
