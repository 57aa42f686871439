"""How well, and how surely? Interquartile mean, bootstrap (Agarwal et al. 2021).

Intervals are of two kinds. Runs resampled within each environment say what other runs in the
*same* environments would give (`estimate`). Environments resampled, and then the runs in each, say
what other environments, made in the same way, would give (`hierarchical`, `nested`, `difference`):
with one environment they cannot, and from a few they are too narrow.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import SupportsFloat

import numpy as np
from scipy import stats

LEVEL = 0.95
RESAMPLES = 10_000  # of runs within their environments
NESTED = 2_000  # of environments, and of runs in each
CURVES = 1_000  # where there is an interval at each point of a curve
SEED = 2021  # each estimate starts the same stream: none depends on what was computed before it
CHUNK = 1_000_000  # values resampled at once; bounds the memory (8 bytes each, a few copies)

Statistic = Callable[..., np.ndarray | np.floating]


@dataclass(frozen=True)
class Estimate:
    """A point with its interval; all but `n` in the unit of the values."""

    iqm: float
    low: float  # bounds of the interquartile mean's percentile interval
    high: float
    mean: float
    median: float
    n: int  # runs, over all strata

    @property
    def interval(self) -> dict[str, float]:
        return {"value": self.iqm, "low": self.low, "high": self.high}


def interquartile_mean(values: np.ndarray, axis: int = -1) -> np.ndarray | np.floating:
    """Mean of the middle half: a quarter (rounded down) is left out on each side, as in rliable.

    From fewer than four runs nothing is left out: it is the mean.
    """
    return stats.trim_mean(values, 0.25, axis=axis)


def estimate(
    values: Iterable[SupportsFloat],
    strata: Iterable[object] | None = None,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Interquartile mean with its interval; `strata` names the stratum of each value."""
    runs = np.array([float(value) for value in values])
    names = np.zeros(len(runs)) if strata is None else np.asarray(list(strata))
    grouped = [runs[names == name] for name in np.unique(names)]
    generator = np.random.default_rng(SEED)
    low, high = bootstrap_interval(grouped, generator, resamples=resamples)
    iqm, mean, median = (float(f(runs)) for f in (interquartile_mean, np.mean, np.median))
    return Estimate(iqm, low, high, mean, median, len(runs))


def over_environments(
    values: Iterable[SupportsFloat], environments: Iterable[object], resamples: int = CURVES
) -> Estimate:
    """Interquartile mean; its interval resamples environments, then runs in each (`nested`).

    `environments` names that of each value. ValueError where they have not equally many.
    """
    runs, names = np.array([float(value) for value in values]), np.asarray(list(environments))
    grouped = [runs[names == name] for name in np.unique(names)]
    _refuse_nothing_and_nonsense(grouped)
    chosen = nested([len(group) for group in grouped], resamples)
    low, high = bounds(np.asarray(interquartile_mean(np.concatenate(grouped)[chosen])))
    iqm, mean, median = (float(f(runs)) for f in (interquartile_mean, np.mean, np.median))
    return Estimate(iqm, float(low), float(high), mean, median, len(runs))


