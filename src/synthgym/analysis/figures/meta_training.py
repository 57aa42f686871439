"""How good each environment becomes: return on the real task over generations."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from synthgym.analysis import runs, style
from synthgym.analysis.core.statistics import estimate
from synthgym.analysis.figures.common import (
    INTERVAL,
    Task,
    below,
    estimates,
    grid,
    level,
    n_of,
    solved_entry,
)


def meta_training(
    progress: pd.DataFrame, evaluations: pd.DataFrame, task: Task, scale: str
) -> Figure:
    """How good each environment becomes: return on the real task over generations."""
    searched = progress["stage"] == runs.METATRAIN
    names = sorted(map(str, progress["environment"][searched].unique()))
    if not names:
        return _nothing(task, scale)
    figure, panels = grid(len(names), columns=2, height=1.75, x="generation", y="return")
    colour_of = style.colours(names)
    for axes, name in zip(panels, names, strict=True):
        log = progress[progress["environment"] == name]
        for _, seed in runs.by(log[log["stage"] == runs.METATRAIN], "environment_seed"):
            axes.plot(seed["generation"], seed["fitness_mean"], color=colour_of[name], lw=0.7)
        fresh = evaluations[evaluations["environment"] == name]
        for i, ((agent,), of_agent) in enumerate(runs.by(fresh, "agent")):
            means = {
                generation: estimate(rows["return_"], rows["environment_seed"])
                for generation, rows in of_agent.groupby("generation")
            }
            marker = {"marker": "osD^v"[i % 5], "ms": 4, "label": agent}
            estimates(axes, means, {"color": colour_of[name], "lw": 1.6, **marker})
        level(axes, task)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
        minutes = log.groupby("environment_seed")["seconds"].sum().mean() / 60
        axes.set_title(f"{name}: {log['generation'].max()} generations, {minutes:,.1f} min")
        if fresh["agent"].nunique() > 1:
            axes.legend()
    n = n_of(evaluations.groupby(["environment", "agent", "generation"]).size())
    entries = {
        f"mean of the search: interquartile mean of {n} fresh agents, {INTERVAL}": Line2D(
            [], [], color="black", marker="o", ms=4, lw=1.6
        ),
        "population: mean fitness": Line2D([], [], color="black", lw=0.7),
    }
    note = "Return per episode on the real task, of agents trained in the environment."
    below(figure, entries | solved_entry(task), [note])
    style.heading(figure, task["id"], scale, "meta-training")
    return figure


def _nothing(task: Task, scale: str) -> Figure:
    figure = style.blank(1.2)
    figure.text(0.01, 0.3, "No environment of this task is meta-trained: all are distilled.")
    style.heading(figure, task["id"], scale, "meta-training")
    return figure
