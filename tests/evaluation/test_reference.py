"""Reference returns in conf/task/ are what is measured."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import PROBES, section
from synthgym.core.types import EnvSpec
from synthgym.evaluation.reference import mean_and_error, random_returns
from synthgym.tasks import base
from synthgym.tasks.rollout import uniform_action

CLASSIC = [
    *("cartpole", "cartpole_v0", "acrobot", "mountain_car", "mountain_car_continuous"),
    *("pendulum", "cliff", "empty_room"),
]
MINATAR = [f"{game}_minatar" for game in ("asterix", "breakout", "freeway", "space_invaders")]
BRAX = ["hopper", "halfcheetah", "walker2d", "swimmer", "humanoidstandup", "ant", "reacher"]


def compare(name: str, committed: int, episodes: int) -> None:
    """The committed value, of so many episodes with seed 0, and another measurement."""
    task = section("task", name)
    mean, error = mean_and_error(random_returns(base.load(task), episodes, seed=1))
    error_of_difference = error * (1 + episodes / committed) ** 0.5
    rounding = 5e-4 * abs(mean)  # four significant digits
    assert abs(mean - task.reference.random) <= 4 * error_of_difference + rounding


@pytest.mark.parametrize("name", CLASSIC)
def test_random_actions_earn_what_the_file_says(name: str) -> None:
    compare(name, 1000, episodes=4000)  # MountainCarContinuous is solved in 1 of 500


@pytest.mark.parametrize("name", MINATAR)
def test_random_players_earn_what_the_file_says(name: str) -> None:
    compare(name, 1000, episodes=300)


@pytest.mark.slow
@pytest.mark.parametrize("name", BRAX)
def test_random_torques_earn_what_the_file_says(name: str) -> None:
    compare(name, 100, episodes=100)


def test_mean_and_error_are_those_of_the_textbook() -> None:
    """Variance with n - 1: (9 + 1 + 1 + 9) / 3, over n: 20 / 12."""
    mean, error = mean_and_error(jnp.array([1.0, 3.0, 5.0, 7.0]))
    np.testing.assert_allclose([mean, error], [4.0, (20 / 12) ** 0.5])


def test_returns_are_those_of_whole_episodes() -> None:
    """Two steps of 0 and 1 from the first state of this probe, whatever is done."""
    returns = random_returns(PROBES["delayed"], 5, seed=0)
    assert returns.tolist() == [1.0] * 5


@pytest.mark.parametrize(
    ("spec", "low", "high"),
    [
        (EnvSpec(1, 3, 0, -1.0, 1.0, 1), 0, 2),
        (EnvSpec(1, 0, 2, -2.0, 0.5, 1), -2.0, 0.5),
    ],
)
def test_actions_are_uniform_within_the_bounds(spec: EnvSpec, low: float, high: float) -> None:
    keys = jax.random.split(jax.random.key(0), 3000)
    actions: Any = jax.vmap(lambda key: uniform_action(spec, key, jnp.zeros(1)))(keys)
    assert low <= actions.min() < low + 0.01
    assert high - 0.01 < actions.max() <= high
    np.testing.assert_allclose(actions.mean(0), (low + high) / 2, atol=0.05)
