"""Reward networks: how fast agents learn with each reward, and what a network pays on a map."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize, SymLogNorm
from matplotlib.figure import Figure

from synthgym.analysis import learning, published, style
from synthgym.analysis.core.statistics import bounds, nested
from synthgym.analysis.figures import common
from synthgym.analysis.figures.common import INTERVAL, Tasks, short
from synthgym.analysis.learning import PLAIN

ABOUT = "Reward networks"
KINDS = ("potential", "non_potential", "weighted_info", "potential_info", "non_potential_info")
BASELINES = {"icm": "#8C564B", "count": "#E377C2"}  # with a bonus, not a network
ROWS, COLUMNS = 4, 12  # of the cliff; tasks/cliff.py has them, which needs JAX
START, ENDS = 36, range(37, 48)  # cells: the first one, and those in which an episode is over
FALL = -50.0  # a reward below is that of a fall, and would hide what differs elsewhere
# Of each action the corners of its side of a cell, seen from the centre; right, left, down, up.
SIDES = (((1, 0), (1, 1)), ((0, 0), (0, 1)), ((0, 1), (1, 1)), ((0, 0), (1, 0)))


def looks(lines: list[str]) -> dict[str, dict[str, Any]]:
    """The look of each line: a colour per kind of network, dashed where it replaces the reward, and
    per bonus, dotted; grey for the plain agent. Settings that were tuned have other dashes.
    """
    colours = dict(zip(KINDS, style.PALETTE, strict=False))
    full, dashed, dotted, broken = style.DASHES
    found: dict[str, dict[str, Any]] = {}
    for name in (PLAIN, *lines):
        place, _, kind = name.partition("_")
        if place in ("exclusive", "additive"):
            colour, dashes = colours[kind], full if place == "additive" else dashed
        else:
            colour = BASELINES.get(place, style.REAL_COLOUR)
            dashes = broken if kind == "tuned" else full if place == PLAIN else dotted
        found[name] = {"color": colour, "ls": dashes, "lw": 1.4}
    return found


def reward_curves(curves: pd.DataFrame, tasks: Tasks, scale: str) -> Figure:
    """Mean return over training steps: a row per experiment, a column per task."""
    experiments = list(dict.fromkeys(name for task in tasks.values() for name in task["agents"]))
    planned = [x for task in tasks.values() for x in (*task["networks"], *task["baselines"])]
    lines = [line for line in dict.fromkeys(planned) if line in set(curves["line"])]
    look = looks(lines)
    figure = style.blank(1.3 + 2.15 * len(experiments))
    columns = figure.subplots(len(experiments), len(tasks), squeeze=False, sharex="col").T
    for column, (task, section) in zip(columns, tasks.items(), strict=True):
        lowest = column[0]
        for axes, experiment in zip(column, experiments, strict=True):
            rows = curves[(curves["task"] == task) & (curves["experiment"] == experiment)]
            if rows.empty:
                axes.set_visible(False)
                continue
            lowest = axes
            for line, agents in rows.groupby("line", sort=False):
                steps, returns, sizes = learning.matrix(agents)
                means = learning.mean_curves(returns, nested(sizes, resamples=500))
                common.band(axes, steps, returns.mean(0), *bounds(means), look[str(line)])
            common.level(axes, {"solved": published.level(task, section["solved"])})
            title = f"{section['id']}\n{section['agents'][experiment]}: {experiment}"
            axes.set_title(title, fontsize="x-small" if len(tasks) > 3 else None)
        lowest.set_xlabel("steps (thousands)")
        lowest.xaxis.set_major_formatter(lambda steps, _: f"{steps / 1000:g}")
        lowest.tick_params(labelbottom=True)
    for axes in columns[0]:
        axes.set_ylabel("return on the real task")
    note = (
        f"Mean over agents, {INTERVAL} that resamples networks and agents within each. "
        "Full lines: in addition to the task's reward; broken ones: in its place. Dashed level: "
        "the task is solved, or the best there is."
    )
    entries = common.keys({name.replace("_", " "): look[name] for name in lines}, lw=1.6)
    return common.finish(figure, ABOUT, scale, "learning curves", entries, note)


def reward_map(maps: Sequence[pd.DataFrame], tasks: Tasks, scale: str) -> Figure:
    """Mean reward over the networks of a kind: a panel per kind."""
    rewards = pd.concat(maps, ignore_index=True) if maps else pd.DataFrame({"network": []})
    kinds = list(dict.fromkeys(map(str, rewards["network"])))
    figure = style.blank(1.2 + 1.7 * max(1, -(-len(kinds) // 2)))
    if not kinds:
        return common.finish(figure, ABOUT, scale, "none on a map")
    of_kind = {kind: rewards[rewards["network"] == kind] for kind in kinds}
    most = max(float(_shown(_means(rows)).abs().max()) for rows in of_kind.values()) or 1.0
    norm = SymLogNorm(most / 5, vmin=-most, vmax=most)
    panels = common.panels(figure, len(kinds), 2)
    for axes, (kind, rows) in zip(panels, of_kind.items(), strict=True):
        mesh = _cells(axes, rows, norm)
        n = rows["network_seed"].nunique()
        best, worst = _shown(_means(rows)).max(), rows["reward"].min()
        axes.set_title(
            f"{kind.replace('_', ' ')}, n = {n}\nmost {short(best)}, least {short(worst)}"
        )
    bar = figure.colorbar(mesh, ax=panels, shrink=0.75, extend="min", label="reward (logarithmic)")
    bar.ax.yaxis.set_major_formatter("{x:g}")
    note = (
        f"A triangle per cell and action, at the side where it leads; mean over networks. White: "
        f"no reward at all, or the episode is over there. Colours are those of rewards above "
        f"{FALL:g}: falls, which may be worth less, have the colour of the least of them."
    )
    ids = ", ".join(tasks[task]["id"] for task in dict.fromkeys(map(str, rewards["task"])))
    return common.finish(figure, ids, scale, "learned rewards", note=note)


def _means(rows: pd.DataFrame) -> pd.Series:
    """Mean rewards by state and action, where an action can be taken."""
    return rows[~rows["state"].isin(ENDS)].groupby(["state", "action"])["reward"].mean()


def _shown(mean: pd.Series) -> pd.Series:
    """Mean rewards without those of falls."""
    return mean[mean > FALL] if (mean > FALL).any() else mean


def _cells(axes: Axes, rows: pd.DataFrame, norm: Normalize) -> PolyCollection:
    mean = _means(rows)
    triangles = []
    for state, action in mean.index:
        y, x = divmod(int(state), COLUMNS)
        corners = [(x + dx, y + dy) for dx, dy in SIDES[int(action)]]
        triangles.append([(x + 0.5, y + 0.5), *corners])
    mesh = PolyCollection(triangles, array=mean.to_numpy(), cmap=style.DIVERGING, norm=norm)
    mesh.set_edgecolor("#dddddd")
    mesh.set_linewidth(0.3)
    axes.add_collection(mesh)
    axes.set(xlim=(0, COLUMNS), ylim=(ROWS, 0), aspect="equal", xticks=[], yticks=[])
    axes.grid(visible=False)
    centred: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": style.SMALL}
    for state, letter in ((START, "S"), (ENDS[-1], "G")):
        y, x = divmod(state, COLUMNS)
        axes.text(x + 0.5, y + 0.5, letter, **centred)
    axes.text(COLUMNS / 2, ROWS - 0.5, "cliff", **centred)
    return mesh
