"""What do several figures of a task have in common? Words, panels, legends, numbers."""

from collections.abc import Iterable, Mapping
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from synthgym.analysis import style
from synthgym.analysis.core.statistics import LEVEL, Estimate
from synthgym.analysis.core.tables import REAL

Task = Mapping[str, Any]
INTERVAL = f"{LEVEL:.0%} interval"
UNSEEN = "† unseen: this agent took no part in that environment's meta-training"
RETURN = "return per episode on the real task"
SOLVED: dict[str, Any] = {"color": "black", "ls": "--", "lw": 0.9, "zorder": 1}
BINS = 40
NOTE_WIDTH = 125  # characters


def grid(n: int, columns: int, height: float, x: str, y: str = "") -> tuple[Figure, list[Axes]]:
    """`n` panels with common axes, each `height` inches high, and room for title and legend."""
    columns = min(n, columns)
    rows = -(-n // columns)
    figure = style.blank(1.2 + height * rows)
    panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for unused in panels[n:]:
        unused.remove()
    for axes in panels[max(0, n - columns) : n]:  # those with no panel below
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(x)
    for axes in panels[:n:columns]:
        axes.set_ylabel(y)
    return figure, panels[:n]


def below(figure: Figure, entries: Mapping[str, Any], notes: Iterable[str] = ()) -> None:
    """Notes under all panels, and a legend of {text: handle} under the notes."""
    figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower left",
        ncols=2,
        title="\n".join(fill(note, NOTE_WIDTH) for note in notes) or None,
        alignment="left",
    )


def solved_entry(task: Task) -> dict[str, Line2D]:
    """The legend's entry for the return at which a task counts as solved, if there is one."""
    if task["solved"] is None:
        return {}
    return {f"solved ({task['solved']:g})": Line2D([], [], **SOLVED)}


def unseen_note(trained_with: Mapping[str, list[str]], agents: Iterable[str]) -> list[str]:
    """What the dagger means, where there is one."""
    unseen = any(set(agents) - set(used) for used in trained_with.values())
    return [UNSEEN] if unseen else []


def edges_of(values: Iterable[float]) -> np.ndarray:
    """Edges that span the values and no more, as no density may leave what can be attained."""
    low, high = float(np.min(list(values))), float(np.max(list(values)))
    return np.linspace(low, high, BINS + 1) if low < high else np.array([low - 0.5, high + 0.5])


def reach(e: Estimate) -> list[list[float]]:
    """How far the interval reaches on both sides, for error bars."""
    return [[e.iqm - e.low], [e.high - e.iqm]]


def place_name(environment: str) -> str:
    """What a figure calls the place where agents were trained."""
    return "real task" if environment == REAL else environment


def steps_taken(steps: pd.Series) -> str:
    """As words: how many steps the runs took."""
    low, high = steps.min(), steps.max()
    return f"{low:,} steps" if low == high else f"{low:,} to {high:,} steps"


def short(value: float) -> str:
    """A number with as many digits as a label needs."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def n_of(counts: pd.Series) -> str:
    """As words: one number, or from which to which."""
    low, high = counts.min(), counts.max()
    return f"n = {low:,}" if low == high else f"n = {low:,} to {high:,}"
