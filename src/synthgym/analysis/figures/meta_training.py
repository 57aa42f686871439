"""How good does each environment become? Return on the real task over generations."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from synthgym.analysis import runs, style
from synthgym.analysis.core.statistics import estimate
from synthgym.analysis.figures.common import (
    INTERVAL,
    SOLVED,
    Task,
    below,
    grid,
    n_of,
    solved_entry,
)
from synthgym.analysis.style import styled


@styled
def draw(progress: pd.DataFrame, evaluations: pd.DataFrame, task: Task, scale: str) -> Figure:
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
        draws = evaluations[evaluations["environment"] == name]
        for i, ((agent,), rows) in enumerate(runs.by(draws, "agent")):
            _band(axes, rows, colour_of[name], marker="osD^v"[i % 5], label=agent)
        if task["solved"] is not None:
            axes.axhline(task["solved"], **SOLVED)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
        minutes = log.groupby("environment_seed")["seconds"].sum().mean() / 60
        axes.set_title(f"{name}: {log['generation'].max()} generations, {minutes:,.1f} min")
        if draws["agent"].nunique() > 1:
            axes.legend()
    n = evaluations.groupby(["environment", "agent", "generation"]).size()
    below(
        figure,
        {
            f"mean of the search: interquartile mean of {n_of(n)} fresh agents, {INTERVAL}": Line2D(
                [], [], color="black", marker="o", ms=4, lw=1.6
            ),
            "population: mean fitness": Line2D([], [], color="black", lw=0.7),
            **solved_entry(task),
        },
        ["Return per episode on the real task, of agents trained in the environment."],
    )
    style.heading(figure, task, scale, "meta-training")
    return figure


def _nothing(task: Task, scale: str) -> Figure:
    figure = style.blank(1.2)
    figure.text(0.01, 0.3, "No environment of this task is meta-trained: all are distilled.")
    style.heading(figure, task, scale, "meta-training")
    return figure


def _band(axes: Axes, draws: pd.DataFrame, colour: str, marker: str, label: str) -> None:
    estimates = {
        generation: estimate(rows["return_"], rows["environment_seed"])
        for generation, rows in draws.groupby("generation")
    }
    x = list(estimates)
    axes.fill_between(
        x,
        [e.low for e in estimates.values()],
        [e.high for e in estimates.values()],
        color=colour,
        alpha=0.25,
        lw=0,
    )
    iqm = [e.iqm for e in estimates.values()]
    axes.plot(x, iqm, color=colour, lw=1.6, marker=marker, ms=4, label=label)
