"""What do bandits know of their tasks? Numbers, and a figure with a row per task.

As Liesen et al. 2024 look into theirs: without numbers there, so none stands beside ours.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from tabulate import tabulate

from synthgym.analysis.core import report
from synthgym.analysis.core import verdict as verdicts
from synthgym.analysis.core.estimate import Numbers, rounded
from synthgym.analysis.core.statistics import LEVEL, difference, estimate
from synthgym.analysis.figures import insight as figures
from synthgym.analysis.figures.common import draw
from synthgym.core.io import read_table

Tasks = Mapping[str, Mapping[str, Any]]
INPUTS = ("policies", "importance", "symmetry", "states")
GREEDY, TRAINED, RANDOM = "best paid", "trained", "random"
MIRRORED = 0.9  # how often a policy does in the mirror what its mirror image does, to be symmetric


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md and insight.png into `out`.

    config: `scale` and `insight_tasks` ({task config name: its section}).
    """
    scale, tasks = config["scale"], config["insight_tasks"]
    tables = {name: read(inputs[name]) for name in INPUTS}
    numbers = {"about": {"scale": scale, "level": LEVEL}, **summarise(tables)}
    numbers = rounded(numbers | {"claims": claims(tables["policies"], numbers["tasks"], tasks)})
    drawn = draw("insight_report", vars(figures), tables=tables, tasks=tasks, scale=scale)
    return report.write(out, numbers, markdown(numbers, tasks), drawn)


def read(paths: Iterable[Path]) -> pd.DataFrame:
    """Tables of insight/<task>/<environment>/seed<n>/, with these as columns; `kind` of policy."""
    tables = []
    for path in sorted(paths):
        task, environment, seed = path.parts[-4:-1]
        table = read_table(path).assign(task=task, environment=environment, seed=seed)
        if "policy" in table:
            trained = table["policy"].astype(str).str.startswith(TRAINED)
            table["kind"] = np.where(trained, TRAINED, table["policy"])
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def summarise(tables: Mapping[str, pd.DataFrame]) -> Numbers:
    """{tasks: {task: {environment: returns, importance, symmetry, distances}}}."""
    summary: Numbers = {"tasks": {}}
    keys = ["task", "environment"]
    for (task, environment), policies in tables["policies"].groupby(keys, sort=False):
        mine = {
            name: table[(table["task"] == task) & (table["environment"] == environment)]
            for name, table in tables.items()
        }
        by_kind = mine["importance"].groupby(["kind", "quantity"], sort=False)
        weights = by_kind[["permutation", "gradient"]].mean()
        paid, trained = (weights.loc[kind] for kind in (GREEDY, TRAINED))
        agreement = {
            column: float(stats.spearmanr(paid[column], trained[column])[0])
            if len(paid) > 2 and np.ptp(paid[column]) > 0 and np.ptp(trained[column]) > 0
            else None
            for column in ("permutation", "gradient")
        }
        summary["tasks"].setdefault(str(task), {})[str(environment)] = {
            "returns": {
                str(kind): vars(estimate(rows["return_"]))
                for kind, rows in policies.groupby("kind", sort=False)
            },
            "importance": {
                str(kind): weights.loc[kind].to_dict("index") for kind in (GREEDY, TRAINED)
            },
            "agreement": agreement,
            "symmetry": mine["symmetry"].groupby("kind")["agreement"].mean().to_dict(),
            "distances": distances(mine["states"]),
        }
    return summary


