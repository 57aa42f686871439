"""Choices in distilling: which ones matter, how few contexts suffice. Table, figure, numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from synthgym.analysis import runs
from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import Numbers, number, written
from synthgym.analysis.core.statistics import estimate
from synthgym.analysis.core.tables import read, table
from synthgym.analysis.figures import choices as figures
from synthgym.analysis.figures.choices import CHOICES, order

Tasks = Mapping[str, Mapping[str, Any]]


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md and choices.png into `out`."""
    scale, tasks = config["scale"], config["choice_tasks"]
    agents = read(inputs["choices"])
    numbers = summarise(scale, tasks, agents)
    given = {"table": agents, "tasks": tasks, "scale": scale}
    return report.publish("choice_report", out, numbers, markdown(numbers, tasks), figures, **given)


def summarise(scale: str, tasks: Tasks, agents: pd.DataFrame) -> Numbers:
    """{task: {agent: {choice: {value: numbers}}}}, and the smallest table that solves."""
    summary: Numbers = {"choices": {}, "fewest": {}}
    for (task, agent), rows in runs.by(agents, "task", "agent"):
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
    return report.summary(scale, summary)


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
            smallest, safe = (size or "none" for size in numbers["fewest"][task][agent].values())
            if tasks[task]["solved"] is not None:
                parts.append(
                    f"Contexts in the smallest table tried in which {agent} reaches "
                    f"{tasks[task]['solved']:g}: {smallest}; such that it does in all larger ones "
                    f"too: {safe}."
                )
    return report.document(*parts)


def _table(cells: Numbers) -> str:
    rows = [
        {
            "choice": CHOICES[choice],
            "value": value,
            "return": written(cell, point="iqm"),
            "mean": number(cell["mean"]),
            "n": cell["n"],
            "teacher": number(cell["teacher"]),
        }
        for choice in CHOICES
        for value, cell in sorted(cells.get(choice, {}).items(), key=lambda item: order(item[0]))
    ]
    return table(rows)
