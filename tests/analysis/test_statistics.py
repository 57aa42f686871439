from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from synthgym.analysis.core import statistics
from synthgym.analysis.core.statistics import (
    bootstrap_interval,
    difference,
    estimate,
    interquartile_mean,
    over_environments,
)

RUNS = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_interquartile_mean_of_eight_runs_by_hand() -> None:
    # of 0 1 2 3 4 5 6 700 two are left out on each side: (2 + 3 + 4 + 5) / 4
    assert interquartile_mean(np.array([5, 0, 700, 3, 1, 2, 6, 4])) == 3.5


def test_a_quarter_is_rounded_down() -> None:
    # 0.25 * 7 = 1.75, so one on each side: (1 + 2 + 3 + 4 + 5) / 5
    assert interquartile_mean(np.array([0, 1, 2, 3, 4, 5, 600])) == 3


def test_three_runs_are_averaged() -> None:
    assert interquartile_mean(np.array([0, 1, 500])) == 167


def test_interquartile_mean_along_an_axis() -> None:
    runs = np.array([[0, 1, 2, 30], [4, 5, 6, 70]])
    assert interquartile_mean(runs, axis=-1).tolist() == [1.5, 5.5]


@given(RUNS)
def test_interquartile_mean_is_between_lowest_and_highest(runs: list[float]) -> None:
    assert min(runs) - 1e-9 <= interquartile_mean(np.array(runs)) <= max(runs) + 1e-9


@given(RUNS, st.randoms())
def test_interquartile_mean_does_not_depend_on_the_order(runs: list[float], order: Random) -> None:
    mixed = order.sample(runs, len(runs))
    assert interquartile_mean(np.array(mixed)) == pytest.approx(interquartile_mean(np.array(runs)))


@given(
    st.integers(1, 10).flatmap(lambda q: st.lists(RUNS.map(max), min_size=4 * q, max_size=4 * q))
)
def test_interquartile_mean_is_the_mean_of_the_middle_half(runs: list[float]) -> None:
    quarter = len(runs) // 4
    middle = sorted(runs)[quarter:-quarter]
    assert interquartile_mean(np.array(runs)) == pytest.approx(np.mean(middle), abs=1e-9)


def test_bootstrap_agrees_with_scipy_on_one_stratum() -> None:
    runs = generator(1).gamma(2, 100, size=40)
    ours = bootstrap_interval([runs], generator(2))
    theirs = stats.bootstrap(
        (runs,), interquartile_mean, method="percentile", n_resamples=10_000, rng=generator(3)
    ).confidence_interval
    assert ours == pytest.approx(tuple(theirs), abs=0.05 * (ours[1] - ours[0]))


def test_bootstrap_agrees_with_scipy_on_strata_of_different_sizes() -> None:
    strata = [generator(4).normal(0, 1, size=20), generator(5).normal(10, 1, size=30)]
    ours = bootstrap_interval(strata, generator(6))

    def pooled(*resampled: np.ndarray, axis: int) -> Any:
        return interquartile_mean(np.concatenate(resampled, axis=axis), axis=axis)

    theirs = stats.bootstrap(
        strata, pooled, method="percentile", n_resamples=10_000, rng=generator(7)
    ).confidence_interval
    assert ours == pytest.approx(tuple(theirs), abs=0.05 * (ours[1] - ours[0]))
    mixed = bootstrap_interval([np.concatenate(strata)], generator(6))
    assert mixed[1] - mixed[0] > 2 * (ours[1] - ours[0])  # strata matter here


def test_mean_and_its_interval_are_those_of_theory() -> None:
    runs = generator(8).normal(size=400)
    low, high = bootstrap_interval([runs], generator(9), statistic=np.mean)
    error = 1.96 * runs.std() / np.sqrt(400)  # central limit theorem
    assert (low, high) == pytest.approx((runs.mean() - error, runs.mean() + error), abs=0.01)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    # of 200 intervals at 90 %, between 81 % and 97 %: more than four standard errors on each side
    draws = generator(10).normal(size=(200, 40))
    intervals = [
        bootstrap_interval([runs], generator(11), level=0.9, resamples=400) for runs in draws
    ]
    assert 0.81 <= np.mean([low <= 0 <= high for low, high in intervals]) <= 0.97


