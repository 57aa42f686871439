"""How good is each agent in each real task, with the settings tuned for it? Table, figure, numbers.

The reference for everything that is trained in synthetic environments: returns beside those
published, and learning curves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from tabulate import tabulate

from synthgym.analysis import runs, style
from synthgym.analysis.core.estimate import rounded
from synthgym.analysis.core.statistics import LEVEL, RESAMPLES, estimate
from synthgym.analysis.core.tables import read_runs
from synthgym.analysis.style import styled
from synthgym.core.io import atomic, write_json

Numbers = dict[str, Any]
Tasks = Mapping[str, Mapping[str, Any]]
COLUMNS = 3  # panels of the figure


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md and learning_curves.png into `out`.

    config: `scale` and `expert_tasks` ({task config name: its section}). inputs: `curves` and
    `episodes` of the experts.
    """
    scale, tasks = config["scale"], config["expert_tasks"]
    curves, episodes = (read_runs(name, inputs[name]) for name in ("curves", "episodes"))
    numbers = summarise(scale, tasks, curves, episodes)
    write_json(out / "summary.json", numbers)
    with atomic(out / "table.md") as path:
        path.write_text(markdown(numbers, tasks), encoding="utf-8")
    style.save(learning_curves(curves, tasks, scale), out / "learning_curves.png")
    return ["summary.json", "table.md", "learning_curves.png"]


def summarise(scale: str, tasks: Tasks, curves: pd.DataFrame, episodes: pd.DataFrame) -> Numbers:
    """{task: {agent: numbers of the finished agents}}, and `about` how they were made."""
    about = {"scale": scale, "level": LEVEL, "resamples": RESAMPLES}
    summary: Numbers = {"about": about, "experts": {}}
    tested = episodes.groupby(["task", *runs.RUN]).size().groupby(["task", "agent"]).min()
    for task in sorted(tasks):
        rows = curves[curves["task"] == task]
        if rows.empty:
            raise ValueError(f"{task} is among the experts of the plan, but has no table.")
        summary["experts"][task] = {
            agent: asdict(estimate(ends["return_"]))
            | {
                "steps": int(ends["step"].median()),
                "episodes": float(ends["episode"].median()),
                "test_episodes": int(tested.loc[(task, agent)]),
                "published": tasks[task]["published"].get(agent),
            }
            for (agent,), ends in runs.by(runs.finished(rows), "agent")
        }
    return rounded(summary)


def best(numbers: Numbers, task: str) -> tuple[str, float]:
    """The agent with the highest interquartile mean, and that mean."""
    agents = numbers["experts"][task]
    name = max(agents, key=lambda agent: agents[agent]["iqm"])
    return name, agents[name]["iqm"]


def markdown(numbers: Numbers, tasks: Tasks) -> str:
    """The table, readable on its own."""
    about = numbers["about"]
    intro = (
        "Agents trained in the real task with settings tuned for it (`tuned:` in conf/task/), "
        f"scale `{about['scale']}`. Returns per episode: interquartile mean [{about['level']:.0%} "
        "interval] over n agents, each one training run from its own random start, tested as its "
        "conf/agent/ file says; the interval is the percentile interval of "
        f"{about['resamples']:,} bootstrap resamples of the agents. **Bold**: at or above the "
        "return at which the task counts as solved. *Best* marks the best agent of a task. "
        "Published: the same agent trained in the real task, and in a published synthetic "
        "environment (sources and budgets: `published:` in conf/task/); no number where none was "
        "published."
    )
    return f"# Experts\n\n{intro}\n\n{table(numbers, tasks)}\n"


def table(numbers: Numbers, tasks: Tasks) -> str:
    """One row per task and agent."""
    rows = []
    for task, agents in numbers["experts"].items():
        section = tasks[task]
        for agent, cell in agents.items():
            published = cell["published"] or {}
            rows.append(
                {
                    "task": section["id"] if section["id"] != task else task,
                    "agent": agent + (" *best*" if agent == best(numbers, task)[0] else ""),
                    "steps": f"{cell['steps']:,}",
                    "return": _cell(cell, section["solved"]),
                    "n": cell["n"],
                    "published, real": _published(published.get("real")),
                    "published, synthetic": _published(published.get("synthetic")),
                    "solved from": _published(section["solved"]),
                    "random actions": _published(section["reference"]["random"]),
                }
            )
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


@styled
def learning_curves(curves: pd.DataFrame, tasks: Tasks, scale: str) -> Figure:
    """Return on the real task over training steps: a panel per task, a line per agent."""
    names = sorted(tasks)
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = style.blank(1.2 + 1.75 * rows)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    look = style.lines(map(str, curves["agent"].unique()))
    agents = [agent for agent in look if (curves["agent"] == agent).any()]
    for unused in panels[len(names) :]:
        unused.remove()
    for axes, task in zip(panels, names, strict=False):
        here = curves[curves["task"] == task]
        for (agent,), draws in runs.by(here, "agent"):
            _line(axes, draws, look[agent])
        section = tasks[task]
        if section["solved"] is not None:
            axes.axhline(section["solved"], color="black", ls="--", lw=0.9)
        axes.axhline(section["reference"]["random"], color="black", ls=":", lw=0.9)
        axes.set_xscale("log")
        axes.set_title(section["id"])
    for axes in panels[max(0, len(names) - columns) : len(names)]:
        axes.set_xlabel("steps in the real task")
    for axes in panels[: len(names) : columns]:
        axes.set_ylabel("return per episode")
    n = curves.drop_duplicates(["task", *runs.RUN]).groupby(["task", "agent"]).size()
    entries = {agent: Line2D([], [], **look[agent]) for agent in agents}
    entries["solved"] = Line2D([], [], color="black", ls="--", lw=0.9)
    entries["random actions"] = Line2D([], [], color="black", ls=":", lw=0.9)
    count = f"n = {n.min()}" if n.min() == n.max() else f"n = {n.min()} to {n.max()}"
    figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower left",
        ncols=5,
        title=f"Lines: interquartile mean of {count} agents; bands: {LEVEL:.0%} interval.",
        alignment="left",
    )
    figure.suptitle(f"Experts, scale “{scale}”: learning in the real tasks", x=0.01, ha="left")
    return figure


def _line(axes: Axes, draws: pd.DataFrame, look: Mapping[str, Any]) -> None:
    # Runs that stopped early stay where they are: evaluations are counted, not steps.
    order = draws.groupby(runs.RUN)["step"].rank(method="first")
    estimates = [
        (rows["step"].median(), estimate(rows["return_"], resamples=1_000))
        for _, rows in draws.groupby(order)
    ]
    x, y = [step for step, _ in estimates], [e.iqm for _, e in estimates]
    low, high = [e.low for _, e in estimates], [e.high for _, e in estimates]
    axes.fill_between(x, low, high, color=look["color"], alpha=0.2, lw=0)
    axes.plot(x, y, **look)


def _cell(cell: Numbers, solved: float | None) -> str:
    value = f"{cell['iqm']:,.1f}"
    value = f"**{value}**" if solved is not None and cell["iqm"] >= solved else value
    return f"{value} [{cell['low']:,.1f}, {cell['high']:,.1f}]"


def _published(value: float | None) -> str:
    return "" if value is None else f"{value:,g}"
