"""How fast do agents learn? Learning curves compared, with intervals that resample by network."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from synthgym.analysis.core.estimate import NEVER, Numbers, estimate
from synthgym.analysis.core.statistics import nested, times_chosen

PLAIN = "plain"  # the baseline that all others are compared with


def matrix(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Steps (T,), returns (agents, T), and how many agents each network has, in this order.

    Raises ValueError where agents were not tested at the same steps.
    """
    by_agent = rows.pivot(
        index=["environment_seed", "draw"], columns="step", values="return_"
    ).sort_index()
    if by_agent.isna().to_numpy().any():
        raise ValueError("Agents of one line were tested at different steps: make them again.")
    sizes = by_agent.groupby(level="environment_seed").size().tolist()
    return by_agent.columns.to_numpy(), by_agent.to_numpy(), sizes


def mean_curves(returns: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(resamples, T): mean over the chosen agents."""
    return times_chosen(chosen, len(returns)) @ returns / chosen.shape[1]


def first_at(steps: np.ndarray, returns: np.ndarray, level: float | np.ndarray) -> np.ndarray:
    """The first step at which each curve (..., T) is at or above `level`; NEVER if it is not.

    level: one for all, or one for each curve, (..., 1).
    """
    there = returns >= level
    return np.where(there.any(-1), steps[there.argmax(-1)], NEVER)


def compared(curves: pd.DataFrame, level: float | None, steps: Iterable[int]) -> Numbers:
    """{line: numbers} of one experiment; `steps`: where returns are compared with published ones.

    at: mean return at the first test at or after a step. area: mean over the training. final: at
    its end. mean_reaches: steps until the mean over agents is at `level`; median_reaches: of the
    median agent. minus_plain, below_plain: how the end differs from the plain agent's. by_network:
    the means at the end of the agents of each network, the best first.
    """
    lines: Numbers = {}
    ends: dict[str, tuple[float, np.ndarray]] = {}
    for line, rows in curves.groupby("line", sort=False):
        at, returns, sizes = matrix(rows)
        chosen = nested(sizes)
        mean, means = returns.mean(0), mean_curves(returns, chosen)
        numbers: Numbers = {
            "networks": len(sizes) if (rows["environment_seed"] >= 0).all() else 0,
            "by_network": sorted(
                map(float, returns[:, -1].reshape(len(sizes), -1).mean(1)), reverse=True
            ),
            "agents": len(returns),
            "at": {
                int(step): estimate(mean[i], means[:, i])
                for step in steps
                if step <= at[-1]
                for i in [int(np.searchsorted(at, step))]
            },
            "area": estimate(mean.mean(), means.mean(1)),
            "final": estimate(mean[-1], means[:, -1]),
        }
        if level is not None:
            reaches = first_at(at, returns, level)
            numbers["mean_reaches"] = estimate(
                float(first_at(at, mean, level)), first_at(at, means, level)
            )
            numbers["median_reaches"] = estimate(
                _median(reaches), np.array([_median(reaches[row]) for row in chosen])
            )
            numbers["reached"] = float(np.isfinite(reaches).mean())
        lines[str(line)] = numbers
        ends[str(line)] = (float(mean[-1]), means[:, -1])
    return _beside_plain(lines, ends)


def _median(reaches: np.ndarray) -> float:
    """Of the agents in the middle the later one: NEVER where half of them do not get there."""
    return float(np.sort(reaches)[len(reaches) // 2])


def _beside_plain(lines: Numbers, ends: Mapping[str, tuple[float, np.ndarray]]) -> Numbers:
    if PLAIN not in ends:
        return lines
    plain, plains = ends[PLAIN]
    for line, (end, resamples) in ends.items():
        if line != PLAIN:
            # Independent groups: resamples of one go with any of the other.
            difference = estimate(end - plain, resamples - plains[::-1])
            lines[line]["minus_plain"] = difference
            lines[line]["below_plain"] = difference["high"] < 0
    return lines