def bootstrap_interval(
    strata: Sequence[np.ndarray],
    generator: np.random.Generator,
    statistic: Statistic = interquartile_mean,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Percentile interval of `statistic` over all runs together, resampled within each stratum.

    strata: one vector of runs per stratum (environment seed, task); lengths may differ.
    statistic: (resamples, runs) -> (resamples,), called with `axis=-1`.
    Every resample has as many runs of each stratum as there are, so the interval says what other
    runs in the *same* strata would give, not what other strata would. From fewer than ten runs
    it is too narrow.

    Raises ValueError if there is no run, or one is not finite.
    """
    runs = [np.asarray(stratum, dtype=float) for stratum in strata]
    _refuse_nothing_and_nonsense(runs)
    values = np.concatenate(runs)
    sizes = np.array([len(stratum) for stratum in runs])
    size_of_run = np.repeat(sizes, sizes)
    start_of_run = np.repeat(np.cumsum(sizes) - sizes, sizes)
    rows = max(1, CHUNK // len(values))
    estimates = []
    for done in range(0, resamples, rows):
        shape = (min(rows, resamples - done), len(values))
        # filled row by row, so that the result does not depend on the size of a chunk
        chosen = start_of_run + generator.integers(size_of_run, size=shape)
        estimates.append(statistic(values[chosen], axis=-1))
    low, high = bounds(np.concatenate(estimates), level)
    return float(low), float(high)


@dataclass(frozen=True)
class Difference:
    """Interquartile mean of one group of runs less that of another, with its interval."""

    difference: float
    low: float
    high: float

    @property
    def interval(self) -> dict[str, float]:
        return {"value": self.difference, "low": self.low, "high": self.high}


def difference(
    runs: Sequence[np.ndarray], others: Sequence[np.ndarray], resamples: int = NESTED
) -> Difference:
    """Difference of two groups, each a vector of runs per environment seed.

    The percentile interval resamples seeds, and within each the runs: so it says what other
    environments, made in the same way, would give. With one seed in a group it cannot.
    """
    generator = np.random.default_rng(SEED)

    def resampled(group: Sequence[np.ndarray]) -> np.ndarray:
        chosen = [group[i] for i in generator.integers(len(group), size=len(group))]
        return np.concatenate([generator.choice(seed, size=len(seed)) for seed in chosen])

    _refuse_nothing_and_nonsense([*runs, *others])
    drawn = [(resampled(runs), resampled(others)) for _ in range(resamples)]
    first = _interquartile_means([sample for sample, _ in drawn])
    low, high = bounds(first - _interquartile_means([sample for _, sample in drawn]))
    point = interquartile_mean(np.concatenate(runs)) - interquartile_mean(np.concatenate(others))
    return Difference(float(point), float(low), float(high))


def _interquartile_means(samples: Sequence[np.ndarray]) -> np.ndarray:
    """Of each sample; those of one length together."""
    lengths, means = list(map(len, samples)), np.empty(len(samples))
    for length in set(lengths):
        chosen = [i for i, other in enumerate(lengths) if other == length]
        means[chosen] = interquartile_mean(np.array([samples[i] for i in chosen]))
    return means


def hierarchical(
    shape: tuple[int, ...], generator: np.random.Generator, resamples: int
) -> np.ndarray:
    """Indices into runs in a row, whose `shape` is (seeds, kinds, agents): (resamples, *shape).

    Seeds with replacement, the same for all kinds, as one environment is what agents of every
    algorithm are trained in; then agents in each. So an interval says what other environments, made
    in the same way, would give. With one seed it cannot, nor where there is none (-1).
    """
    seeds, kinds, agents = shape
    chosen = generator.integers(seeds, size=(resamples, seeds, 1, 1))
    within = generator.integers(agents, size=(resamples, seeds, kinds, agents))
    return (chosen * kinds + np.arange(kinds)[:, None]) * agents + within


def nested(sizes: Sequence[int], resamples: int = NESTED) -> np.ndarray:
    """Indices of agents, (resamples, agents): environments with replacement, then agents in each.

    With one environment, or none, only agents are resampled. ValueError where environments do not
    have equally many agents.
    """
    if len(set(sizes)) != 1:
        raise ValueError(f"Environments have {sizes} agents: equally many are needed.")
    generator = np.random.default_rng(SEED)
    return hierarchical((len(sizes), 1, sizes[0]), generator, resamples).reshape(resamples, -1)


def times_chosen(chosen: np.ndarray, agents: int) -> np.ndarray:
    """How often each agent is among those of a resample: (resamples, agents)."""
    return np.stack([np.bincount(row, minlength=agents) for row in chosen])


def bounds(samples: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the percentile interval of resamples (resamples, ...), each (...)."""
    tail = (1 - level) / 2
    low, high = np.quantile(samples, [tail, 1 - tail], axis=0)
    return np.asarray(low), np.asarray(high)


def fraction(successes: int, n: int) -> dict[str, float]:
    """{value, low, high} of a fraction."""
    low, high = fraction_interval(successes, n)
    return {"value": successes / n, "low": low, "high": high}


def fraction_interval(successes: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Score interval of a fraction (Wilson 1927).

    Unlike a bootstrap's it has a width where all or none succeed.
    """
    interval = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)


def _refuse_nothing_and_nonsense(runs: Sequence[np.ndarray]) -> None:
    n = sum(map(len, runs))
    if n == 0:
        raise ValueError("There is no run to estimate anything from.")
    bad = sum(int((~np.isfinite(stratum)).sum()) for stratum in runs)
    if bad:
        raise ValueError(f"{bad} of {n} runs are not finite: look into them before averaging.")
