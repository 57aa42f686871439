"""How good agents are, by where they were trained."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from synthgym.analysis import runs, style
from synthgym.analysis.core.statistics import estimate
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures.common import (
    INTERVAL,
    RETURN,
    Task,
    below,
    edges_of,
    grid,
    level,
    list_rows,
    place_name,
    reach,
    short,
    solved_entry,
    unseen_note,
)


def returns(
    curves: pd.DataFrame,
    episodes: pd.DataFrame,
    trained_with: Mapping[str, list[str]],
    task: Task,
    scale: str,
) -> Figure:
    """How good agents are by where they were trained: a panel per agent, a row per place."""
    ends, equal = runs.finished(curves), runs.at_equal_steps(curves)
    colour_of = style.colours(trained_with)
    # name, agents, test episodes; an unfinished agent's episodes are not kept, only their mean
    places = [(REAL, equal, episodes.iloc[:0])] if len(equal) else []
    places += [
        (name, ends[ends["environment"] == name], episodes[episodes["environment"] == name])
        for name in [REAL, *sorted(trained_with)]
    ]
    labels = [f"{place_name(name)},\n{_steps(rows['step'])}" for name, rows, _ in places]
    agents = sorted(map(str, curves["agent"].unique()))
    figure, panels = grid(len(agents), columns=2, height=0.25 + 0.62 * len(places), x=RETURN)
    bins = edges_of([*ends["return_"], *equal["return_"], *episodes["return_"]])
    for axes, agent in zip(panels, agents, strict=True):
        for y, (name, judged, tested) in enumerate(reversed(places)):
            chosen = judged[judged["agent"] == agent]
            if len(chosen):
                unseen = name != REAL and agent not in trained_with[name]
                of_agent = tested.loc[tested["agent"] == agent, "return_"]
                _raincloud(axes, y, chosen, of_agent, bins, colour_of[name], unseen)
        level(axes, task, "x")
        axes.set_title(f"agent: {agent}")
        list_rows(axes, labels, low=-0.45)
    entries = {
        f"interquartile mean of n agents, {INTERVAL}": Line2D(
            [], [], color="black", marker="D", ms=5, mfc="white", lw=1.6
        ),
        "one agent: mean of its test episodes": Line2D(
            [], [], color="black", marker="o", ms=3, ls="", alpha=0.6
        ),
        "test episodes of finished agents (scaled per row)": Patch(color="black", alpha=0.3),
    }
    below(figure, entries | solved_entry(task), unseen_note(trained_with, agents))
    style.heading(figure, task["id"], scale, "agents by where they were trained")
    return figure


def _raincloud(
    axes: Axes,
    y: int,
    agents: pd.DataFrame,
    episodes: pd.Series,
    bins: np.ndarray,
    colour: str,
    unseen: bool,
) -> None:
    """Histogram above the line at `y`, which it does not leave; agents below; estimate on it."""
    if len(episodes):
        counts, _ = np.histogram(episodes, bins)
        heights = y + 0.3 * counts / counts.max()
        axes.stairs(heights, bins, baseline=y, fill=True, color=colour, alpha=0.35, lw=0)
    ordered = np.sort(agents["return_"].to_numpy())
    spread = (np.arange(len(ordered)) * 0.618) % 1  # golden ratio: neighbours far apart
    axes.plot(ordered, y - 0.1 - 0.22 * spread, "o", color=colour, ms=2.6, mew=0, alpha=0.6)
    e = estimate(agents["return_"], agents["environment_seed"])
    axes.errorbar(e.iqm, y, xerr=reach(e), color=colour, lw=1.8, marker="D", ms=5, mfc="white")
    axes.text(
        0.01,
        y + 0.33,
        f"{short(e.iqm)} [{short(e.low)}, {short(e.high)}], n = {e.n}{' †' * unseen}",
        transform=axes.get_yaxis_transform(),
        fontsize=style.SMALL,
    )


def _steps(steps: pd.Series) -> str:
    """As words: how many steps the runs took."""
    low, high = steps.min(), steps.max()
    return f"{low:,} steps" if low == high else f"{low:,} to {high:,} steps"
