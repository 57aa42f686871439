"""What a bandit pays, over two of the observations."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from synthgym.analysis import style
from synthgym.analysis.figures.common import Task, below, grid


def reward_surface(surface: pd.DataFrame, task: Task, scale: str) -> Figure:
    """What an environment rewards, over two observation dimensions (the others at their median).

    With two actions a panel per environment, with more two: the best action, and by how much. Of
    several meta-training seeds the first is shown. A sentence where the task names no two.
    """
    if surface.empty:
        return _none(task, scale)
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
            _best_action(figure, panels[2 * i], x, y, rewards)
            _margin(figure, panels[2 * i + 1], x, y, rewards)
            panels[2 * i].set_title(f"{title}: best action")
            panels[2 * i + 1].set_title(f"{title}: its lead")
        else:
            _difference(figure, panels[i], x, y, rewards)
            panels[i].set_title(title)
    line = "" if several else " On the black line both actions are worth the same."
    below(figure, {}, [f"The other observations are at their median in real test episodes.{line}"])
    style.heading(figure, task["id"], scale, "rewards of the synthetic environments")
    return figure


def _none(task: Task, scale: str) -> Figure:
    figure = style.blank(1.2)
    below(figure, {}, ["There is none: the task names no two observations to draw it over."])
    style.heading(figure, task["id"], scale, "rewards of the synthetic environments")
    return figure


def _on_grid(surface: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates x (X,), y (Y,) and rewards (actions, Y, X)."""
    grids = [
        rows.pivot(index="y", columns="x", values="reward")
        for _, rows in surface.groupby("action", sort=True)
    ]
    return (
        grids[0].columns.to_numpy(),
        grids[0].index.to_numpy(),
        np.stack([grid.to_numpy() for grid in grids]),
    )


def _difference(
    figure: Figure, axes: Axes, x: np.ndarray, y: np.ndarray, rewards: np.ndarray
) -> None:
    difference = rewards[1] - rewards[0]
    most = np.quantile(np.abs(difference), 0.99)
    mesh = axes.pcolormesh(x, y, difference, cmap=style.DIVERGING, vmin=-most, vmax=most)
    if difference.min() < 0 < difference.max():
        axes.contour(x, y, difference, levels=[0], colors="black", linewidths=1.2)
    figure.colorbar(mesh, ax=axes, label="reward: action 1 minus action 0", extend="both")


def _best_action(
    figure: Figure, axes: Axes, x: np.ndarray, y: np.ndarray, rewards: np.ndarray
) -> None:
    n = len(rewards)
    colours = ListedColormap(style.ACTIONS[:n])
    mesh = axes.pcolormesh(x, y, rewards.argmax(axis=0), cmap=colours, vmin=-0.5, vmax=n - 0.5)
    figure.colorbar(mesh, ax=axes, label="action", ticks=range(n))


def _margin(figure: Figure, axes: Axes, x: np.ndarray, y: np.ndarray, rewards: np.ndarray) -> None:
    second, best = np.sort(rewards, axis=0)[-2:]
    mesh = axes.pcolormesh(x, y, best - second, cmap=style.SEQUENTIAL, vmin=0)
    figure.colorbar(mesh, ax=axes, label="reward: best minus second best")
