"""Hyperparameters are drawn from where their section says."""

import math
from typing import Any

import jax
import numpy as np
import pytest

from probes import section
from synthgym.agents import spaces

COUNT = 2000
PPO = section("agent", "ppo")


def draws(space: Any, count: int = COUNT) -> np.ndarray:
    return np.asarray(spaces.sample(jax.random.key(0), space, count))


def test_a_choice_hits_all_and_nothing_else() -> None:
    values, counts = np.unique(draws({"choice": [1.0, 0.5, 8.0, 2.0]}), return_counts=True)
    assert values.tolist() == [0.5, 1.0, 2.0, 8.0]
    assert counts.min() > COUNT / 4 * 0.8


@pytest.mark.parametrize(("kind", "middle"), [("uniform", 5.0005), ("log_uniform", 0.1)])
def test_numbers_are_within_their_bounds_and_centred(kind: str, middle: float) -> None:
    drawn = draws({kind: [0.001, 10.0]})
    assert drawn.min() >= np.float32(0.001)
    assert drawn.max() <= 10.0
    assert abs((drawn < middle).mean() - 0.5) < 0.05
    assert len(np.unique(drawn)) > COUNT / 2


def test_integers_hit_all_including_both_bounds() -> None:
    values, counts = np.unique(draws({"int": [-1, 3]}), return_counts=True)
    assert values.tolist() == [-1.0, 0.0, 1.0, 2.0, 3.0]
    assert counts.min() > COUNT / 5 * 0.8


@pytest.mark.parametrize("kind", ["log_uniform", "int"])
def test_rounding_does_not_leave_the_bounds(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32 the highest number may round to just above `high`."""
    top = math.log(3.0) + 1e-6 if kind == "log_uniform" else 4.0
    monkeypatch.setattr(jax.random, "uniform", lambda *_, **__: np.full(2, top, np.float32))
    assert draws({kind: [1, 3]}, 2).tolist() == [3.0, 3.0]


@pytest.mark.parametrize("values", [[1.0, 2.0], [1.0, 2.0, 3.0]])
def test_an_unknown_kind_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="Unknown space 'normal'; use choice, uniform, "):
        draws({"normal": values})


def test_each_draw_is_its_own_and_defaults_are_kept() -> None:
    drawn = spaces.draw(jax.random.key(0), PPO, COUNT, "sampled")
    assert set(drawn) == set(PPO.hyperparameters)
    for name, space in PPO.search.items():
        np.testing.assert_allclose(np.unique(drawn[name]), np.sort(np.float32(space["choice"])))
    assert np.unique(drawn["max_grad_norm"]).tolist() == [10.0]
    # Independent: two of them agree in rank in about half of all pairs.
    correlation = np.corrcoef(drawn["learning_rate"], drawn["gamma"])[0, 1]
    assert abs(correlation) < 0.1


def test_default_draws_nothing() -> None:
    drawn = spaces.draw(jax.random.key(0), PPO, 3, "default")
    for name, value in PPO.hyperparameters.items():
        assert drawn[name].tolist() == [np.float32(value)] * 3


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="'sampled' or 'default', not 'tuned'"):
        spaces.draw(jax.random.key(0), PPO, 3, "tuned")


def test_another_space_does_not_change_the_others() -> None:
    before = spaces.draw(jax.random.key(0), PPO, 9, "sampled")
    more = section("agent", "ppo", search={"max_grad_norm": {"uniform": [0.5, 10.0]}})
    after = spaces.draw(jax.random.key(0), more, 9, "sampled")
    for name in PPO.search:
        np.testing.assert_array_equal(before[name], after[name])
    assert len(np.unique(after["max_grad_norm"])) == 9


def test_the_first_draws_do_not_depend_on_how_many_follow() -> None:
    few = spaces.draw(jax.random.key(0), PPO, 3, "sampled")
    many = spaces.draw(jax.random.key(0), PPO, 50, "sampled")
    for name, values in few.items():
        np.testing.assert_array_equal(values, many[name][:3])
