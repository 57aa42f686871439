"""How fast agents learn in the real tasks, with the settings tuned for them."""

import pandas as pd
from matplotlib.figure import Figure

from synthgym.analysis import runs, style
from synthgym.analysis.core.statistics import estimate
from synthgym.analysis.figures import common
from synthgym.analysis.figures.common import INTERVAL, Tasks, finish, keys, level

RANDOM = {**common.SOLVED, "ls": ":"}


def learning_curves(curves: pd.DataFrame, tasks: Tasks, scale: str) -> Figure:
    """Return on the real task over training steps: a panel per task, a line per agent."""
    labels = ("steps in the real task", "return per episode")
    figure, panels = common.grid(len(tasks), 3, 1.75, *labels, sharex=False, sharey=False)
    look = style.agents(map(str, curves["agent"].unique()))
    for axes, task in zip(panels, sorted(tasks), strict=True):
        for (agent,), of_agent in runs.by(curves[curves["task"] == task], "agent"):
            # Runs that stopped early stay where they are: evaluations are counted, not steps.
            order = of_agent.groupby(runs.RUN)["step"].rank(method="first")
            at = {
                rows["step"].median(): estimate(rows["return_"], resamples=1_000)
                for _, rows in of_agent.groupby(order)
            }
            common.estimates(axes, at, look[agent])
        level(axes, tasks[task])
        axes.axhline(tasks[task]["reference"]["random"], **RANDOM)
        axes.set_xscale("log")
        axes.set_title(tasks[task]["id"])
    n = common.n_of(curves.drop_duplicates(["task", *runs.RUN]).groupby(["task", "agent"]).size())
    agents = {name: line for name, line in look.items() if (curves["agent"] == name).any()}
    entries = keys({**agents, "solved": common.SOLVED, "random actions": RANDOM})
    note = f"Lines: interquartile mean of {n} agents; bands: {INTERVAL}."
    return finish(figure, "Experts", scale, "learning in the real tasks", entries, note, columns=5)
