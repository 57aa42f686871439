"""How fast do agents learn? Learning curves compared, with intervals that resample by network."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from synthgym.analysis.core.estimate import NEVER, Numbers, estimate
from synthgym.analysis.core.statistics import nested, times_chosen

PLAIN = "plain"  # the baseline that all others are compared with


def matrix(
    rows: pd.DataFrame, bad: str = "at different steps"
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Steps (T,), returns (agents, T), and how many agents each network has, in this order.

    Raises ValueError where agents were not tested alike; `bad` says how they were.
    """
    agents = rows.pivot(index=["environment_seed", "draw"], columns="step", values="return_")
    agents = agents.sort_index()
    if agents.isna().to_numpy().any():
        raise ValueError(f"Agents of one line were tested {bad}: make them again.")
    sizes = agents.groupby(level="environment_seed").size().tolist()
    return agents.columns.to_numpy(), agents.to_numpy(), sizes


def mean_curves(returns: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(resamples, T): mean over the chosen agents."""
    return times_chosen(chosen, len(returns)) @ returns / chosen.shape[1]


def first_at(steps: np.ndarray, returns: np.ndarray, level: float | np.ndarray) -> np.ndarray:
    """The first step at which each curve (..., T) is at or above `level`; NEVER if it is not.

    level: one for all, or one for each curve, (..., 1).
    """
    reached = returns >= level
    return np.where(reached.any(-1), steps[reached.argmax(-1)], NEVER)


@dataclass(frozen=True)
class Line:
    """The agents that learn with one kind of network, or in one other way."""

    steps: np.ndarray  # (T,), at which all were tested
    returns: np.ndarray  # (agents, T)
    sizes: list[int]  # agents of each network
    networks: int  # 0 where agents have none

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Line":
        steps, returns, sizes = matrix(rows)
        evolved = bool((rows["environment_seed"] >= 0).all())
        return cls(steps, returns, sizes, len(sizes) if evolved else 0)

    @cached_property
    def chosen(self) -> np.ndarray:
        return nested(self.sizes)

    @cached_property
    def mean(self) -> np.ndarray:
        return np.asarray(self.returns.mean(0))

    @cached_property
    def means(self) -> np.ndarray:
        return mean_curves(self.returns, self.chosen)

    def at(self, step: float | None = None, other: "Line | None" = None) -> Numbers:
        """Mean return at the first test at or after a step, or at the end; less another line's."""
        i = len(self.steps) - 1 if step is None else int(np.searchsorted(self.steps, step))
        return self._less(slice(i, i + 1), other)

    def area(self, other: "Line | None" = None) -> Numbers:
        """Mean return over the training; less that of another line."""
        return self._less(slice(None), other)

    def mean_reaches(self, level: float) -> Numbers:
        """Steps until the mean over agents is at a level."""
        reached = float(first_at(self.steps, self.mean, level))
        return estimate(reached, first_at(self.steps, self.means, level))

    def median_reaches(self, level: float) -> Numbers:
        """Steps until the median agent is at a level."""
        reached = first_at(self.steps, self.returns, level)
        return estimate(_median(reached), np.array([_median(reached[row]) for row in self.chosen]))

    def _less(self, tests: slice, other: "Line | None") -> Numbers:
        value, samples = self.mean[tests].mean(), self.means[:, tests].mean(1)
        if other is not None:
            value = value - other.mean[tests].mean()
            # Independent groups: resamples of one go with any of the other.
            samples = samples - other.means[:, tests].mean(1)[::-1]
        return estimate(float(value), samples)


def lines(curves: pd.DataFrame, names: Iterable[str]) -> dict[str, Line]:
    """The lines of one experiment that are in its table, in the order of the plan."""
    found = {str(line): Line.of(rows) for line, rows in curves.groupby("line")}
    return {name: found[name] for name in names if name in found}


def compared(found: Mapping[str, Line], level: float | None, steps: Iterable[int]) -> Numbers:
    """{line: numbers} of one experiment; `steps`: where returns are compared with published ones.

    at: mean return at the first test at or after a step. area: mean over the training. final: at
    its end. mean_reaches: steps until the mean over agents is at `level`; median_reaches: of the
    median agent. minus_plain, below_plain: how the end differs from the plain agent's. by_network:
    the means at the end of the agents of each network, the best first.
    """
    table: Numbers = {}
    for name, line in found.items():
        ends = line.returns[:, -1].reshape(len(line.sizes), -1).mean(1)
        table[name] = {
            "networks": line.networks,
            "by_network": sorted(map(float, ends), reverse=True),
            "agents": len(line.returns),
            "at": {int(step): line.at(step) for step in steps if step <= line.steps[-1]},
            "area": line.area(),
            "final": line.at(),
        }
        if level is not None:
            reached = np.isfinite(first_at(line.steps, line.returns, level))
            table[name]["mean_reaches"] = line.mean_reaches(level)
            table[name]["median_reaches"] = line.median_reaches(level)
            table[name]["reached"] = float(reached.mean())
        if name != PLAIN and PLAIN in found:
            difference = line.at(other=found[PLAIN])
            table[name] |= {"minus_plain": difference, "below_plain": difference["high"] < 0}
    return table


def _median(reaches: np.ndarray) -> float:
    """The later of the agents in the middle: NEVER where half of them do not get there."""
    return float(np.sort(reaches)[len(reaches) // 2])
