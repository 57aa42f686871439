"""What a bandit knows: its best action as a policy, what matters to it, and its contexts."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from synthgym.analysis import style
from synthgym.analysis.core.statistics import estimate
from synthgym.analysis.figures import common
from synthgym.analysis.figures.common import INTERVAL, Look, Task, Tasks, finish, level

BEST, OTHER = style.PALETTE[:2]  # of no way of making: a row is about one bandit
KINDS = {"best paid": BEST, "trained": OTHER, "random": "#aaaaaa"}
SOURCES = {"visited": "#777777", "context": BEST}
POINTS = 400  # drawn of each source


def insight(tables: Mapping[str, pd.DataFrame], tasks: Tasks, scale: str) -> Figure:
    """A row per bandit: returns, importance of observations, contexts among the states visited."""
    places = tables["policies"][["task", "environment"]].drop_duplicates()
    bandits = [(str(task), str(environment)) for task, environment in places.to_numpy()]
    heights = [max(1.0, 0.4 + 0.15 * len(tasks[task]["observation_names"])) for task, _ in bandits]
    figure = style.blank(1.3 + sum(heights))
    shape: dict[str, Any] = {"width_ratios": [1, 1.3, 1.1], "height_ratios": heights}
    panels = figure.subplots(len(bandits), 3, squeeze=False, **shape)
    for (left, middle, right), (task, environment) in zip(panels, bandits, strict=True):
        section = tasks[task]
        policies, importance, states = (
            table[(table["task"] == task) & (table["environment"] == environment)]
            for table in (tables[name] for name in ("policies", "importance", "states"))
        )
        of_kind = {kind: policies.loc[policies["kind"] == kind, "return_"] for kind in KINDS}
        returns = {kind: estimate(values).interval for kind, values in of_kind.items()}
        common.forest(left, returns, list(KINDS.values()))
        level(left, section, "x")
        left.set_title(f"{section['id']}, {environment}")
        for axes in (left, middle, right):
            axes.tick_params(labelsize=6.5)
        _importance(middle, importance, section)
        _contexts(right, states, section)
    panels[-1][0].set_xlabel("return per episode")
    panels[-1][1].set_xlabel("importance by permutation")
    points: Look = {"marker": ".", "ls": ""}
    entries: dict[str, Any] = {
        "action that pays best, no training": Patch(color=KINDS["best paid"]),
        "agents trained in the bandit": Patch(color=KINDS["trained"]),
        "random actions": Patch(color=KINDS["random"]),
        "states that trained agents visit": Line2D([], [], color=SOURCES["visited"], **points),
        "contexts of the bandit": Line2D([], [], color=SOURCES["context"], **points),
        "solved": Line2D([], [], **common.SOLVED),
    }
    note = (
        f"Left: interquartile mean of episodes on the real task, {INTERVAL}. Middle: "
        "share of visited states in which another action is best (continuous: change of the "
        "action) where an observation is another state's."
    )
    return finish(figure, "Bandits", scale, "what they know", entries, note, columns=3)


def _importance(axes: Axes, importance: pd.DataFrame, section: Task) -> None:
    names = list(section["observation_names"])
    for i, kind in enumerate(("best paid", "trained")):
        rows = importance[importance["kind"] == kind]
        weights = rows.groupby("quantity")["permutation"].mean().reindex(names)
        at = np.arange(len(names)) + (0.2 if i else -0.2)
        axes.barh(at, weights, height=0.38, color=KINDS[kind])
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")


def _contexts(axes: Axes, states: pd.DataFrame, section: Task) -> None:
    names = section["surface"] or section["observation_names"][:2]
    for source, colour in SOURCES.items():
        rows = states[states["source"] == source]
        x, y = (rows.loc[rows["quantity"] == name, "value"].to_numpy()[:POINTS] for name in names)
        axes.plot(x, y, ".", color=colour, ms=2.5, alpha=0.5, mew=0)
    axes.set_xlabel(names[0], fontsize=6.5, labelpad=1)
    axes.set_ylabel(fill(names[1], 18), fontsize=6.5)
