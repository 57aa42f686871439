"""What agents see, get and do: an episode, samples of training and test, rewards of a bandit."""

from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from synthgym.analysis import style
from synthgym.analysis.figures import common
from synthgym.analysis.figures.common import Task, below, grid, n_of, short

SHOWN = 0.998  # central part of each source that spans the axis of a histogram


def behaviour(values: pd.DataFrame, task: Task, scale: str) -> Figure:
    """What agents see in training and in the test: a row per quantity, a column per environment."""
    names = sorted(map(str, values["environment"].unique()))
    quantities = [*task["observation_names"], "reward"]
    figure = style.blank(1.1 + 0.95 * len(quantities))
    panels = figure.subplots(len(quantities), len(names), sharey=True, squeeze=False)
    for row, quantity in zip(panels, quantities, strict=True):
        for axes, name in zip(row, names, strict=True):
            chosen = (values["environment"] == name) & (values["quantity"] == quantity)
            histograms(axes, values[chosen])
        row[0].set_ylabel(fill(quantity, 15), rotation=0, ha="right", va="center")
    for axes, name in zip(panels[0], names, strict=True):
        axes.set_title(name)
    fewest = values.groupby(["environment", "quantity", "source"]).size()
    panels[0, 0].set_ylim(0.5 / fewest.max(), 2)
    note = (
        f"Share of the {n_of(fewest)} samples of each kind per bin, logarithmic; bins span the "
        f"central {SHOWN:.1%} of each kind."
    )
    below(figure, common.source_entries(), [note])
    style.heading(figure, task["id"], scale, "observations and rewards")
    return figure


def histograms(axes: Axes, values: pd.DataFrame) -> None:
    """All sources of one quantity, over each other."""
    samples = {
        source: values.loc[values["source"] == source, "value"].to_numpy()
        for source in style.SOURCES
        if (values["source"] == source).any()
    }
    bins = common.edges_of([edge for drawn in samples.values() for edge in _central(drawn)])
    for source, drawn in samples.items():
        counts, _ = np.histogram(drawn, bins)
        _, colour = style.SOURCES[source]
        real = source == "real_test"
        axes.stairs(counts / len(drawn), bins, fill=real, color=colour, alpha=0.5 if real else 1)
    axes.set_yscale("log")
    axes.locator_params(axis="x", nbins=4)


def _central(samples: np.ndarray) -> tuple[float, float]:
    """The samples at both ends of the central part; the outermost ones if there are few."""
    tail = (1 - SHOWN) / 2
    return (
        float(np.quantile(samples, tail, method="lower")),
        float(np.quantile(samples, 1 - tail, method="higher")),
    )


KINDS = ("observation", "action", "reward")


def rollout(rollouts: pd.DataFrame, task: Task, scale: str) -> Figure:
    """One episode per environment: a row per quantity over its steps, a column per environment."""
    names = sorted(map(str, rollouts["environment"].unique()))
    order = rollouts.drop_duplicates(["kind", "quantity"]).set_index("kind")["quantity"]
    quantities = [str(quantity) for kind in KINDS for quantity in order[[kind]]]
    colours = style.colours(names)
    figure = style.blank(1.1 + 0.62 * len(quantities))
    panels = figure.subplots(len(quantities), len(names), sharex=True, sharey="row", squeeze=False)
    episodes = {name: rollouts[rollouts["environment"] == name] for name in names}
    for row, quantity in zip(panels, quantities, strict=True):
        for axes, (name, steps) in zip(row, episodes.items(), strict=True):
            chosen = steps[steps["quantity"] == quantity]
            _trace(axes, chosen.sort_values("step"), colours[name])
            whole = quantity == "action" and task["action"]["kind"] == "discrete"
            axes.yaxis.set_major_locator(MaxNLocator(3, integer=whole))
        row[0].set_ylabel(fill(quantity, 18), rotation=0, ha="right", va="center")
    for axes, (name, steps) in zip(panels[0], episodes.items(), strict=True):
        rewards = steps.loc[steps["kind"] == "reward", "value"]
        axes.set_title(f"{fill(name, 18)}\nreturn {short(rewards.sum())}")
    for axes in panels[-1]:
        axes.set_xlabel("step")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    agent = " and ".join(sorted(map(str, rollouts["agent"].unique())))
    below(figure, {}, [f"One agent ({agent}) per environment, one episode each on the real task."])
    style.heading(figure, task["id"], scale, "an episode of an agent trained in each environment")
    return figure


