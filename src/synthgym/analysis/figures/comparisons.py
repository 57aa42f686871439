"""One comparison: how good agents are by where they were trained, and what the making took."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from synthgym.analysis import style
from synthgym.analysis.core.statistics import interquartile_mean
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures.common import INTERVAL, SOLVED, below, place_name, solved_entry
from synthgym.analysis.style import styled

Numbers = Mapping[str, Any]
COLUMNS = 2  # of panels of returns
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)))


def looks(arms: list[str]) -> dict[str, dict[str, Any]]:
    """The look of each arm's line: six colours, then dashed ones."""
    n = len(PALETTE)
    return {
        arm: {"color": PALETTE[i % n], "ls": DASHES[i // n % len(DASHES)]}
        for i, arm in enumerate(arms)
    }


@styled
def draw(
    section: Mapping[str, Any],
    numbers: Numbers,
    evaluations: pd.DataFrame,
    progress: pd.DataFrame,
    scale: str,
) -> Figure:
    """Panels of returns by trial; under them, if environments are made, how good they became.

    evaluations, progress: of this comparison, with columns arm and seed.
    """
    trials, look = list(section["trials"]), looks(section["arms"])
    lengths = [arm for arm, n in numbers["making"].items() if "one_step_last" in n]
    columns = min(COLUMNS, len(trials))
    rows = -(-len(trials) // columns)
    height = 0.45 + 0.19 * (len(section["arms"]) + 1)
    heights = [height] * rows + [1.9] * bool(section["made"])
    figure = style.blank(1.3 + sum(heights) + 0.25 * len(heights))
    parts = figure.subfigures(
        1 + bool(section["made"]),
        1,
        squeeze=False,
        height_ratios=[height * rows, *heights[rows:]],
    )[:, 0]
    panels = parts[0].subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in panels.flat[len(trials) :]:
        axes.remove()
    for axes, trial in zip(panels.flat, trials, strict=False):
        _returns(axes, trial, section, numbers["returns"][trial], look)
    for axes in panels.flat[max(0, len(trials) - columns) : len(trials)]:
        axes.set_xlabel("return per episode on the real task")
        axes.tick_params(labelbottom=True)
    note = f"Above: interquartile mean of agents, {INTERVAL}, which resamples environments."
    if section["made"]:
        lower = parts[1].subplots(1, 1 + bool(lengths), squeeze=False)[0]
        _progress(lower[0], section, evaluations, progress, look)
        note += (
            " Below: interquartile mean of fresh agents in the search means of all seeds, over the "
            "steps in the real task that the search took."
        )
        if lengths:
            _lengths(lower[1], lengths, progress, look)
            note += " Right: share of episodes with one step in the training of candidates."
    entries: dict[str, Any] = {}
    if section["made"]:
        entries = {arm: Line2D([], [], lw=1.4, **look[arm]) for arm in section["made"]}
    below(figure, entries | solved_entry(section["task"]), [note])
    title = f"{section['about']}, scale “{scale}” ({section['task']['id']})"
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _returns(
    axes: Axes,
    trial: str,
    section: Mapping[str, Any],
    numbers: Numbers,
    look: Mapping[str, Mapping[str, Any]],
) -> None:
    arms = [REAL, *section["arms"]]
    for y, arm in enumerate(reversed(arms)):
        if arm in numbers:
            n = numbers[arm]
            colour = style.REAL_COLOUR if arm == REAL else look[arm]["color"]
            ends = [[n["value"] - n["low"]], [n["high"] - n["value"]]]
            axes.errorbar(n["value"], y, xerr=ends, color=colour, marker="o", ms=4, lw=1.5)
    if section["task"]["solved"] is not None:
        axes.axvline(section["task"]["solved"], **SOLVED)
    axes.set_yticks(range(len(arms)), [place_name(arm) for arm in reversed(arms)])
    axes.set_ylim(-0.6, len(arms) - 0.4)
    axes.grid(visible=False, axis="y")
    agent = section["trials"][trial]["agent"]
    axes.set_title(fill(trial if agent == trial else f"{trial} ({agent})", 50))


def _progress(
    axes: Axes,
    section: Mapping[str, Any],
    evaluations: pd.DataFrame,
    progress: pd.DataFrame,
    look: Mapping[str, Mapping[str, Any]],
) -> None:
    """Return in the search means over the real steps until then."""
    for arm in section["made"]:
        rows = evaluations[evaluations["arm"] == arm]
        costs = progress[progress["arm"] == arm].pivot_table(
            "real_steps", "generation", "seed", "sum"
        )
        steps = costs.cumsum().mean(axis=1)
        by = rows.groupby("generation")["return_"]
        means = by.apply(lambda of: float(interquartile_mean(of.to_numpy())))
        x = [steps.get(generation, 0.0) for generation in means.index]
        axes.plot(x, means, lw=1.3, **look[arm])
    if section["task"]["solved"] is not None:
        axes.axhline(section["task"]["solved"], **SOLVED)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel("steps in the real task")
    axes.set_ylabel("return of fresh agents")
    axes.set_title("Meta-training")


def _lengths(
    axes: Axes, arms: list[str], progress: pd.DataFrame, look: Mapping[str, Mapping[str, Any]]
) -> None:
    for arm in arms:
        rows = progress[progress["arm"] == arm]
        share = (rows["one_step_episodes"] / rows["synthetic_episodes"]).to_numpy(float)
        for seed in np.unique(rows["seed"]):
            mine = (rows["seed"] == seed).to_numpy()
            axes.plot(rows["generation"][mine], share[mine], lw=0.7, alpha=0.6, **look[arm])
        mean = pd.Series(share).groupby(rows["generation"].to_numpy()).mean()
        axes.plot(mean.index, mean, lw=1.8, **look[arm])
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("generation")
    axes.set_ylabel("share of training episodes")
    axes.set_title("Episodes with one step (thin: each seed)")
