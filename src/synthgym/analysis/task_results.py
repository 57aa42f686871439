"""Finished agents of a task by where they were trained, and how they are resampled."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from synthgym.analysis import runs
from synthgym.analysis.core import statistics
from synthgym.analysis.core.statistics import NESTED
from synthgym.analysis.core.tables import REAL

Sampled = tuple[Any, np.ndarray]  # a value or a curve, and that of each resample


@dataclass(frozen=True)
class TaskResults:
    """The tables of one task, and finished agents by where they were trained."""

    task: str
    section: Mapping[str, Any]
    curves: pd.DataFrame
    experts: pd.DataFrame
    progress: pd.DataFrame
    agents: list[str]
    returns: dict[str, np.ndarray]  # environment, or REAL at equal steps -> (seeds, agents, draws)

    @cached_property
    def environments(self) -> list[str]:
        return [name for name in self.returns if name != REAL]

    @cached_property
    def seen(self) -> dict[str, list[str]]:
        """The agents that took part in the meta-training of each environment."""
        return runs.meta_agents(self.progress)

    @cached_property
    def ways(self) -> dict[str, str]:
        """The way in which each environment was made."""
        return runs.ways(self.progress, self.curves)

    @cached_property
    def reference(self) -> tuple[float, float] | None:
        """Returns that count as 0 and 1: of random actions, and of the best agent known.

        That is the expert of the task's section, or the best that was published of the task itself;
        None where there is neither.
        """
        published = (values["real"] for values in self.section["published"].values())
        known = [x for x in (self.section["reference"]["expert"], *published) if x is not None]
        return (self.section["reference"]["random"], max(known)) if known else None

    @cached_property
    def scores(self) -> dict[str, np.ndarray]:
        """The returns, normalised; empty without a reference."""
        if self.reference is None:
            return {}
        return {name: self.score(values) for name, values in self.returns.items()}

    def score(self, returns: Any) -> Any:
        """Returns on the way from 0 to 1. Raises ValueError without a reference."""
        if self.reference is None:
            raise ValueError(f"{self.task} has no agent to compare others with.")
        random, best = self.reference
        return (returns - random) / (best - random)


def task_results(task: str, section: Mapping[str, Any], *tables: pd.DataFrame) -> TaskResults:
    """The results of a task. tables: curves, those of experts, and progress, of all tasks."""
    curves, experts, progress = (table[table["task"] == task] for table in tables)
    if curves.empty or progress.empty:
        raise ValueError(f"{task} is in the plan, but no table of its agents or environments.")
    ends = runs.finished(curves)
    ends = pd.concat([ends[ends["environment"] != REAL], runs.at_equal_steps(curves)])
    agents = sorted(map(str, ends["agent"].unique()))
    returns = {name: cube(rows) for (name,), rows in runs.by(ends, "environment")}
    return TaskResults(task, section, curves, experts, progress, agents, returns)


def cube(ends: pd.DataFrame) -> np.ndarray:
    """Returns of finished agents of one place: (seeds, algorithms, agents of each).

    Raises ValueError where not all algorithms have as many agents with every seed.
    """
    table = ends.pivot(index=["environment_seed", "agent"], columns="draw", values="return_")
    table = table.sort_index()
    shape = (ends["environment_seed"].nunique(), ends["agent"].nunique(), table.shape[1])
    if table.isna().to_numpy().any() or len(table) != shape[0] * shape[1]:
        place = ends["environment"].iloc[0]
        raise ValueError(f"{place}: algorithms or seeds have unequally many agents.")
    return table.to_numpy(float).reshape(shape)


def stream(*names: str) -> np.random.Generator:
    """Random numbers for each name: no estimate depends on the order of others."""
    return np.random.default_rng([statistics.SEED, *"/".join(names).encode()])


def resampled(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Indices into `values` (seeds, algorithms, agents) in a row: (NESTED, runs)."""
    return statistics.hierarchical(values.shape, generator, NESTED).reshape(NESTED, -1)


def mean_of(tasks: Iterable[Sampled]) -> Sampled:
    """The mean over tasks of values, and of their resamples."""
    values, samples = zip(*tasks, strict=True)
    return np.mean(values, axis=0), np.mean(samples, axis=0)
