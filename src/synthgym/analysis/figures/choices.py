"""Which choices in distilling matter: return over the values of each."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from synthgym.analysis import runs, style
from synthgym.analysis.core.statistics import estimate
from synthgym.analysis.figures.common import INTERVAL, Tasks, finish, keys, level, n_of, reach

COLUMNS = 3
CHOICES = {  # name -> what the figure calls it
    "noise": "context noise (sd)",
    "exploration": "random actions (share)",
    "indifferent": "indifferent contexts (share)",
    "reward": "reward",
    "initial_states": "contexts in the table",
    "teacher": "teacher's steps (share)",
}


def choices(table: pd.DataFrame, tasks: Tasks, scale: str) -> Figure:
    """Return on the real task over the values of each choice: rows per task, a line per agent."""
    names = sorted(map(str, table["task"].unique()))
    lines = -(-len(CHOICES) // COLUMNS)  # of panels, per task
    figure = style.blank(1.1 + 1.9 * lines * len(names))
    panels = figure.subplots(lines * len(names), COLUMNS, squeeze=False, sharey="row")
    agents = sorted(map(str, table["agent"].unique()))
    look = style.agents(agents)
    for i, task in enumerate(names):
        of_task = panels[lines * i : lines * (i + 1)]
        for axes, choice in zip(of_task.flat, CHOICES, strict=True):
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
            long = sum(map(len, words)) > 20
            turned = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if long else {}
            axes.set_xticks(range(len(values)), words, fontsize=style.SMALL, **turned)
            axes.margins(x=0.12)
            axes.set_title(f"{tasks[task]['id']}\n{CHOICES[choice]}")
        for axes in of_task[:, 0]:
            axes.set_ylabel("return per episode")
    n = n_of(table.groupby(["task", "agent", "choice", "value"]).size())
    note = f"Interquartile mean of {n} agents, {INTERVAL}; dashed: solved."
    entries = keys({agent: look[agent] for agent in agents}, marker="o", ms=3)
    return finish(figure, "Choices in distilling", scale, entries=entries, note=note, columns=5)


def order(value: str) -> tuple[float, str]:
    """The place of a value among others: numbers first."""
    try:
        return float(value), ""
    except ValueError:
        return float("inf"), value
