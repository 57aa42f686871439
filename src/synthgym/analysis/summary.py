"""What came out, in numbers? Every headline number with its n and interval."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthgym.analysis import report, runs
from synthgym.analysis.core.statistics import (
    LEVEL,
    RESAMPLES,
    difference,
    estimate,
    fraction_interval,
    interquartile_mean,
)
from synthgym.analysis.core.tables import REAL, read_runs
from synthgym.core.io import atomic, write_json

DIGITS = 6  # significant digits kept: more than the intervals justify, alike on all machines
INPUTS = ("curves", "episodes", "progress", "evaluations")
CLIENTS = ("client_curves", "client_episodes")
COSTS = ["seconds", "synthetic_steps", "real_steps", "updates"]
Numbers = dict[str, Any]


def run(
    config: Mapping[str, Any],
    inputs: Mapping[str, Iterable[Path]],
    out: Path,
    checkpoint: Path,
) -> list[str]:
    """Write summary.json and summary.md into `out`.

    config: `scale` and `tasks` ({task config name: its `task` section}).
    inputs: `curves` and `episodes` (transfer and real), `progress` and `evaluations`; of agents of
    another library `client_curves` and `client_episodes`, which need not be there.
    """
    tables = [read_runs(name, inputs[name]) for name in INPUTS]
    clients = [read_runs(name, inputs[name]) for name in CLIENTS if inputs.get(name)]
    summary = summarise(config["scale"], config["tasks"], *tables, *clients)
    write_json(out / "summary.json", summary)
    with atomic(out / "summary.md") as path:
        path.write_text(report.markdown(summary), encoding="utf-8")
    return ["summary.json", "summary.md"]


def summarise(
    scale: str,
    tasks: Mapping[str, Mapping[str, Any]],
    curves: pd.DataFrame,
    episodes: pd.DataFrame,
    progress: pd.DataFrame,
    evaluations: pd.DataFrame,
    client_curves: pd.DataFrame | None = None,
    client_episodes: pd.DataFrame | None = None,
) -> Numbers:
    """{experiment: {task: {trained in: {agent: numbers}}}}, and `about` what they are made of."""
    summary: Numbers = {
        "about": {"scale": scale, "level": LEVEL, "resamples": RESAMPLES, "tasks": {}},
        "transfer": {},
        "clients": {},
        "differences": {},
        "real_at_equal_steps": {},
        "steps_to_solve": {},
        "episodes_to_solve": {},
        "meta_training": {},
        "break_even": {},
    }
    for task in sorted(tasks):
        section, solved = tasks[task], runs.level(tasks[task]["solved"])
        c, e, p, v = (t[t["task"] == task] for t in (curves, episodes, progress, evaluations))
        if c.empty or p.empty:
            raise ValueError(f"{task} is in the plan, but no table of its agents or environments.")
        summary["about"]["tasks"][task] = {
            **{key: section[key] for key in ("id", "solved", "horizon")},
            "published": {a: said["synthetic"] for a, said in section["published"].items()},
        }
        summary["transfer"][task] = final_returns(c, e, runs.meta_agents(p))
        summary["clients"][task] = {}
        if client_curves is not None and client_episodes is not None:
            mine = (t[t["task"] == task] for t in (client_curves, client_episodes))
            summary["clients"][task] = client_returns(*mine)
        summary["differences"][task] = differences(c, runs.made(p), real_steps(p))
        summary["real_at_equal_steps"][task] = returns_at_equal_steps(c)
        summary["steps_to_solve"][task] = to_solve(c, solved, "step")
        summary["episodes_to_solve"][task] = to_solve(c, solved, "episode")
        summary["meta_training"][task] = meta_training(p, v, solved)
        summary["break_even"][task] = break_even(c, real_steps(p))
    return rounded(summary)


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
    sums = progress.groupby(["environment", "environment_seed"])["real_steps"].sum()
    return {str(name): float(mean) for name, mean in sums.groupby("environment").mean().items()}


def differences(
    curves: pd.DataFrame, made: Mapping[str, str], steps: Mapping[str, float]
) -> list[Numbers]:
    """Return of finished agents by how their environment was made: of each two, per agent.

    `fewer_real_steps`: how many times the real steps of `environment` the other one took (`steps`).
    """
    ends = runs.finished(curves)
    entries = []
    order = list(runs.VARIANTS.values())
    for (agent,), rows in runs.by(ends[ends["environment"] != REAL], "agent"):
        by_place = {
            name: [seed["return_"].to_numpy() for _, seed in there.groupby("environment_seed")]
            for (name,), there in runs.by(rows, "environment")
        }
        for name, other in itertools.permutations(by_place, 2):
            if order.index(made[name]) > order.index(made[other]):
                entries.append(
                    {"agent": agent, "environment": name, "other": other}
                    | {"seeds": [len(by_place[name]), len(by_place[other])]}
                    | {"fewer_real_steps": steps[other] / steps[name]}
                    | asdict(difference(by_place[name], by_place[other]))
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
        there = solved[(solved["environment"] == environment) & (solved["agent"] == agent)]
        of = len(rows.drop_duplicates(runs.RUN))
        low, high = fraction_interval(len(there), of)
        fraction = {"solved": len(there) / of, "solved_low": low, "solved_high": high, "of": of}
        entries.setdefault(environment, {})[agent] = _estimate(there, unit) | fraction
    return entries


def meta_training(progress: pd.DataFrame, evaluations: pd.DataFrame, threshold: float) -> Numbers:
    """What it took to make each environment: costs over its `n` seeds, and how good it became.

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


