"""What an agent does in the real task after training in a synthetic environment."""

from textwrap import fill

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from synthgym.analysis import style
from synthgym.analysis.figures.common import Task, below, short

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
