"""What is an environment worth beside a search that was stopped when it had cost as much?"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from synthgym.analysis import runs
from synthgym.analysis.core.estimate import COUNT, GAIN, Numbers, estimate, number, written
from synthgym.analysis.core.statistics import interquartile_mean
from synthgym.analysis.core.tables import table
from synthgym.analysis.summary import making
from synthgym.analysis.task_results import TaskResults, cube, resampled, stream

COSTS = ("real_steps", "seconds")


def equal_costs(results: TaskResults, evaluations: pd.DataFrame) -> list[Numbers]:
    """Returns of agents of each environment less those of fresh agents of each search.

    {task, environment, over, cost, spent, value, low, high, one_seed}: difference of interquartile
    means over the algorithms that took part in the search, whose agents are of its last evaluation
    before it had cost as much as the environment did in all (mean over seeds).
    """
    totals, pairs = making(results.progress, *COSTS), []
    searched = {name: rows for (name,), rows in runs.by(evaluations, "environment")}
    for name, other in itertools.product(results.environments, searched):
        if name == other:
            continue
        log = results.progress[results.progress["environment"] == other]
        agents = [i for i, a in enumerate(results.agents) if a in set(searched[other]["agent"])]
        for cost in COSTS if agents else ():
            spent = totals[name][cost]
            fresh = stopped(log, searched[other], cost, spent)
            ours = results.returns[name][:, agents]
            theirs = cube(fresh[fresh["agent"].isin(results.agents)])
            pairs.append(
                {"task": results.task, "environment": name, "over": other, "cost": cost}
                | {"spent": spent, "one_seed": min(len(ours), len(theirs)) == 1}
                | _difference(ours, theirs, results.task, name, other, cost)
            )
    return pairs


def shown(summary: Mapping[str, Any]) -> str:
    """What is compared, and a row for each pair of others with those that are evolved from noise.

    Nothing where there are none.
    """
    ways = {task: about["ways"] for task, about in summary["about"]["tasks"].items()}
    evolved = runs.STAGES[runs.METATRAIN]
    rows = [
        {
            "task": pair["task"],
            "trained in": f"`{pair['environment']}`",
            "over": f"`{pair['over']}`",
            "spent": f"{number(pair['spent'], COUNT)} {pair['cost'].replace('_', ' ')}",
            "difference": written(pair, GAIN) + " *" * pair["one_seed"],
        }
        for pair in summary["equal_cost"]
        for way, over in [[ways[pair["task"]].get(pair[k]) for k in ("environment", "over")]]
        if way != over == evolved
    ]
    about = (
        "Agents of a finished environment, and fresh agents of an evolution (the second) that was "
        "stopped when it had taken as many real steps, or seconds, as that environment did in all "
        "(mean of seeds): difference in return of the algorithms that took part in the search. A "
        "search is stopped where it was last evaluated until then, or first, if that came later."
    )
    return f"## At equal cost\n\n{about}\n\n{table(rows)}" if rows else ""


def stopped(log: pd.DataFrame, fresh: pd.DataFrame, cost: str, most: float) -> pd.DataFrame:
    """Of each seed, agents of the last evaluation before which no more than `most` was spent.

    Where even the first took more, that. log, fresh: progress and evaluations of a search.
    """
    spent = log.assign(spent=log.groupby("environment_seed")[cost].cumsum())
    spent = spent[spent["stage"].isin(runs.CHOSEN)]
    kept = []
    for seed, rows in fresh.groupby("environment_seed"):
        until = spent[spent["environment_seed"] == seed].set_index("generation")["spent"]
        generations = sorted(rows["generation"].unique())
        able = [g for g in generations if g == 0 or until[g] <= most]
        kept.append(rows[rows["generation"] == (able or generations)[-1 if able else 0]])
    return pd.concat(kept, ignore_index=True)


def _difference(ours: np.ndarray, theirs: np.ndarray, *names: str) -> Numbers:
    """Of interquartile means; its interval resamples the environments of both."""
    generator = stream("equal cost", *names)
    points = [float(interquartile_mean(values.reshape(-1))) for values in (ours, theirs)]
    samples = [
        np.asarray(interquartile_mean(values.reshape(-1)[resampled(values, generator)], axis=1))
        for values in (ours, theirs)
    ]
    return estimate(points[0] - points[1], samples[0] - samples[1])
