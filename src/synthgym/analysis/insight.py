"""Knowledge of bandits about their tasks. Numbers, and a figure with a row per task.

As Liesen et al. 2024 look into theirs: without numbers there, so none stands beside ours.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import Numbers, exactly, number, written
from synthgym.analysis.core.statistics import difference, estimate
from synthgym.analysis.core.tables import read, table
from synthgym.analysis.core.verdict import MARGIN, Evidence, Measure, judge, span_of
from synthgym.analysis.figures import insight as figures

Tasks = Mapping[str, Mapping[str, Any]]
Tables = Mapping[str, pd.DataFrame]
INPUTS = ("policies", "importance", "symmetry", "states")
GREEDY, TRAINED, RANDOM = "best paid", "trained", "random"
WEIGHTS = {"permutation": "permuted", "gradient": "gradient"}
CLAIMS = (
    "Return: interquartile mean of episodes by the action that pays best, less that of agents "
    f"trained there (in brackets: as a share, of which {MARGIN:.0%} is the margin, of what is "
    "between random actions and the best agent known). In the mirror: of one policy, so "
    "without an interval."
)


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md and insight.png into `out`."""
    scale, tasks = config["scale"], config["insight_tasks"]
    tables = {name: with_kinds(read(inputs[name], "task", "environment")) for name in INPUTS}
    found: Numbers = {"tasks": {}, "claims": []}
    for task, environment, rows in by_bandit(tables):
        bandit = summarise(rows)
        found["tasks"].setdefault(task, {})[environment] = bandit
        judged = measures(rows["policies"], bandit, tasks[task])
        place = {"task": task, "environment": environment}
        found["claims"] += judge(config.get("claims", ()), judged, **place)
    numbers = report.summary(scale, found)
    given = {"tables": tables, "tasks": tasks, "scale": scale}
    text = markdown(numbers, tasks)
    return report.publish("insight_report", out, numbers, text, figures, **given)


def with_kinds(rows: pd.DataFrame) -> pd.DataFrame:
    """The table with the `kind` of each policy, if it is about policies."""
    if "policy" not in rows:
        return rows
    trained = rows["policy"].astype(str).str.startswith(TRAINED)
    return rows.assign(kind=np.where(trained, TRAINED, rows["policy"]))


def by_bandit(tables: Tables) -> Iterator[tuple[str, str, dict[str, pd.DataFrame]]]:
    """Task, environment, and the rows of each table that are about it."""
    places = tables["policies"][["task", "environment"]].drop_duplicates()
    for task, environment in places.to_numpy():
        of_bandit = {
            name: rows[(rows["task"] == task) & (rows["environment"] == environment)]
            for name, rows in tables.items()
        }
        yield str(task), str(environment), of_bandit


def summarise(rows: Mapping[str, pd.DataFrame]) -> Numbers:
    """Numbers of one bandit: returns, importance, agreement, symmetry, distances."""
    by_kind = rows["importance"].groupby(["kind", "quantity"], sort=False)
    weights = by_kind[list(WEIGHTS)].mean()
    paid, trained = (weights.loc[kind] for kind in (GREEDY, TRAINED))
    return {
        "returns": {
            str(kind): asdict(estimate(policies["return_"]))
            for kind, policies in rows["policies"].groupby("kind", sort=False)
        },
        "importance": {GREEDY: paid.to_dict("index"), TRAINED: trained.to_dict("index")},
        "agreement": {
            column: float(stats.spearmanr(paid[column], trained[column])[0])
            if len(paid) > 2 and np.ptp(paid[column]) > 0 and np.ptp(trained[column]) > 0
            else None
            for column in WEIGHTS
        },
        "symmetry": rows["symmetry"].groupby("kind")["agreement"].mean().to_dict(),
        "distances": distances(rows["states"]),
    }


def measures(
    policies: pd.DataFrame, bandit: Numbers, task: Mapping[str, Any]
) -> dict[str, Measure]:
    """Numbers that claims on a bandit may be about."""

    def best_paid_less_trained(claim: Mapping[str, Any]) -> Iterator[Evidence]:
        paid, trained = (
            policies.loc[policies["kind"] == kind, "return_"].to_numpy(float)
            for kind in (GREEDY, TRAINED)
        )
        yield Evidence(difference([paid], [trained]).interval, unit=span_of(task), note="return")

    def mirrored(claim: Mapping[str, Any]) -> Iterator[Evidence]:
        share = bandit["symmetry"].get(GREEDY)
        if share is not None:  # there is one such policy: its share has no interval
            yield Evidence(exactly(share), ".2f", note="in the mirror")

    return {"best_paid_less_trained": best_paid_less_trained, "mirrored": mirrored}


def distances(states: pd.DataFrame) -> dict[str, float]:
    """Distance of contexts from states visited, over the deviation of these, per observation."""
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
        report.claims(numbers["claims"]),
        CLAIMS if numbers["claims"] else "",
    ]
    for task, environments in numbers["tasks"].items():
        heading = f"## {tasks[task]['id']}, importance of observations"
        parts += [heading, _importance(environments)]
    return report.document(*parts)


def _table(numbers: Numbers, tasks: Tasks) -> str:
    rows = []
    for task, environments in numbers["tasks"].items():
        for environment, n in environments.items():
            row = {"task": tasks[task]["id"], "environment": f"`{environment}`"}
            for kind in (GREEDY, TRAINED, RANDOM):
                row[kind] = written(n["returns"][kind], point="iqm")
            for kind in (GREEDY, TRAINED):
                row[f"{kind}, in the mirror"] = number(n["symmetry"].get(kind), ".2f", empty="")
            rows.append(row)
    return table(rows)


def _importance(environments: Mapping[str, Numbers]) -> str:
    return table(
        [
            {"environment": f"`{environment}`", "observation": quantity}
            | {
                f"{kind}: {word}": number(n["importance"][kind][quantity][weight], ".2f")
                for kind in (GREEDY, TRAINED)
                for weight, word in WEIGHTS.items()
            }
            | {"contexts from visited": number(distance, ".2f")}
            for environment, n in environments.items()
            for quantity, distance in n["distances"].items()
        ]
    )
