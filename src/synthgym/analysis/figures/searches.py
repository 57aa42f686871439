"""Searches for settings: value over cost, what matters, and all configurations side by side."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from synthgym.analysis import style
from synthgym.analysis.figures.common import finish

HEIGHT = 5.0  # inches, of one search


def search(
    results: Mapping[tuple[str, str], Mapping[str, Any]],
    numbers: Mapping[str, Any],
    plans: Mapping[str, Any],
    scale: str,
) -> Figure:
    """Three panels for each search. results: (task, name) -> its tables."""
    figure = style.blank(0.3 + HEIGHT * len(results))
    grid = figure.add_gridspec(2 * len(results), 2, width_ratios=[1.5, 1])
    for row, ((task, name), tables) in enumerate(results.items()):
        plan, space = plans[task][name], plans[task][name]["search"]["space"]
        cost, share = (figure.add_subplot(grid[2 * row, i]) for i in (0, 1))
        _values(cost, tables["trials"], f"{plan['task']['id']}, {name}")
        _importance(share, numbers["searches"][task][name])
        _parallel(figure.add_subplot(grid[2 * row + 1, :]), tables["trials"], space)
    return finish(figure, "Search for settings of meta-training", scale)


def _values(axes: Axes, trials: pd.DataFrame, title: str) -> None:
    """Each configuration on each rung, at what all before it and itself have cost."""
    rows = trials.sort_values(["bracket", "budget", "configuration"])
    rows = rows.assign(spent=rows["real_steps"].cumsum() / 1000)
    budgets = sorted(rows["budget"].unique())
    for budget, look in zip(budgets, style.lines(map(str, budgets)).values(), strict=True):
        rung = rows[rows["budget"] == budget]
        points = {"s": 14, "color": look["color"], "zorder": 3, "clip_on": False}
        axes.scatter(rung["spent"], rung["value"], **points)
        ends = [*rung["spent"], rows["spent"].max()]
        best = [*rung["value"].cummax(), rung["value"].max()]
        axes.step(ends, best, where="post", lw=1.3, label=f"{budget}", **look)
    axes.set_xlabel("real steps so far (thousands)")
    axes.set_ylabel("return per episode")
    axes.set_title(f"{title}: value, and best so far")
    axes.set_xlim(left=0)
    axes.margins(y=0.1)
    axes.legend(title="after generations", loc="center left", bbox_to_anchor=(1, 0.5))


def _importance(axes: Axes, numbers: Mapping[str, Any]) -> None:
    """Shares of the settings."""
    shares = {name: setting["importance"] for name, setting in numbers["settings"].items()}
    budget, n = (numbers["importance"][key] for key in ("budget", "configurations"))
    axes.set_title(f"Importance, generation {budget}")
    if None in shares.values():
        axes.set_axis_off()
        axes.text(0, 0.5, f"not to be told from {n} configurations", transform=axes.transAxes)
        return
    names = sorted(shares, key=lambda name: shares[name])
    axes.barh([short(name) for name in names], [100 * shares[n] for n in names], color="#999999")
    axes.set_xlabel(f"share (%), n = {n} configurations")
    axes.grid(visible=False, axis="y")


def _parallel(axes: Axes, trials: pd.DataFrame, space: Mapping[str, Any]) -> None:
    """A line per configuration through its settings; its colour is its value where it ended."""
    ended = trials.sort_values("budget").groupby("configuration").tail(1).sort_values("value")
    last, names = trials["budget"].max(), list(space)
    norm = Normalize(trials["value"].min(), trials["value"].max())
    colours = colormaps[style.SEQUENTIAL]
    for _, row in ended.iterrows():
        along = [_height(row[name], space[name]) for name in names]
        whole = row["budget"] == last
        look: dict[str, Any] = {"lw": 2.2, "ls": "-"} if whole else {"lw": 0.9, "ls": (0, (4, 2))}
        axes.plot(range(len(names)), along, color=colours(norm(row["value"])), **look)
    for i, name in enumerate(names):
        axes.axvline(i, color="#777777", lw=0.8, zorder=0)
        for height, word in _ticks(space[name]):
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
            axes.annotate(
                word, (i, height), (3, 0), textcoords="offset points", va="center", fontsize=6.5
            ).set_bbox(box)
    axes.set_xticks(range(len(names)), [short(name) for name in names])
    axes.set_yticks([])
    axes.set_xlim(-0.15, len(names) - 0.45)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False)
    axes.set_title(f"Configurations; solid: the whole budget of {last} generations")
    figure = axes.get_figure()
    assert figure
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=axes, pad=0.01, aspect=15)
    bar.set_label("return per episode")
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))


def short(name: str) -> str:
    """A setting's own name, in words."""
    return name.rpartition(".")[2].replace("_", " ")


def _height(value: Any, how: Mapping[str, Any]) -> float:
    """Where a value is between the bottom, 0, and the top of its axis, 1."""
    ((kind, values),) = how.items()
    if kind == "choice":
        words = [_text(choice) for choice in values]
        return words.index(_text(value)) / (len(words) - 1)
    low, high = values
    if kind == "one_minus_log_uniform":
        return 1 - float(np.log((1 - value) / low) / np.log(high / low))
    if kind == "log_uniform":
        return float(np.log(value / low) / np.log(high / low))
    return float((value - low) / (high - low))


def _ticks(how: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Heights and what is written there: all choices, or both ends and the middle of a range."""
    ((kind, values),) = how.items()
    if kind == "choice":
        return [(_height(value, how), _text(value).replace("_", " ")) for value in values]
    low, high = values
    if kind == "one_minus_log_uniform":
        every = [1 - high, 1 - float(np.sqrt(low * high)), 1 - low]
    else:
        middle = np.sqrt(low * high) if kind == "log_uniform" else (low + high) / 2
        every = [low, float(middle), high]
    return [(_height(value, how), f"{value:.3g}") for value in every]


def _text(value: object) -> str:
    """A choice as in trials.parquet."""
    return value if isinstance(value, str) else json.dumps(value)
