"""What does a bandit know? Its best action as a policy, what matters to it, and its contexts."""

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
from synthgym.analysis.core.statistics import LEVEL, estimate
from synthgym.analysis.figures.common import SOLVED, below
from synthgym.analysis.style import styled

KINDS = {"best paid": "#0072B2", "trained": "#E69F00", "random": "#999999"}
SOURCES = {"visited": style.REAL_COLOUR, "context": "#0072B2"}
POINTS = 400  # drawn of each source


@styled
def draw(
    tables: Mapping[str, pd.DataFrame], tasks: Mapping[str, Mapping[str, Any]], scale: str
) -> Figure:
    """A row per bandit: returns, importance of observations, contexts among the states visited."""
    places = tables["policies"][["task", "environment"]].drop_duplicates()
    rows = [(str(task), str(environment)) for task, environment in places.to_numpy()]
    figure = style.blank(1.3 + 2.0 * len(rows))
    panels = figure.subplots(len(rows), 3, squeeze=False, width_ratios=[1, 1.5, 1.2])
    for (left, middle, right), (task, environment) in zip(panels, rows, strict=True):
        section = tasks[task]
        mine = {
            name: table[(table["task"] == task) & (table["environment"] == environment)]
            for name, table in tables.items()
        }
        _returns(left, mine["policies"], section)
        left.set_title(f"{section['id']}, {environment}")
        _importance(middle, mine["importance"], section)
        _contexts(right, mine["states"], section)
    panels[-1][0].set_xlabel("return per episode")
    panels[-1][1].set_xlabel("importance by permutation")
    entries: dict[str, Any] = {
        "action that pays best, no training": Patch(color=KINDS["best paid"]),
        "agents trained in the bandit": Patch(color=KINDS["trained"]),
        "random actions": Patch(color=KINDS["random"]),
        "states that trained agents visit": Line2D(
            [], [], color=SOURCES["visited"], marker=".", ls=""
        ),
        "contexts of the bandit": Line2D([], [], color=SOURCES["context"], marker=".", ls=""),
        "solved": Line2D([], [], **SOLVED),
    }
    note = (
        f"Left: interquartile mean of episodes on the real task, {LEVEL:.0%} interval. Middle: "
        "share of visited states in which another action is best (continuous: change of the "
        "action) where an observation is another state's."
    )
    below(figure, entries, [note])
    figure.suptitle(f"Bandits, scale “{scale}”: what they know", x=0.01, ha="left")
    return figure


def _returns(axes: Axes, policies: pd.DataFrame, section: Mapping[str, Any]) -> None:
    for y, kind in enumerate(reversed(KINDS)):
        e = estimate(policies.loc[policies["kind"] == kind, "return_"])
        reach = [[e.iqm - e.low], [e.high - e.iqm]]
        axes.errorbar(e.iqm, y, xerr=reach, color=KINDS[kind], marker="o", ms=5, lw=1.6)
    if section["solved"] is not None:
        axes.axvline(section["solved"], **SOLVED)
    axes.set_yticks(range(3), list(reversed(KINDS)))
    axes.set_ylim(-0.6, 2.6)
    axes.grid(visible=False, axis="y")


def _importance(axes: Axes, importance: pd.DataFrame, section: Mapping[str, Any]) -> None:
    names = list(section["observation_names"])
    for i, kind in enumerate(("best paid", "trained")):
        rows = importance[importance["kind"] == kind]
        weights = rows.groupby("quantity")["permutation"].mean().reindex(names)
        at = np.arange(len(names)) + (0.2 if i else -0.2)
        axes.barh(at, weights, height=0.38, color=KINDS[kind])
    few = len(names) <= 8
    labels = [fill(name, 24) if few else name for name in names]
    axes.set_yticks(range(len(names)), labels, fontsize=style.SMALL if few else 5.5)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")


def _contexts(axes: Axes, states: pd.DataFrame, section: Mapping[str, Any]) -> None:
    names = section["surface"] or section["observation_names"][:2]
    for source, colour in SOURCES.items():
        mine = states[states["source"] == source]
        x, y = (mine.loc[mine["quantity"] == name, "value"].to_numpy()[:POINTS] for name in names)
        axes.plot(x, y, ".", color=colour, ms=2.5, alpha=0.5, mew=0)
    axes.set_xlabel(names[0], fontsize=style.SMALL)
    axes.set_ylabel(fill(names[1], 22), fontsize=style.SMALL)
