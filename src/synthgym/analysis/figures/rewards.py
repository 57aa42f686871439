"""How fast do agents learn, with which reward? Learning curves on the real task."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from synthgym.analysis import learning, published, style
from synthgym.analysis.core.statistics import LEVEL, nested
from synthgym.analysis.figures.common import SOLVED, below
from synthgym.analysis.learning import PLAIN
from synthgym.analysis.style import styled

BASELINES = ("#999999", "#bbbbbb", "#cccccc")  # but for the plain agent


def look(lines: list[str]) -> dict[str, dict[str, Any]]:
    """Of each line: coloured for networks, dashed where they replace the reward; grey without."""
    kinds = ("potential", "non_potential", "weighted_info", "potential_info", "non_potential_info")
    colours = dict(zip(kinds, style.LINES, strict=False))
    looks: dict[str, dict[str, Any]] = {PLAIN: {"color": style.REAL_COLOUR, "ls": "-"}}
    others = [name for name in lines if name.partition("_")[0] not in ("exclusive", "additive")]
    for i, name in enumerate(name for name in others if name != PLAIN):
        looks[name] = {"color": BASELINES[i % len(BASELINES)], "ls": (0, (1, 1))}
    for name in others:  # as those that are not tuned, but for the dashes
        if name.endswith("_tuned") and (untuned := looks.get(name.removesuffix("_tuned"))):
            looks[name] = {"color": untuned["color"], "ls": (0, (4, 1, 1, 1))}
    for name in lines:
        place, _, kind = name.partition("_")
        if place in ("exclusive", "additive"):
            dashes = (0, (4, 1.5)) if place == "exclusive" else "-"
            looks[name] = {
                "color": colours[kind.replace("weighted_info", "weighted")],
                "ls": dashes,
            }
    return looks


@styled
def draw(curves: pd.DataFrame, tasks: Mapping[str, Mapping[str, Any]], scale: str) -> Figure:
    """Mean return over training steps: a row per experiment, a column per task."""
    experiments = list(dict.fromkeys(name for task in tasks.values() for name in task["agents"]))
    planned = [x for task in tasks.values() for x in (*task["networks"], *task["baselines"])]
    lines = [line for line in dict.fromkeys(planned) if line in set(curves["line"])]
    looks = look(lines)
    figure = style.blank(1.3 + 2.15 * len(experiments))
    panels = figure.subplots(len(experiments), len(tasks), squeeze=False, sharex="col")
    for column, (task, section) in zip(panels.T, tasks.items(), strict=True):
        lowest = column[0]
        for axes, experiment in zip(column, experiments, strict=True):
            rows = curves[(curves["task"] == task) & (curves["experiment"] == experiment)]
            if rows.empty:
                axes.set_visible(False)
                continue
            lowest = axes
            _panel(axes, rows, looks)
            level = published.level(task, section["solved"])
            if level is not None:
                axes.axhline(level, **SOLVED)
            title = f"{section['id']}\n{section['agents'][experiment]}: {experiment}"
            axes.set_title(title, fontsize="x-small" if len(tasks) > 3 else None)
        lowest.set_xlabel("steps (thousands)")
        lowest.xaxis.set_major_formatter(lambda steps, _: f"{steps / 1000:g}")
        lowest.tick_params(labelbottom=True)
    for row in panels:
        row[0].set_ylabel("return on the real task")
    entries = {
        name.replace("_", " "): Line2D([], [], **{"lw": 1.6, **looks[name]}) for name in lines
    }
    note = (
        f"Mean over agents, {LEVEL:.0%} interval that resamples networks and agents within each. "
        "Full lines: in addition to the task's reward; broken ones: in its place. Dashed level: "
        "the task is solved, or the best there is."
    )
    below(figure, entries, [note])
    figure.suptitle(f"Reward networks, scale “{scale}”: learning curves", x=0.01, ha="left")
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, looks: Mapping[str, Mapping[str, Any]]) -> None:
    for line, mine in rows.groupby("line", sort=False):
        steps, returns, sizes = learning.matrix(mine)
        means = learning.mean_curves(returns, nested(sizes, resamples=500))
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        colour = looks[str(line)]["color"]
        axes.fill_between(steps, low, high, color=colour, alpha=0.15, lw=0)
        axes.plot(steps, returns.mean(0), **{"lw": 1.4, **looks[str(line)]})
"""What does a reward network pay on the cliff's map? A coloured triangle per cell and action."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import CenteredNorm
from matplotlib.figure import Figure

