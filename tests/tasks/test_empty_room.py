"""The empty room, worked out by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import section
from synthgym.tasks import base
from synthgym.tasks.grid import Place

RIGHT, LEFT, DOWN, UP = range(4)
TASK = base.load(section("task", "empty_room"))
STEP = jax.jit(lambda *args: TASK.step(jax.random.key(0), *args))


def walk(*actions: int) -> list[Any]:
    """The steps that these actions lead to, from the start."""
    (state, _), steps = TASK.reset(jax.random.key(0)), []
    for action in actions:
        state, step = STEP(state, jnp.int32(action))
        steps.append(step)
    return steps


def place(observation: Any) -> tuple[int, int]:
    """Row and column of a one-hot observation."""
    np.testing.assert_array_equal(np.sort(observation), [0.0, 0.0, 0.0, 1.0])
    return divmod(int(observation.argmax()), 2)


@pytest.mark.parametrize("actions", [(RIGHT, DOWN), (DOWN, RIGHT)])
def test_both_best_paths_return_1_less_one_step(actions: tuple[int, int]) -> None:
    steps = walk(*actions)
    assert sum(float(step.reward) for step in steps) == pytest.approx(1.0 - 0.01)
    assert [bool(step.terminated) for step in steps] == [False, True]
    assert place(steps[-1].observation) == (1, 1)


def test_who_walks_against_a_border_stays_and_pays() -> None:
    steps = walk(LEFT, UP, RIGHT, UP, RIGHT)
    assert [place(step.observation) for step in steps] == [(0, 0), (0, 0), (0, 1), (0, 1), (0, 1)]
    assert [float(step.reward) for step in steps] == pytest.approx([-0.01] * 5)
    assert not any(step.terminated for step in steps)


def test_an_episode_is_truncated_after_10_steps() -> None:
    steps = walk(*[LEFT, UP] * 5)
    assert [bool(step.truncated) for step in steps] == [False] * 9 + [True]
    assert sum(float(step.reward) for step in steps) == pytest.approx(-0.1)


def test_who_arrives_at_the_horizon_is_not_truncated_too() -> None:
    state = Place(jnp.int32(0), jnp.int32(1), jnp.int32(9))
    _, step = STEP(state, jnp.int32(DOWN))
    assert (bool(step.terminated), bool(step.truncated)) == (True, False)
