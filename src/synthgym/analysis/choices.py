"""Which choices in distilling matter, and how few contexts suffice? Table, figure, numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from tabulate import tabulate

from synthgym.analysis import runs, style
from synthgym.analysis.core.estimate import rounded
from synthgym.analysis.core.statistics import LEVEL, estimate
from synthgym.analysis.style import styled
from synthgym.core.io import atomic, read_table, write_json

Numbers = dict[str, Any]
Tasks = Mapping[str, Mapping[str, Any]]
CHOICES = {  # name -> what the figure calls it
    "noise": "context noise (sd)",
    "exploration": "random actions (share)",
    "indifferent": "indifferent contexts (share)",
    "reward": "reward",
    "initial_states": "contexts in the table",
    "teacher": "teacher's steps (share)",
}


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md and choices.png into `out`.

    config: `scale` and `choice_tasks` ({task config name: its section}). inputs: `choices`.
    """
    tables = [read_table(path) for path in sorted(inputs["choices"])]
    table = pd.concat(tables, ignore_index=True)
    numbers = summarise(config["scale"], config["choice_tasks"], table)
    write_json(out / "summary.json", numbers)
    with atomic(out / "table.md") as path:
        path.write_text(markdown(numbers, config["choice_tasks"]), encoding="utf-8")
    style.save(figure(table, config["choice_tasks"], config["scale"]), out / "choices.png")
    return ["summary.json", "table.md", "choices.png"]


def summarise(scale: str, tasks: Tasks, table: pd.DataFrame) -> Numbers:
    """{task: {agent: {choice: {value: numbers}}}}, and the smallest table that solves."""
    summary: Numbers = {"about": {"scale": scale, "level": LEVEL}, "choices": {}, "fewest": {}}
    for (task, agent), rows in runs.by(table, "task", "agent"):
        cells: Numbers = {}
        for (choice, value), chosen in runs.by(rows, "choice", "value"):
            numbers = asdict(estimate(chosen["return_"], chosen["environment_seed"]))
            teachers = chosen.groupby("environment_seed")["teacher_return"].first()
            cells.setdefault(choice, {})[value] = numbers | {"teacher": float(teachers.mean())}
        summary["choices"].setdefault(task, {})[agent] = cells
        solved = runs.level(tasks[task]["solved"])
        tables = {int(n): c for n, c in cells.get("initial_states", {}).items() if n.isdigit()}
        enough = [size for size, cell in tables.items() if cell["iqm"] >= solved]
        short = [size for size in tables if size not in enough]
        safe = [size for size in enough if size > max(short, default=0)]
        summary["fewest"].setdefault(task, {})[agent] = {
            "smallest": min(enough, default=None),
            "and_all_larger": min(safe, default=None),
        }
    return rounded(summary)


def markdown(numbers: Numbers, tasks: Tasks) -> str:
    """The table, readable on its own."""
    about = numbers["about"]
    parts = [
        "# Choices in distilling",
        f"Scale `{about['scale']}`: one choice is varied at a time, all others are as in the plan. "
        "Return per episode on the real task of agents trained in the distilled environments, each "
        f"with its own hyperparameters: interquartile mean [{about['level']:.0%} interval], over n "
        "agents, that resamples agents within each teacher (seed). Network: contexts come from "
        "one, not from a table. Teacher: mean return of the teachers themselves.",
    ]
    for task, agents in numbers["choices"].items():
        for agent, cells in agents.items():
            parts += [f"## {tasks[task]['id']}, {agent}", _table(cells)]
            fewest = numbers["fewest"][task][agent]
            if tasks[task]["solved"] is not None:
                smallest, safe = (size or "none" for size in fewest.values())
                parts.append(
                    f"Contexts in the smallest table tried in which {agent} reaches "
                    f"{tasks[task]['solved']:g}: {smallest}; such that it does in all larger ones "
                    f"too: {safe}."
                )
    return "\n\n".join(parts) + "\n"


def _table(cells: Numbers) -> str:
    rows = [
        {
            "choice": CHOICES[choice],
            "value": value,
            "return": f"{cell['iqm']:,.1f} [{cell['low']:,.1f}, {cell['high']:,.1f}]",
            "mean": f"{cell['mean']:,.1f}",
            "n": cell["n"],
            "teacher": f"{cell['teacher']:,.1f}",
        }
        for choice in CHOICES
        for value, cell in sorted(cells.get(choice, {}).items(), key=lambda item: _order(item[0]))
    ]
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


@styled
def figure(table: pd.DataFrame, tasks: Tasks, scale: str) -> Figure:
    """Return on the real task over the values of each choice: a row per task, a line per agent."""
    names = sorted(map(str, table["task"].unique()))
    drawn = style.blank(1.1 + 1.7 * len(names))
    panels = drawn.subplots(len(names), len(CHOICES), squeeze=False, sharey="row")
    look = style.lines(map(str, table["agent"].unique()))
    for row, task in zip(panels, names, strict=True):
        for axes, choice in zip(row, CHOICES, strict=True):
            here = table[(table["task"] == task) & (table["choice"] == choice)]
            values = sorted(map(str, here["value"].unique()), key=_order)
            for (agent,), rows in runs.by(here, "agent"):
                estimates = [
                    estimate(chosen["return_"], chosen["environment_seed"], resamples=1_000)
                    for chosen in (rows[rows["value"] == value] for value in values)
                ]
                iqm = [e.iqm for e in estimates]
                reach = [[e.iqm - e.low for e in estimates], [e.high - e.iqm for e in estimates]]
                points = axes.errorbar(
                    range(len(values)), iqm, reach, fmt="o", ms=3, color=look[agent]["color"]
                )
                points.set_label(agent)
                along = [i for i, value in enumerate(values) if np.isfinite(_order(value)[0])]
                axes.plot(along, [iqm[i] for i in along], **look[agent])
            if tasks[task]["solved"] is not None:
                axes.axhline(tasks[task]["solved"], color="black", ls="--", lw=0.9)
            words = [value.replace("_", " ") for value in values]
            turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
            axes.set_xticks(range(len(values)), words, fontsize=6, **turned)
            axes.margins(x=0.12)
            if task == names[-1]:
                axes.set_xlabel(CHOICES[choice], fontsize=6.5)
        row[0].set_ylabel(f"{tasks[task]['id']}\nreturn per episode")
    handles, labels = panels[0][0].get_legend_handles_labels()
    n = table.groupby(["task", "agent", "choice", "value"]).size()
    count = f"n = {n.min()}" if n.min() == n.max() else f"n = {n.min()} to {n.max()}"
    title = f"Interquartile mean of {count} agents, {LEVEL:.0%} interval; dashed: solved."
    drawn.legend(handles, labels, loc="outside lower left", ncols=5, title=title, alignment="left")
    drawn.suptitle(f"Choices in distilling, scale “{scale}”", x=0.01, ha="left")
    return drawn


def _order(value: str) -> tuple[float, str]:
    try:
        return float(value), ""
    except ValueError:
        return float("inf"), value