def _trace(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    """A line through the steps; actions are chosen anew at each step, and drawn as points."""
    points = bool(len(rows)) and rows["kind"].iloc[0] == "action"
    look = {"ls": "", "marker": ".", "ms": 1.5} if points else {"lw": 0.9}
    axes.plot(rows["step"], rows["value"], color=colour, **look)
    axes.margins(y=0.15)


def reward_surface(surface: pd.DataFrame, task: Task, scale: str) -> Figure:
    """What an environment rewards, over two observation dimensions (the others at their median).

    With two actions a panel per environment, with more two: the best action, and by how much. Of
    several meta-training seeds the first is shown. A sentence where the task names no two.
    """
    if surface.empty:
        figure = style.blank(1.2)
        below(figure, {}, ["There is none: the task names no two observations to draw it over."])
        style.heading(figure, task["id"], scale, "rewards of the synthetic environments")
        return figure
    first = surface.groupby("environment")["environment_seed"].transform("min")
    shown = surface[surface["environment_seed"] == first]
    names = sorted(map(str, shown["environment"].unique()))
    several = shown["action"].nunique() > 2
    x_name, y_name = str(shown["x_name"].iloc[0]), str(shown["y_name"].iloc[0])
    n = len(names) * (2 if several else 1)
    figure, panels = grid(n, columns=2, height=2.2, x=x_name, y=y_name)
    panels[0].xaxis.set_major_locator(MaxNLocator(5))
    for i, name in enumerate(names):
        x, y, rewards = _on_grid(shown[shown["environment"] == name])
        title = f"{name}, seed {first[surface['environment'] == name].iloc[0]}"
        if several:
            _best_action(panels[2 * i], x, y, rewards)
            _lead(panels[2 * i + 1], x, y, rewards)
            panels[2 * i].set_title(f"{title}: best action")
            panels[2 * i + 1].set_title(f"{title}: its lead")
        else:
            _difference(panels[i], x, y, rewards)
            panels[i].set_title(title)
    line = "" if several else " On the black line both actions are worth the same."
    below(figure, {}, [f"The other observations are at their median in real test episodes.{line}"])
    style.heading(figure, task["id"], scale, "rewards of the synthetic environments")
    return figure


def _on_grid(surface: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates x (X,), y (Y,) and rewards (actions, Y, X)."""
    table = surface.pivot(index=["action", "y"], columns="x", values="reward").sort_index()
    y = np.unique(surface["y"])
    return table.columns.to_numpy(), y, table.to_numpy().reshape(-1, len(y), len(table.columns))


def _difference(axes: Axes, x: np.ndarray, y: np.ndarray, rewards: np.ndarray) -> None:
    difference = rewards[1] - rewards[0]
    most = np.quantile(np.abs(difference), 0.99)
    bar = {"label": "reward: action 1 minus action 0", "extend": "both"}
    _mesh(axes, x, y, difference, bar, cmap=style.DIVERGING, vmin=-most, vmax=most)
    if difference.min() < 0 < difference.max():
        axes.contour(x, y, difference, levels=[0], colors="black", linewidths=1.2)


def _best_action(axes: Axes, x: np.ndarray, y: np.ndarray, rewards: np.ndarray) -> None:
    n, bar = len(rewards), {"label": "action", "ticks": range(len(rewards))}
    colours = ListedColormap(style.ACTIONS[:n])
    _mesh(axes, x, y, rewards.argmax(axis=0), bar, cmap=colours, vmin=-0.5, vmax=n - 0.5)


def _lead(axes: Axes, x: np.ndarray, y: np.ndarray, rewards: np.ndarray) -> None:
    second, best = np.sort(rewards, axis=0)[-2:]
    bar = {"label": "reward: best minus second best"}
    _mesh(axes, x, y, best - second, bar, cmap=style.SEQUENTIAL, vmin=0)


def _mesh(
    axes: Axes, x: np.ndarray, y: np.ndarray, z: np.ndarray, bar: dict[str, Any], **look: Any
) -> None:
    """Colours over x and y, and a bar that explains them."""
    axes.figure.colorbar(axes.pcolormesh(x, y, z, **look), ax=axes, **bar)
