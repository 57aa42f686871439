"""Which choices in distilling matter: return over the values of each."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from synthgym.analysis import runs, style
from synthgym.analysis.core.statistics import estimate
from synthgym.analysis.figures.common import INTERVAL, Tasks, below, keys, level, n_of, reach

CHOICES = {  # name -> what the figure calls it
    "noise": "context noise (sd)",
    "exploration": "random actions (share)",
    "indifferent": "indifferent contexts (share)",
    "reward": "reward",
    "initial_states": "contexts in the table",
    "teacher": "teacher's steps (share)",
}


def choices(table: pd.DataFrame, tasks: Tasks, scale: str) -> Figure:
    """Return on the real task over the values of each choice: a row per task, a line per agent."""
    names = sorted(map(str, table["task"].unique()))
    figure = style.blank(1.1 + 1.7 * len(names))
    panels = figure.subplots(len(names), len(CHOICES), squeeze=False, sharey="row")
    agents = sorted(map(str, table["agent"].unique()))
    look = style.agents(agents)
    for row, task in zip(panels, names, strict=True):
        for axes, choice in zip(row, CHOICES, strict=True):
            tried = table[(table["task"] == task) & (table["choice"] == choice)]
            values = sorted(map(str, tried["value"].unique()), key=order)
            for (agent,), rows in runs.by(tried, "agent"):
                means = []
                for x, value in enumerate(values):
                    of = rows[rows["value"] == value]
                    e = estimate(of["return_"], of["environment_seed"], resamples=1_000)
                    colour = look[agent]["color"]
                    axes.errorbar(x, e.iqm, reach(e.interval), fmt="o", ms=3, color=colour)
                    means.append(e.iqm)
                along = [i for i, value in enumerate(values) if np.isfinite(order(value)[0])]
                axes.plot(along, [means[i] for i in along], **look[agent])
            level(axes, tasks[task])
            words = [value.replace("_", " ") for value in values]
            turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
            axes.set_xticks(range(len(values)), words, fontsize=6, **turned)
            axes.margins(x=0.12)
            if task == names[-1]:
                axes.set_xlabel(fill(CHOICES[choice], 16), fontsize=6.5)
        row[0].set_ylabel(f"{tasks[task]['id']}\nreturn per episode")
    n = n_of(table.groupby(["task", "agent", "choice", "value"]).size())
    note = f"Interquartile mean of {n} agents, {INTERVAL}; dashed: solved."
    below(figure, keys({agent: look[agent] for agent in agents}, marker="o", ms=3), [note], 5)
    style.heading(figure, "Choices in distilling", scale)
    return figure


def order(value: str) -> tuple[float, str]:
    """The place of a value among others: numbers first."""
    try:
        return float(value), ""
    except ValueError:
        return float("inf"), value
