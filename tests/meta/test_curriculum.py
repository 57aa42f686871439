"""Horizons grow as they are told to, and depend on nothing but the log."""

from typing import Any

import pytest

from probes import section
from synthgym.core.settings import Curriculum
from synthgym.meta import curriculum

GENERATIONS = 20


def settings(kind: str, **changes: Any) -> Curriculum:
    usual: Curriculum = section("meta", "snes").curriculum
    return usual.replace(kind=kind, start=100, begin=0.25, end=0.75).replace(**changes)


def horizons(settings: Curriculum, full: int, fitness: Any = lambda generation: 0.0) -> list[int]:
    rows: list[dict[str, Any]] = []
    for generation in range(GENERATIONS):
        horizon = curriculum.horizon(settings, full, GENERATIONS, rows)
        rows.append({"horizon": horizon, "fitness_mean": fitness(generation)})
    return [row["horizon"] for row in rows]


def test_a_constant_one_is_the_tasks() -> None:
    assert set(horizons(settings("constant"), 500)) == {500}


def test_a_linear_one_changes_between_two_shares_of_the_search() -> None:
    ways = [0] * 5 + [*range(10)] + [10] * 5
    assert horizons(settings("linear"), 1000) == [100 + 90 * way for way in ways]


def test_it_may_become_shorter() -> None:
    """As published for MountainCar: from 1,000 down to 200."""
    made = horizons(settings("linear", start=1000), 200)
    assert (made[0], made[-1]) == (1000, 200)
    assert made == sorted(made, reverse=True)


def test_a_stepwise_one_stays_for_a_while() -> None:
    made = horizons(settings("stepwise", stages=5, begin=0.0, end=1.0), 500)
    assert made == [100] * 4 + [200] * 4 + [300] * 4 + [400] * 4 + [500] * 4


def test_an_adaptive_one_waits_until_the_fitness_no_longer_rises() -> None:
    rising = settings("adaptive", window=2, growth=2.0)
    assert horizons(rising, 500, lambda generation: generation) == [100] * GENERATIONS
    assert horizons(rising, 500)[:10] == [100] * 4 + [200] * 4 + [400] * 2
    assert horizons(rising, 500)[-1] == 500
    # It rises until the eighth generation; the two before and after are then the same.
    until = horizons(rising, 500, lambda generation: min(generation, 7))
    assert until.index(200) == 11


def test_growth_is_a_step_at_least() -> None:
    assert horizons(settings("adaptive", window=1, growth=1.001, start=3), 100)[:6:2] == [3, 4, 5]


@pytest.mark.parametrize("kind", sorted(curriculum.CURRICULA))
def test_it_never_exceeds_the_task(kind: str) -> None:
    assert max(horizons(settings(kind, window=1), 150)) <= 150


def test_episodes_may_begin_longer_than_the_task_is() -> None:
    assert curriculum.longest(settings("linear", start=1000), 200) == 1000
    assert curriculum.longest(settings("linear", start=50), 200) == 200
    assert curriculum.longest(settings("constant", start=1000), 200) == 200