from synthgym.analysis import style
from synthgym.analysis.figures.common import below, short
from synthgym.analysis.style import styled

ROWS, COLUMNS = 4, 12  # of the cliff; tasks/cliff.py has them, which needs JAX
START, ENDS = 36, range(37, 48)  # cells: the first one, and those in which an episode is over
FALL = -50.0  # a reward below is that of a fall, and would hide what differs elsewhere
# Of each action the corners of its side of a cell, seen from the centre; right, left, down, up.
SIDES = (((1, 0), (1, 1)), ((0, 0), (0, 1)), ((0, 1), (1, 1)), ((0, 0), (1, 0)))


@styled
def draw(
    maps: Sequence[pd.DataFrame], tasks: Mapping[str, Mapping[str, Any]], scale: str
) -> Figure:
    """Mean reward over the networks of a kind: a panel per kind."""
    rewards = pd.concat(maps, ignore_index=True) if maps else pd.DataFrame({"network": []})
    kinds = list(dict.fromkeys(map(str, rewards["network"])))
    figure = style.blank(1.2 + 1.7 * max(1, -(-len(kinds) // 2)))
    if not kinds:
        figure.suptitle(f"Scale “{scale}”: no reward networks on a map", x=0.01, ha="left")
        return figure
    panels = figure.subplots(-(-len(kinds) // 2), min(2, len(kinds)), squeeze=False)
    for axes, kind in zip(panels.flat, kinds, strict=False):
        rows = rewards[rewards["network"] == kind]
        mesh = _panel(axes, rows)
        figure.colorbar(mesh, ax=axes, shrink=0.75, extend="min", label="reward")
        n = rows["network_seed"].nunique()
        best, worst = _shown(rows).max(), rows["reward"].min()
        axes.set_title(
            f"{kind.replace('_', ' ')}, n = {n}\nmost {short(best)}, least {short(worst)}"
        )
    for unused in list(panels.flat)[len(kinds) :]:
        unused.remove()
    note = (
        f"A triangle per cell and action, at the side where it leads; mean over networks. White: "
        f"no reward at all, or the episode is over there. Colours are those of rewards above "
        f"{FALL:g}: falls, which may be worth less, have the colour of the least of them."
    )
    below(figure, {}, [note])
    ids = ", ".join(tasks[task]["id"] for task in dict.fromkeys(map(str, rewards["task"])))
    figure.suptitle(f"{ids}, scale “{scale}”: learned rewards", x=0.01, ha="left")
    return figure


def _shown(rows: pd.DataFrame) -> pd.Series:
    """Mean rewards by state and action, where an action can be taken, without falls."""
    mean = rows[~rows["state"].isin(ENDS)].groupby(["state", "action"])["reward"].mean()
    return mean[mean > FALL] if (mean > FALL).any() else mean


def _panel(axes: Axes, rows: pd.DataFrame) -> PolyCollection:
    mean = rows.groupby(["state", "action"])["reward"].mean()
    triangles, values = [], []
    for (state, action), reward in mean.items():
        if state in ENDS:
            continue
        y, x = divmod(int(state), COLUMNS)
        corners = [(x + dx, y + dy) for dx, dy in SIDES[int(action)]]
        triangles.append([(x + 0.5, y + 0.5), *corners])
        values.append(reward)
    shown = _shown(rows)
    norm = CenteredNorm(0.0, halfrange=max(float(np.abs(shown).max()), 1e-9))
    mesh = PolyCollection(triangles, array=np.array(values), cmap=style.DIVERGING, norm=norm)
    mesh.set_edgecolor("#dddddd")
    mesh.set_linewidth(0.3)
    axes.add_collection(mesh)
    axes.set_xlim(0, COLUMNS)
    axes.set_ylim(ROWS, 0)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for state, letter in ((START, "S"), (ENDS[-1], "G")):
        y, x = divmod(state, COLUMNS)
        axes.text(x + 0.5, y + 0.5, letter, ha="center", va="center", fontsize=style.SMALL)
    axes.text(COLUMNS / 2, ROWS - 0.5, "cliff", ha="center", va="center", fontsize=style.SMALL)
    return mesh
