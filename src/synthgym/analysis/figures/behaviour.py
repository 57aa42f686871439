"""What agents see, get and do: an episode, samples of training and test, rewards of a bandit."""

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from synthgym.analysis import style
from synthgym.analysis.figures import common
from synthgym.analysis.figures.common import Task, finish, grid, n_of, short

SHOWN = 0.998  # central part of each source that spans the axis of a histogram
MOST = 24  # observations, from the first on: more rows nobody reads


def behaviour(values: pd.DataFrame, task: Task, scale: str) -> Figure:
    """What agents see in training and in the test: a row per quantity, a column per environment."""
    names = sorted(map(str, values["environment"].unique()))
    quantities = [*task["observation_names"][:MOST], "reward"]
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
        f"central {SHOWN:.1%} of each kind.{_first(task)}"
    )
    entries = common.source_entries()
    return finish(figure, task["id"], scale, "observations and rewards", entries, note)


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
        _, look = style.SOURCES[source]
        axes.stairs(counts / len(drawn), bins, **look)
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


def rollout(rollouts: pd.DataFrame, ways: Mapping[str, str], task: Task, scale: str) -> Figure:
    """One episode per environment: a row per quantity over its steps, a column per environment."""
    names = sorted(map(str, rollouts["environment"].unique()))
    hidden = task["observation_names"][MOST:]
    rollouts = rollouts[~rollouts["quantity"].isin(hidden)]
    order = rollouts.drop_duplicates(["kind", "quantity"]).set_index("kind")["quantity"]
    quantities = [str(quantity) for kind in KINDS for quantity in order[[kind]]]
    figure = style.blank(1.1 + 0.62 * len(quantities))
    panels = figure.subplots(len(quantities), len(names), sharex=True, sharey="row", squeeze=False)
    episodes = {name: rollouts[rollouts["environment"] == name] for name in names}
    for row, quantity in zip(panels, quantities, strict=True):
        for axes, (name, steps) in zip(row, episodes.items(), strict=True):
            chosen = steps[steps["quantity"] == quantity]
            _trace(axes, chosen.sort_values("step"), style.WAYS[ways[name]])
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
    note = f"One agent ({agent}) per environment, one episode each on the real task.{_first(task)}"
    what = "an episode of an agent trained in each environment"
    return finish(figure, task["id"], scale, what, note=note)


def _first(task: Task) -> str:
    """A sentence where not all observations are shown."""
    count = len(task["observation_names"])
    return f" The first {MOST} of {count} observations are shown." if count > MOST else ""


def _trace(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    """A line through the steps; actions are chosen anew at each step, and drawn as points."""
    points = bool(len(rows)) and rows["kind"].iloc[0] == "action"
    look = {"ls": "", "marker": ".", "ms": 1.5} if points else {"lw": 0.9}
    axes.plot(rows["step"], rows["value"], color=colour, **look)
    axes.margins(y=0.15)


def reward_surface(surface: pd.DataFrame, task: Task, scale: str) -> Figure:
    """What an environment rewards, over two observation dimensions (the others at their median).

    With two actions a panel per environment, with more two: the best action, and by how much. All
    are on one scale: shares of the largest difference in an environment, as bandits are the same
    to an agent that learns which action is best, however large their rewards are. Of several
    meta-training seeds the first is shown. A sentence where the task names no two observations.
    """
    what = "rewards of the synthetic environments"
    if surface.empty:
        note = "There is none: the task names no two observations to draw it over."
        return finish(style.blank(1.2), task["id"], scale, what, note=note)
    first = surface.groupby("environment")["environment_seed"].transform("min")
    shown = surface[surface["environment_seed"] == first]
    names = sorted(map(str, shown["environment"].unique()))
    several = shown["action"].nunique() > 2
    x_name, y_name = str(shown["x_name"].iloc[0]), str(shown["y_name"].iloc[0])
    n = len(names) * (2 if several else 1)
    figure, panels = grid(n, 4 if several else 3, 1.7, fill(x_name, 22), fill(y_name, 20))
    panels[0].xaxis.set_major_locator(MaxNLocator(4))
    for i, name in enumerate(names):
        x, y, rewards = _on_grid(shown[shown["environment"] == name])
        seed = first[surface["environment"] == name].iloc[0]
        if several:
            best, lead = panels[2 * i : 2 * i + 2]
            of_action = _best_action(best, x, y, rewards)
            mesh, most = _lead(lead, x, y, rewards)
            best.set_title(f"{fill(name, 17)}\nseed {seed}: best action")
            lead.set_title(f"\nits lead (1: {short(most)})")
        else:
            mesh, most = _difference(panels[i], x, y, rewards)
            panels[i].set_title(f"{name}\nseed {seed} (1: {short(most)})")
    if several:
        actions = range(shown["action"].nunique())
        figure.colorbar(of_action, ax=panels, label="best action", ticks=actions, aspect=40)
        label = "lead: best minus second best"
    else:
        label = "action 1 minus action 0"
    bar = figure.colorbar(mesh, ax=panels, label=f"reward, {label}", extend="both", aspect=40)
    bar.set_ticks(MaxNLocator(5))
    note = (
        "Rewards as shares of the largest difference in each environment (in brackets). The other "
        "observations are at their median in real test episodes."
        + " On the black line both actions are worth the same."
        * (not several)
    )
    return finish(figure, task["id"], scale, what, note=note)


def _on_grid(surface: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates x (X,), y (Y,) and rewards (actions, Y, X)."""
    table = surface.pivot(index=["action", "y"], columns="x", values="reward").sort_index()
    y = np.unique(surface["y"])
    return table.columns.to_numpy(), y, table.to_numpy().reshape(-1, len(y), len(table.columns))


def _difference(
    axes: Axes, x: np.ndarray, y: np.ndarray, rewards: np.ndarray
) -> tuple[QuadMesh, float]:
    """Surface of the difference of two actions over its largest, which is given, too."""
    shares, most = _shares(rewards[1] - rewards[0])
    mesh = axes.pcolormesh(x, y, shares, cmap=style.DIVERGING, vmin=-1, vmax=1)
    if shares.min() < 0 < shares.max():
        axes.contour(x, y, shares, levels=[0], colors="black", linewidths=1.2)
    return mesh, most


def _best_action(axes: Axes, x: np.ndarray, y: np.ndarray, rewards: np.ndarray) -> QuadMesh:
    n = len(rewards)
    colours = ListedColormap(style.PALETTE[:n])
    return axes.pcolormesh(x, y, rewards.argmax(axis=0), cmap=colours, vmin=-0.5, vmax=n - 0.5)


def _lead(axes: Axes, x: np.ndarray, y: np.ndarray, rewards: np.ndarray) -> tuple[QuadMesh, float]:
    """Surface of what the best action is ahead, over its largest, which is given, too."""
    second, best = np.sort(rewards, axis=0)[-2:]
    shares, most = _shares(best - second)
    return axes.pcolormesh(x, y, shares, cmap=style.SEQUENTIAL, vmin=0, vmax=1), most


def _shares(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Values over the largest of them, without outliers; and that one."""
    most = float(np.quantile(np.abs(values), 0.99))
    return values / (most or 1.0), most
