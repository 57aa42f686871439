"""Headline numbers of a scale, each with its n and interval."""

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthgym.analysis import runs, sample_efficiency, summary_text
from synthgym.analysis.core import report, statistics
from synthgym.analysis.core.estimate import Numbers, rounded
from synthgym.analysis.core.statistics import LEVEL, RESAMPLES, interquartile_mean
from synthgym.analysis.core.tables import REAL, identity, read_runs

INPUTS = ("curves", "episodes", "progress", "evaluations")
CLIENTS = ("client_curves", "client_episodes")
LEARNERS = ("expert_curves", "rival_curves")
COSTS = ["seconds", "synthetic_steps", "real_steps", "updates"]


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json and summary.md into `out`. Agents of another library need not be there."""
    names = [*INPUTS, *(name for name in CLIENTS if inputs.get(name))]
    tables = {name: read_runs(name, inputs[name]) for name in names}
    learners = [list(inputs.get(name, ())) for name in LEARNERS]
    numbers = summarise(config["scale"], config["tasks"], tables, *learners)
    return report.write(out, numbers, summary_text.markdown(numbers), {}, "summary.md")


def summarise(
    scale: str,
    tasks: Mapping[str, Mapping[str, Any]],
    tables: Mapping[str, pd.DataFrame],
    *learners: Sequence[Path],
) -> Numbers:
    """{part: {task: its numbers}}, and `about` what they are made of.

    learners: curves of those who learn in the tasks themselves, of each kind.
    """
    about: Numbers = {"scale": scale, "level": LEVEL, "resamples": RESAMPLES, "tasks": {}}
    summary: Numbers = {"about": about}
    for task, section in sorted(tasks.items()):
        about["tasks"][task] = {
            **{key: section[key] for key in ("id", "solved", "horizon")},
            "published": {a: values["synthetic"] for a, values in section["published"].items()},
        }
        of_task = [[path for path in of if identity(path)["task"] == task] for of in learners]
        others = sample_efficiency.learners(*of_task) if of_task else {}
        for part, numbers in summarise_task(task, section, tables, others).items():
            summary.setdefault(part, {})[task] = numbers
    return rounded(summary)


def summarise_task(
    task: str,
    section: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    learners: Mapping[str, sample_efficiency.Course],
) -> Numbers:
    """{part: numbers of the task}. Raises ValueError where a task has no results."""
    rows = {name: table[table["task"] == task] for name, table in tables.items()}
    curves, progress = rows["curves"], rows["progress"]
    if curves.empty or progress.empty:
        raise ValueError(f"{task} is in the plan, but no table of its agents or environments.")
    solved, steps = runs.level(section["solved"]), real_steps(progress)
    transfer = final_returns(curves, rows["episodes"], runs.meta_agents(progress))
    equal = returns_at_equal_steps(curves)
    clients = [rows[name] for name in CLIENTS if name in rows]
    return {
        "transfer": transfer,
        "clients": client_returns(*clients) if len(clients) == len(CLIENTS) else {},
        "differences": differences(curves, runs.made(progress), steps),
        "real_at_equal_steps": equal,
        "steps_to_solve": to_solve(curves, solved, "step"),
        "episodes_to_solve": to_solve(curves, solved, "episode"),
        "meta_training": meta_training(progress, rows["evaluations"], solved),
        "break_even": break_even(curves, steps, better_than_real(transfer, equal)),
        "sample_efficiency": sample_efficiency.compared(curves, steps, learners),
    }


def final_returns(
    curves: pd.DataFrame, episodes: pd.DataFrame, meta_agents: Mapping[str, list[str]]
) -> Numbers:
    """Return of finished agents on the real task: {trained in: {agent: numbers}}.

    `unseen`: the agent took no part in the meta-training of the environment.
    """
    tested = episodes.groupby(runs.RUN).size().groupby(["environment", "agent"]).min()
    entries: Numbers = {}
    for (environment, agent), rows in runs.by(runs.finished(curves), "environment", "agent"):
        numbers = _returns(rows) | {"test_episodes": int(tested.loc[(environment, agent)])}
        if environment != REAL:
            numbers["unseen"] = agent not in meta_agents[environment]
        entries.setdefault(environment, {})[agent] = numbers
    return entries


def client_returns(curves: pd.DataFrame, episodes: pd.DataFrame) -> Numbers:
    """Return of agents of another library in Gymnasium's own task: {trained in: {agent: numbers}}.

    `environments`: of so many meta-training seeds. All agents have the settings of their library.
    """
    seeds = curves.groupby("environment")["environment_seed"].nunique()
    entries = final_returns(curves, episodes, {name: [] for name in seeds.index})
    for environment, row in entries.items():
        for numbers in row.values():
            del numbers["settings"]
            numbers["environments"] = 0 if environment == REAL else int(seeds[environment])
    return entries


def real_steps(progress: pd.DataFrame) -> dict[str, float]:
    """Steps in the real task that the making of each environment took: mean over its seeds."""
    return {name: cost["real_steps"] for name, cost in making(progress, "real_steps").items()}


def making(progress: pd.DataFrame, *costs: str) -> dict[str, dict[str, float]]:
    """{environment: {cost: what its making took, mean over its seeds}}."""
    sums = progress.groupby(["environment", "environment_seed"])[list(costs)].sum()
    means = sums.groupby("environment").mean()
    return {
        str(name): {cost: float(mean[cost]) for cost in costs} for name, mean in means.iterrows()
    }


def differences(
    curves: pd.DataFrame, made: Mapping[str, str], steps: Mapping[str, float]
) -> list[Numbers]:
    """Return of finished agents by how their environment was made: of each two, per agent.

    `fewer_real_steps`: how many times the real steps of `environment` the other one took (`steps`).
    """
    ends = runs.finished(curves)
    entries = []
    order = runs.VARIANTS
    for (agent,), rows in runs.by(ends[ends["environment"] != REAL], "agent"):
        returns: dict[str, list[np.ndarray]] = {}
        for (name, _), of_seed in rows.groupby(["environment", "environment_seed"]):
            returns.setdefault(str(name), []).append(of_seed["return_"].to_numpy())
        for name, other in itertools.permutations(returns, 2):
            if order.index(made[name]) > order.index(made[other]):
                both = (returns[name], returns[other])
                entries.append(
                    {
                        "agent": agent,
                        "environment": name,
                        "other": other,
                        "seeds": [*map(len, both)],
                    }
                    | {"fewer_real_steps": steps[other] / steps[name]}
                    | asdict(statistics.difference(*both))
                )
    return entries


def returns_at_equal_steps(curves: pd.DataFrame) -> Numbers:
    """Return of agents trained in the real task for as many steps as in a synthetic environment.

    {real: {agent: numbers}}; `steps` says after how many they were evaluated.
    """
    rows = runs.at_equal_steps(curves)
    return {REAL: {agent: _returns(chosen) for (agent,), chosen in runs.by(rows, "agent")}}


def to_solve(curves: pd.DataFrame, threshold: float, unit: str) -> Numbers:
    """Training until the first evaluation at or above `threshold`, in `unit`: step or episode.

    The estimate is over the `n` runs that got there; `solved` is their fraction of all (`of`). A
    run that did not is counted there and nowhere else: no number is put in its place, and where
    none did the estimate is None.
    """
    entries: Numbers = {}
    solved = runs.first_solved(curves, threshold)
    for (environment, agent), rows in runs.by(curves, "environment", "agent"):
        chosen = (solved["environment"] == environment) & (solved["agent"] == agent)
        n, total = int(chosen.sum()), len(rows.drop_duplicates(runs.RUN))
        low, high = statistics.fraction_interval(n, total)
        fraction = {"solved": n / total, "solved_low": low, "solved_high": high, "of": total}
        entries.setdefault(environment, {})[agent] = _estimate(solved[chosen], unit) | fraction
    return entries


def meta_training(progress: pd.DataFrame, evaluations: pd.DataFrame, threshold: float) -> Numbers:
    """Making of each environment: costs over its `n` seeds, and how good it became.

    `mean_environment`: per agent the estimate after the last generation, over fresh agents trained
    in the environment at the mean of the search; `solved_at_generation` is the first evaluated
    generation at which the estimate reaches `threshold`, or None, and `solved_after_seconds` what
    the making took until then, mean over the seeds.
    """
    entries: Numbers = {}
    for (environment,), rows in runs.by(progress, "environment"):
        by_seed = rows.groupby("environment_seed")
        costs = by_seed[COSTS].sum().assign(generations=by_seed["generation"].max())
        entries[environment] = {
            "agents": runs.meta_agents(rows)[environment],
            "made": runs.made(rows)[environment],
            "n": len(costs),
            **costs.agg(["mean", "min", "max"]).to_dict(),
            "mean_environment": {
                agent: _mean_environment(draws, threshold, seconds_until(rows))
                for (name, agent), draws in runs.by(evaluations, "environment", "agent")
                if name == environment
            },
        }
    return entries


def better_than_real(transfer: Numbers, equal: Numbers) -> set[tuple[str, str]]:
    """Environments and agents, where they are better than trained in the task for as many steps.

    They are where their interval is above that of the others.
    """
    return {
        (environment, agent)
        for environment, row in transfer.items()
        for agent, numbers in row.items()
        if environment != REAL and agent in equal[REAL]
        if numbers["low"] > equal[REAL][agent]["high"]
    }


def break_even(
    curves: pd.DataFrame, steps: Mapping[str, float], better: Collection[tuple[str, str]]
) -> Numbers:
    """Agents after which an environment has paid for itself: {environment: {agent: numbers}}.

    An agent saves the steps that such agents need in the real task until their interquartile mean
    is what it is after training in the environment. Where they do not get there in as long as they
    were trained, that long is the least that is saved, and `at_most` is true of `agents`, the cost
    of the making (`steps`) over what one saves. `agents` is None, as it is undecided, where agents
    are not `better` than those trained in the task: what they save is then a matter of chance.
    """
    ends = runs.finished(curves)
    learning: dict[str, dict[int, float]] = {}
    for (agent, step), rows in curves[curves["environment"] == REAL].groupby(["agent", "step"]):
        learning.setdefault(str(agent), {})[int(step)] = _iqm(rows)
    entries: Numbers = {}
    for (name, agent), rows in runs.by(ends[ends["environment"] != REAL], "environment", "agent"):
        if curve := learning.get(agent):
            aim = _iqm(rows)
            enough = [step for step, iqm in curve.items() if iqm >= aim]
            saved = min(enough, default=max(curve))
            agents = steps[name] / saved if (name, agent) in better else None
            numbers = {"saved": saved, "agents": agents, "at_most": not enough}
            entries.setdefault(name, {})[agent] = numbers
    return entries


def seconds_until(progress: pd.DataFrame) -> pd.Series:
    """Generation -> seconds from the beginning of the making to its end: mean over the seeds."""
    per_seed = progress.pivot_table("seconds", "generation", "environment_seed", "sum")
    return per_seed.cumsum().mean(axis=1)


def _mean_environment(evaluations: pd.DataFrame, threshold: float, seconds: pd.Series) -> Numbers:
    groups = runs.by(evaluations, "generation")
    by_generation = {int(name): _estimate(draws, "return_") for (name,), draws in groups}
    solved = [g for g, numbers in by_generation.items() if numbers["iqm"] >= threshold]
    first, last = min(solved, default=None), max(by_generation)
    return by_generation[last] | {
        "generation": last,
        "solved_at_generation": first,
        "solved_after_seconds": float(seconds.loc[:first].iloc[-1:].sum()) if solved else None,
    }


def _iqm(rows: pd.DataFrame) -> float:
    return float(interquartile_mean(rows["return_"].to_numpy()))


def _returns(rows: pd.DataFrame) -> Numbers:
    return _estimate(rows, "return_") | {
        "steps": int(rows["step"].median()),
        "episodes": float(rows["episode"].median()),
        "settings": len(rows.filter(regex="^hp_").drop_duplicates()),
    }


def _estimate(rows: pd.DataFrame, column: str) -> Numbers:
    numbers: Numbers = dict.fromkeys(("iqm", "low", "high", "mean", "median")) | {"n": 0}
    if len(rows):
        numbers = asdict(statistics.estimate(rows[column], rows["environment_seed"]))
    return numbers | {"level": LEVEL}
