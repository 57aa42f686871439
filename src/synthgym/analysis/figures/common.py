"""Drawing that figures have in common: panels, lines with bands, intervals, legends, numbers."""

from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D

from synthgym.analysis import style
from synthgym.analysis.core.statistics import LEVEL, Estimate
from synthgym.analysis.core.tables import REAL
from synthgym.stages import STAGES

Task = Mapping[str, Any]
Tasks = Mapping[str, Task]
Look = Mapping[str, Any]
INTERVAL = f"{LEVEL:.0%} interval"
UNSEEN = "† unseen: this agent took no part in that environment's meta-training"
RETURN = "return per episode on the real task"
SOLVED: Look = {"color": "black", "ls": "--", "lw": 0.9, "zorder": 1}
PUBLISHED: Look = {"color": "black", "marker": "x", "ls": "", "ms": 5}
BINS = 40
NOTE_WIDTH = 125  # characters


def draw(stage: str, functions: Mapping[str, Any], **given: Any) -> dict[str, Figure]:
    """The figures of a stage by name: each by the function of its name, which asks by name for
    what it draws.

    A figure whose name has a wildcard, such as `comparison_{experiment}`, is drawn by the function
    of the name before it, which gives a figure for each value.
    """
    figures: dict[str, Figure] = {}
    with style.applied():
        for row in STAGES[stage].figures:
            function = functions[row.name.partition("_{")[0]]
            figure = function(**{name: given[name] for name in signature(function).parameters})
            several = figure if isinstance(figure, dict) else {"": figure}
            figures |= {row.name.format(experiment=of): one for of, one in several.items()}
    return figures


def panels(
    parent: FigureBase, n: int, columns: int, x: str = "", y: str = "", **share: Any
) -> list[Axes]:
    """`n` panels in so many columns; labels where there is no panel below or on the left."""
    columns = min(n, columns)
    axes = list(parent.subplots(-(-n // columns), columns, squeeze=False, **share).flat)
    for unused in axes[n:]:
        unused.remove()
    for lowest in axes[max(0, n - columns) : n]:
        lowest.tick_params(labelbottom=True)
        lowest.set_xlabel(x)
    for first in axes[:n:columns]:
        first.set_ylabel(y)
    return axes[:n]


def grid(
    n: int, columns: int, height: float, x: str = "", y: str = "", room: float = 1.2, **share: Any
) -> tuple[Figure, list[Axes]]:
    """A figure of panels, each `height` inches high, and room for title and legend.

    Panels have common axes, unless `sharex` or `sharey` is false.
    """
    figure = style.blank(room + height * -(-n // min(n, columns)))
    return figure, panels(figure, n, columns, x, y, **{"sharex": True, "sharey": True, **share})


def finish(
    figure: Figure,
    about: str,
    scale: str,
    what: str = "",
    entries: Mapping[str, Any] | None = None,
    note: str = "",
    columns: int = 2,
    size: float | None = None,
) -> Figure:
    """The figure with its title, and with a note and a legend under all panels.

    entries: text -> handle. size: of the letters in points, where it is not as everywhere.
    """
    entries = entries or {}
    figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower left",
        ncols=columns,
        title="\n".join(fill(line, NOTE_WIDTH) for line in note.splitlines()) or None,
        alignment="left",
        fontsize=size,
        title_fontsize=size,
    )
    style.heading(figure, about, scale, what)
    return figure


def keys(looks: Mapping[str, Look], **more: Any) -> dict[str, Line2D]:
    """A legend's entry for each line."""
    return {name: Line2D([], [], **{**look, **more}) for name, look in looks.items()}


def band(axes: Axes, x: Any, y: Any, low: Any, high: Any, look: Look) -> None:
    """A line with its interval."""
    axes.fill_between(x, low, high, color=look["color"], alpha=0.18, lw=0)
    axes.plot(x, y, **look)


def estimates(axes: Axes, at: Mapping[Any, Estimate], look: Look) -> None:
    """A line of interquartile means with their intervals, by where they are."""
    iqm, low, high = np.array([(e.iqm, e.low, e.high) for e in at.values()]).T
    band(axes, list(at), iqm, low, high, look)


def reach(e: Mapping[str, Any]) -> list[list[float]]:
    """Lengths of an interval on both sides of its estimate, for error bars."""
    return [[e["value"] - e["low"]], [e["high"] - e["value"]]]


def forest(
    axes: Axes, rows: Mapping[str, Mapping[str, Any] | None], colours: Sequence[str]
) -> None:
    """Estimates with intervals, one below the other; none leaves its row empty."""
    list_rows(axes, list(rows))
    for y, (e, colour) in enumerate(reversed(list(zip(rows.values(), colours, strict=True)))):
        if e is not None:
            axes.errorbar(e["value"], y, xerr=reach(e), color=colour, marker="o", ms=4.5, lw=1.6)


def list_rows(axes: Axes, labels: Sequence[str], low: float = -0.6) -> None:
    """An axis with these labels from top to bottom; the lowest is at 0."""
    axes.set_yticks(range(len(labels)), list(reversed(labels)))
    axes.set_ylim(low, len(labels) - 0.4)
    axes.grid(visible=False, axis="y")


def level(axes: Axes, task: Task, axis: str = "y") -> None:
    """A line at the return from which on a task counts as solved, if there is one."""
    if task["solved"] is not None:
        line = axes.axhline if axis == "y" else axes.axvline
        line(task["solved"], **SOLVED)


def solved_entry(task: Task) -> dict[str, Line2D]:
    """The legend's entry for this line."""
    if task["solved"] is None:
        return {}
    return {f"solved ({task['solved']:g})": Line2D([], [], **SOLVED)}


def source_entries() -> dict[str, Any]:
    """The legend's entries for histograms of samples from different sources."""
    return keys(dict(style.SOURCES.values()))


def unseen_note(trained_with: Mapping[str, list[str]], agents: Iterable[str]) -> str:
    """What the dagger means, where there is one."""
    return UNSEEN * any(set(agents) - set(used) for used in trained_with.values())


def edges_of(values: Iterable[float]) -> np.ndarray:
    """Edges that span the values and no more, as no density may leave what can be attained."""
    low, high = float(np.min(list(values))), float(np.max(list(values)))
    return np.linspace(low, high, BINS + 1) if low < high else np.array([low - 0.5, high + 0.5])


def place_name(environment: str) -> str:
    """What a figure calls the place where agents were trained."""
    return "real task" if environment == REAL else environment


def short(value: float) -> str:
    """A number with as many digits as a label needs."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def n_of(counts: Iterable[int] | pd.Series) -> str:
    """As words: one number, or from which to which."""
    sizes = list(counts)
    low, high = min(sizes, default=0), max(sizes, default=0)
    return f"n = {low:,}" if low == high else f"n = {low:,} to {high:,}"