def test_a_lower_level_gives_a_narrower_interval() -> None:
    runs = generator(12).normal(size=30)
    wide, narrow = (bootstrap_interval([runs], generator(), level=level) for level in (0.95, 0.5))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_bootstrap_follows_from_the_generator() -> None:
    runs = generator(13).normal(size=30)
    assert bootstrap_interval([runs], generator(1)) == bootstrap_interval([runs], generator(1))
    assert bootstrap_interval([runs], generator(1)) != bootstrap_interval([runs], generator(2))


def test_bootstrap_does_not_depend_on_the_size_of_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    strata = [generator(14).normal(size=7), generator(15).normal(size=20)]
    whole = bootstrap_interval(strata, generator(1))
    monkeypatch.setattr(statistics, "CHUNK", 1000)
    assert bootstrap_interval(strata, generator(1)) == whole


@settings(max_examples=20)
@given(st.lists(RUNS, min_size=1, max_size=3))
def test_bootstrap_interval_is_between_lowest_and_highest(strata: list[list[float]]) -> None:
    low, high = bootstrap_interval([np.array(runs) for runs in strata], generator(), resamples=100)
    runs = np.concatenate(strata)
    assert runs.min() - 1e-9 <= low <= high <= runs.max() + 1e-9


def test_frozen_estimate() -> None:
    # made with this code; must be the same with every version of numpy and scipy
    e = estimate(np.arange(20) ** 2, strata=[0, 1] * 10)
    assert (e.iqm, e.mean, e.median, e.n) == (98.5, 123.5, 90.5, 20)
    assert (e.low, e.high) == pytest.approx((43.0, 173.8), abs=1e-9)


def test_one_stratum_per_run_leaves_nothing_to_resample() -> None:
    e = estimate([1.0, 2.0, 3.0, 4.0], strata="abcd")
    assert (e.low, e.iqm, e.high) == (2.5, 2.5, 2.5)


def test_nothing_cannot_be_estimated() -> None:
    with pytest.raises(ValueError, match="no run"):
        estimate([])


def test_a_diverged_run_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 3 runs"):
        estimate([1.0, np.nan, 2.0])


def test_fraction_interval_by_hand() -> None:
    # Wilson, 8 of 10, z = 1.96: centre (8 + z^2/2) / (10 + z^2) = 0.7166, half width 0.2267
    assert statistics.fraction_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_all_of_few_is_not_certain() -> None:
    low, high = statistics.fraction_interval(5, 5)
    assert low < 0.6
    assert high == 1


def test_a_difference_is_of_interquartile_means() -> None:
    # Middle halves: 2, 3 and 10, 11.
    found = difference([np.array([1.0, 2, 3, 100])], [np.array([-50.0, 10, 11, 12])])
    assert found.difference == 2.5 - 10.5
    assert found.low < found.difference < found.high


def test_the_interval_of_a_difference_knows_that_seeds_differ() -> None:
    """Runs of a seed are all alike, so only other seeds would give anything else."""
    alike = [np.full(20, level) for level in (0.0, 1.0, 2.0, 3.0)]
    found = difference(alike, [np.zeros(20)])
    assert found.low <= 0.5 < 2.5 <= found.high
    assert difference([np.concatenate(alike)], [np.zeros(80)]).high < 2.5


def test_where_there_is_no_difference_the_interval_says_so() -> None:
    draw = generator().normal

    def group() -> list[np.ndarray]:
        return [draw(size=20) for _ in range(5)]

    within = [difference(group(), group(), resamples=300) for _ in range(40)]
    covered = sum(d.low <= 0 <= d.high for d in within)
    assert covered >= 33  # of 40 at 95 %: fewer than 33 in one of 10,000 cases


def test_the_interval_over_environments_knows_that_they_differ() -> None:
    values, environments = np.repeat([0.0, 100.0], 8) + np.tile(range(8), 2), np.repeat([0, 1], 8)
    other = over_environments(values, environments)
    same = estimate(values, environments)
    assert other.iqm == same.iqm
    assert other.low < 10 < same.low < same.high < 90 < other.high
    shuffled = generator().permutation(16)  # rows come in any order
    assert over_environments(values[shuffled], environments[shuffled]).low == pytest.approx(
        other.low, abs=2
    )
    with pytest.raises(ValueError, match="equally many"):
        over_environments(values[1:], environments[1:])