def claims(policies: pd.DataFrame, found: Mapping[str, Numbers], tasks: Tasks) -> list[Numbers]:
    """What Liesen et al. 2024 say of their bandits: does it hold of these?"""
    said = []
    for (task, environment), rows in policies.groupby(["task", "environment"], sort=False):
        paid, trained = (
            rows.loc[rows["kind"] == kind, "return_"].to_numpy(float) for kind in (GREEDY, TRAINED)
        )
        less = difference([paid], [trained])
        about = {"task": str(task), "environment": str(environment)}
        said.append(
            about
            | {
                "claim": "The action that pays best is as good a policy as what agents learn there",
                "verdict": _equal(vars(less), verdicts.span_of(tasks[str(task)])),
                "here": f"return {less.difference:+.1f} [{less.low:+.1f}, {less.high:+.1f}]",
            }
        )
        share = found[str(task)][str(environment)]["symmetry"].get(GREEDY)
        if share is not None:
            said.append(
                about
                | {
                    "claim": "The bandit has found the symmetry of the task",
                    "verdict": verdicts.HOLDS if share >= MIRRORED else verdicts.FAILS,
                    "here": f"in the mirror {share:.2f} (at least {MIRRORED})",
                }
            )
    return said


def _equal(less: Mapping[str, float], span: float | None) -> str:
    share = None if span is None else {name: less[name] / span for name in ("low", "high")}
    if share is None:
        return verdicts.UNDECIDED
    return verdicts.Range(-verdicts.MARGIN, verdicts.MARGIN).judge(share)


def distances(states: pd.DataFrame) -> dict[str, float]:
    """Of each observation, between contexts and states visited: over the latter's deviation."""
    found = {}
    for quantity, rows in states.groupby("quantity", sort=False):
        context, visited = (
            rows.loc[rows["source"] == source, "value"].to_numpy(float)
            for source in ("context", "visited")
        )
        scale = visited.std()
        distance = stats.wasserstein_distance(context, visited)
        found[str(quantity)] = float(distance / scale if scale > 1e-9 else distance)
    return found


def markdown(numbers: Numbers, tasks: Tasks) -> str:
    """The tables, readable on their own."""
    about = numbers["about"]
    parts = [
        "# What bandits know",
        f"Scale `{about['scale']}`, the first seed of each bandit: the action that pays best, as a "
        "policy without any training, beside agents trained in the bandit and random actions. "
        f"Interquartile mean of episodes on the real task [{about['level']:.0%} interval]. In the "
        "mirror: how often a policy does there what the mirror image of its action is (discrete), "
        "or correlation of the two (continuous).",
        _table(numbers, tasks),
        "## Claims",
        "Return: interquartile mean of episodes by the action that pays best, less that of agents "
        f"trained there; as good: its interval is within {verdicts.MARGIN:.0%} of what is between "
        "random actions and the best agent known.",
        tabulate(
            [{**of, "environment": f"`{of['environment']}`"} for of in numbers["claims"]],
            headers="keys",
            tablefmt="pipe",
            disable_numparse=True,
        ),
    ]
    for task, environments in numbers["tasks"].items():
        parts.append(f"## {tasks[task]['id']}, importance of observations")
        parts.append(_importance(environments))
    return "\n\n".join(parts) + "\n"


def _table(numbers: Numbers, tasks: Tasks) -> str:
    rows = []
    for task, environments in numbers["tasks"].items():
        for environment, n in environments.items():
            row = {"task": tasks[task]["id"], "environment": f"`{environment}`"}
            for kind in (GREEDY, TRAINED, RANDOM):
                e = n["returns"][kind]
                row[kind] = f"{e['iqm']:,.1f} [{e['low']:,.1f}, {e['high']:,.1f}]"
            for kind in (GREEDY, TRAINED):
                value = n["symmetry"].get(kind)
                row[f"{kind}, in the mirror"] = "" if value is None else f"{value:.2f}"
            rows.append(row)
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


def _importance(environments: Mapping[str, Numbers]) -> str:
    rows = []
    for environment, n in environments.items():
        for quantity, distance in n["distances"].items():
            row = {"environment": f"`{environment}`", "observation": quantity}
            for kind in (GREEDY, TRAINED):
                e = n["importance"][kind][quantity]
                row[f"{kind}: permuted"] = f"{e['permutation']:.2f}"
                row[f"{kind}: gradient"] = f"{e['gradient']:.2f}"
            rows.append({**row, "contexts from visited": f"{distance:.2f}"})
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)