def break_even(curves: pd.DataFrame, steps: Mapping[str, float]) -> Numbers:
    """After how many agents an environment has paid for itself: {environment: {agent: numbers}}.

    An agent saves the steps that such agents need in the real task until their interquartile mean
    is what it is after training in the environment. Where they do not get there in as long as they
    were trained, that long is the least that is saved, and `at_most` is true of `agents`, the cost
    of the making (`steps`) over what one saves.
    """
    ends = runs.finished(curves)
    learning = {
        agent: {
            int(step): float(interquartile_mean(there["return_"].to_numpy()))
            for (step,), there in runs.by(rows, "step")
        }
        for (agent,), rows in runs.by(curves[curves["environment"] == REAL], "agent")
    }
    entries: Numbers = {}
    for (name, agent), rows in runs.by(ends[ends["environment"] != REAL], "environment", "agent"):
        if curve := learning.get(agent):
            aim = float(interquartile_mean(rows["return_"].to_numpy()))
            enough = [step for step, iqm in curve.items() if iqm >= aim]
            saved = min(enough, default=max(curve))
            numbers = {"saved": saved, "agents": steps[name] / saved, "at_most": not enough}
            entries.setdefault(name, {})[agent] = numbers
    return entries


def seconds_until(progress: pd.DataFrame) -> pd.Series:
    """Generation -> seconds from the beginning of the making to its end: mean over the seeds."""
    per_seed = progress.pivot_table("seconds", "generation", "environment_seed", "sum")
    return per_seed.cumsum().mean(axis=1)


def _mean_environment(evaluations: pd.DataFrame, threshold: float, seconds: pd.Series) -> Numbers:
    by_generation = {
        int(generation): _estimate(draws, "return_")
        for (generation,), draws in runs.by(evaluations, "generation")
    }
    solved = [g for g, numbers in by_generation.items() if numbers["iqm"] >= threshold]
    last = max(by_generation)
    return by_generation[last] | {
        "generation": last,
        "solved_at_generation": min(solved, default=None),
        "solved_after_seconds": float(seconds.loc[: min(solved)].iloc[-1:].sum())
        if solved
        else None,
    }


def _returns(rows: pd.DataFrame) -> Numbers:
    return _estimate(rows, "return_") | {
        "steps": int(rows["step"].median()),
        "episodes": float(rows["episode"].median()),
        "settings": len(rows.filter(regex="^hp_").drop_duplicates()),
    }


def _estimate(rows: pd.DataFrame, column: str) -> Numbers:
    numbers: Numbers = {
        "iqm": None,
        "low": None,
        "high": None,
        "mean": None,
        "median": None,
        "n": 0,
    }
    if len(rows):
        numbers = asdict(estimate(rows[column], rows["environment_seed"]))
    return numbers | {"level": LEVEL}


def rounded(value: Any) -> Any:
    """Numbers with as many digits as are kept, in plain lists and mappings."""
    if isinstance(value, Mapping):
        return {str(name): rounded(below) for name, below in value.items()}
    if isinstance(value, list):
        return [rounded(below) for below in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return int(value) if isinstance(value, np.integer) else value
