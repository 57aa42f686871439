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
