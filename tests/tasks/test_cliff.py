"""Cliff walking, worked out by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import section
from synthgym.tasks import base
from synthgym.tasks.cliff import Place

RIGHT, LEFT, DOWN, UP = range(4)
START, GOAL = (3, 0), (3, 11)
TASK = base.load(section("task", "cliff"))
STEP = jax.jit(lambda *args: TASK.step(jax.random.key(0), *args))


def walk(*actions: int, begin: tuple[int, int] = START, time: int = 0) -> list[Any]:
    """The steps that these actions lead to."""
    state, steps = Place(*map(jnp.int32, (*begin, time))), []
    for action in actions:
        state, step = STEP(state, jnp.int32(action))
        steps.append(step)
    return steps


def place(observation: Any) -> tuple[int, int]:
    """Row and column of a one-hot observation."""
    np.testing.assert_array_equal(np.sort(observation), [0.0] * 47 + [1.0])
    return divmod(int(observation.argmax()), 12)


def test_an_episode_begins_bottom_left() -> None:
    _, observation = TASK.reset(jax.random.key(0))
    assert place(observation) == START


def test_the_best_path_returns_minus_12() -> None:
    """Up, 11 to the right, down: 12 steps at -1, and one that arrives."""
    steps = walk(UP, *[RIGHT] * 11, DOWN)
    assert sum(float(step.reward) for step in steps) == -12
    assert [bool(step.terminated) for step in steps] == [False] * 12 + [True]
    assert [place(step.observation) for step in steps] == [(2, c) for c in range(12)] + [GOAL]


@pytest.mark.parametrize(
    ("begin", "action", "to", "reward", "terminated"),
    [
        (START, RIGHT, (3, 1), -100, True),  # the first hole
        ((2, 10), DOWN, (3, 10), -100, True),  # the last hole
        ((2, 11), DOWN, GOAL, 0, True),
        ((2, 0), DOWN, START, -1, False),  # back to the start
        (START, LEFT, START, -1, False),  # borders: who walks against them stays
        (START, DOWN, START, -1, False),
        ((0, 0), UP, (0, 0), -1, False),
        ((0, 11), RIGHT, (0, 11), -1, False),
        ((1, 5), LEFT, (1, 4), -1, False),
        ((1, 5), UP, (0, 5), -1, False),
    ],
)
def test_a_step_is_as_worked_out_by_hand(
    begin: tuple[int, int], action: int, to: tuple[int, int], reward: float, terminated: bool
) -> None:
    (step,) = walk(action, begin=begin)
    assert place(step.observation) == to
    assert (float(step.reward), bool(step.terminated)) == (reward, terminated)
    assert not step.truncated


def test_an_episode_is_truncated_after_50_steps() -> None:
    steps = walk(*[LEFT] * 50)
    assert [bool(step.truncated) for step in steps] == [False] * 49 + [True]
    assert not any(step.terminated for step in steps)


def test_a_fall_at_the_horizon_is_not_truncated_too() -> None:
    (step,) = walk(RIGHT, time=49)
    assert (bool(step.terminated), bool(step.truncated)) == (True, False)


def test_a_section_that_contradicts_the_task_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cliff.yaml: num_states is 0, but that of Cliff is 48"):
        base.load(section("task", "cliff", num_states=0))
