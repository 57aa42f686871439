"""Agents in the real tasks, with the settings tuned for each. Table, figure, numbers.

The reference for everything that is trained in synthetic environments: returns beside those
published, and learning curves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from synthgym.analysis import runs
from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import COUNT, Numbers, bold, given, number
from synthgym.analysis.core.statistics import RESAMPLES, estimate
from synthgym.analysis.core.tables import read_runs, table
from synthgym.analysis.figures import experts as figures

Tasks = Mapping[str, Mapping[str, Any]]


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md and learning_curves.png into `out`."""
    scale, tasks = config["scale"], config["expert_tasks"]
    curves, episodes = (read_runs(name, inputs[name]) for name in ("curves", "episodes"))
    numbers = summarise(scale, tasks, curves, episodes)
    given = {"curves": curves, "tasks": tasks, "scale": scale}
    return report.publish("expert_report", out, numbers, markdown(numbers, tasks), figures, **given)


def summarise(scale: str, tasks: Tasks, curves: pd.DataFrame, episodes: pd.DataFrame) -> Numbers:
    """{task: {agent: numbers of the finished agents}}, and `about` how they were made."""
    found: Numbers = {}
    tested = episodes.groupby(["task", *runs.RUN]).size().groupby(["task", "agent"]).min()
    for task in sorted(tasks):
        rows = curves[curves["task"] == task]
        if rows.empty:
            raise ValueError(f"{task} is among the experts of the plan, but has no table.")
        found[task] = {
            agent: asdict(estimate(ends["return_"]))
            | {
                "steps": int(ends["step"].median()),
                "episodes": float(ends["episode"].median()),
                "test_episodes": int(tested.loc[(task, agent)]),
                "published": tasks[task]["published"].get(agent),
            }
            for (agent,), ends in runs.by(runs.finished(rows), "agent")
        }
    return report.summary(scale, {"experts": found}, resamples=RESAMPLES)


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
    rows = []
    for task, agents in numbers["experts"].items():
        section = tasks[task]
        best = max(agents, key=lambda agent: agents[agent]["iqm"])
        for agent, cell in agents.items():
            published = cell["published"] or {}
            rows.append(
                {
                    "task": section["id"],
                    "agent": agent + " *best*" * (agent == best),
                    "steps": number(cell["steps"], COUNT),
                    "return": bold(cell, runs.level(section["solved"])),
                    "n": cell["n"],
                    "published, real": given(published.get("real")),
                    "published, synthetic": given(published.get("synthetic")),
                    "solved from": given(section["solved"]),
                    "random actions": given(section["reference"]["random"]),
                }
            )
    return report.document("# Experts", intro, table(rows))
