"""MinAtar's games are gymnax's, seen as one row of numbers."""

from typing import Any

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import section
from synthgym.tasks import base

GAMES = ("asterix_minatar", "breakout_minatar", "freeway_minatar", "space_invaders_minatar")


@pytest.mark.parametrize("name", GAMES)
def test_an_episode_is_that_of_gymnax(name: str) -> None:
    task = base.load(section("task", name))
    theirs, params = gymnax.make(section("task", name).id)
    key = jax.random.key(0)
    state, observation = task.reset(key)
    image, their_state = theirs.reset_env(jax.random.clone(key), params)
    step, their_step = jax.jit(task.step), jax.jit(theirs.step_env)
    for t in range(60):
        np.testing.assert_array_equal(observation, image.reshape(-1))
        key_step = jax.random.key(t)
        action = jnp.int32(t % task.spec.num_actions)
        state, (observation, reward, terminated, truncated) = step(key_step, state, action)
        image, their_state, their_reward, done, _ = their_step(
            jax.random.clone(key_step), their_state, action, params
        )
        assert (reward, terminated, truncated) == (their_reward, done, False)
        if done:
            return
    assert set(np.unique(observation)) == {0.0, 1.0}


def test_an_image_is_read_row_by_row_and_cell_by_cell() -> None:
    """Breakout: the paddle is channel 0 of row 9, the bricks channel 3 of rows 1 to 3."""
    task = base.load(section("task", "breakout_minatar"))
    state, observation = task.reset(jax.random.key(0))
    image = np.asarray(observation).reshape(task.spec.image)
    assert list(zip(*np.nonzero(image[..., 0]), strict=True)) == [(9, state.pos)]
    assert image[..., 3].sum(1).tolist() == [0, 10, 10, 10, 0, 0, 0, 0, 0, 0]


def test_time_that_is_up_is_no_loss() -> None:
    """Nobody loses in Freeway; after its horizon the episode is cut."""
    task = base.load(section("task", "freeway_minatar"))
    state, _ = task.reset(jax.random.key(0))
    _, last = task.step(jax.random.key(1), state.replace(time=2498), jnp.int32(0))
    _, cut = task.step(jax.random.key(1), state.replace(time=2499), jnp.int32(0))
    assert [bool(last.terminated), bool(last.truncated)] == [False, False]
    assert [bool(cut.terminated), bool(cut.truncated)] == [False, True]


def test_a_lost_ball_ends_the_episode() -> None:
    task = base.load(section("task", "breakout_minatar"))
    state, _ = task.reset(jax.random.key(0))
    falling = state.replace(ball_x=2, ball_y=8, ball_dir=2, pos=9, time=999)
    _, step = task.step(jax.random.key(1), falling, jnp.int32(0))
    assert [bool(step.terminated), bool(step.truncated)] == [True, False]  # also where time is up


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"observation_size": 5}, "observation_size is 5, but that of Breakout-MinAtar is 400"),
        ({"action": {"size": 6}}, "action.size is 6, but that of Breakout-MinAtar is 3"),
        ({"options": {"image": [10, 4, 10]}}, r"options.image must be \[10, 10, 4\]"),
        ({"options": {"image": [10, 10, 4], "of": "x"}}, "has no option of; there is image"),
    ],
)
def test_a_section_that_contradicts_the_game_is_refused(change: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"conf/task/breakout_minatar.yaml: .*{complaint}"):
        base.load(section("task", "breakout_minatar", **change))
