"""How long agents must train until the task is solved, by where they train."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from synthgym.analysis import runs, style
from synthgym.analysis.core.statistics import estimate
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures.common import (
    INTERVAL,
    Task,
    below,
    list_rows,
    place_name,
    reach,
    unseen_note,
)


def effort(
    curves: pd.DataFrame, trained_with: Mapping[str, list[str]], task: Task, scale: str
) -> Figure:
    """What training takes until the task is solved: steps, episodes; a row of panels per agent."""
    agents = sorted(map(str, curves["agent"].unique()))
    places = [REAL, *sorted(trained_with)]
    colours = style.colours(trained_with)
    figure = style.blank(1.3 + (0.5 + 0.24 * len(places)) * len(agents))
    panels = figure.subplots(len(agents), 2, sharex="col", sharey=True, squeeze=False)
    solved = runs.first_solved(curves, runs.level(task["solved"]))
    for column, unit in enumerate(("step", "episode")):
        limits = _log_limits(solved[unit], curves[unit])
        for axes, agent in zip(panels[:, column], agents, strict=True):
            axes.set_xscale("log")
            axes.set_xlim(*limits)
            _label_logarithmic(axes, *limits)
            for y, name in enumerate(reversed(places)):
                every, first = (
                    table[(table["environment"] == name) & (table["agent"] == agent)]
                    for table in (curves, solved)
                )
                unseen = name != REAL and agent not in trained_with[name]
                n = len(every.drop_duplicates(runs.RUN))
                label = f"{len(first)}/{n} solved{' †' * unseen}"
                _bar(axes, y, first[unit], first["environment_seed"], colours[name], label)
            axes.set_title(f"agent: {agent}")
            list_rows(axes, [place_name(name) for name in places])
        panels[-1, column].set_xlabel(f"training {unit}s until solved")
    bandits = [name for (name,), rows in runs.by(curves, "environment") if _is_bandit(rows)]
    note = [
        f"Bars: interquartile mean with {INTERVAL}, over those agents that got to "
        f"{task['solved']:g} at one of their evaluations."
        if task["solved"] is not None
        else "Nobody has agreed from which return on this task counts as solved.",
        *(["In a bandit every episode is one step."] if bandits else []),
        *unseen_note(trained_with, agents),
    ]
    below(figure, {}, note)
    style.heading(figure, task["id"], scale, "training until the task is solved")
    return figure


def _bar(axes: Axes, y: int, first: pd.Series, seeds: pd.Series, colour: str, label: str) -> None:
    left, _ = axes.get_xlim()
    end = left
    if len(first):
        e = estimate(first, seeds)
        axes.barh(y, e.iqm - left, left=left, height=0.7, color=colour, alpha=0.6)
        axes.errorbar(e.iqm, y, xerr=reach(e), color="black", lw=1.1, capsize=2)
        end = e.high
    axes.text(end * 1.15, y, label, va="center", fontsize=style.SMALL)


def _log_limits(solved: pd.Series, every: pd.Series) -> tuple[float, float]:
    """A decade around what is shown, with room for a label behind the longest bar."""
    shown = solved if len(solved) else every
    return max(0.5, float(shown.min()) / 2), float(shown.max()) * 8


def _label_logarithmic(axes: Axes, low: float, high: float) -> None:
    """Plain numbers, at as many places as have room for them."""
    decades = math.log10(high / low)
    steps = (1.0,) if decades > 2.5 else (1.0, 3.0) if decades > 1.5 else (1.0, 2.0, 5.0)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _is_bandit(curves: pd.DataFrame) -> bool:
    return bool((curves["episode"] == curves["step"]).all())
