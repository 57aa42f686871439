"""Agents from synthetic environments beside the task and beside what was published. Numbers.

As in Liesen et al. 2024: returns of agents trained in bandits and in the task, and steps at equal
return; with performance profiles and the probability of improvement (Agarwal et al. 2021). All
intervals resample environment seeds, and agents within each.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthgym.analysis import runs, transfer_text
from synthgym.analysis.beside_published import cells
from synthgym.analysis.core import report, statistics
from synthgym.analysis.core.estimate import Numbers, estimate, rounded
from synthgym.analysis.core.statistics import NESTED, interquartile_mean
from synthgym.analysis.core.tables import REAL, read_runs
from synthgym.analysis.core.verdict import HOLDS, Evidence, judge
from synthgym.analysis.equal_cost import equal_costs
from synthgym.analysis.figures import transfer as figures
from synthgym.analysis.learning import mean_curves
from synthgym.analysis.steps import TUNED, Line, line, ratio
from synthgym.analysis.summary import break_even, making, real_steps
from synthgym.analysis.task_results import (
    Sampled,
    TaskResults,
    mean_of,
    resampled,
    stream,
    task_results,
)
from synthgym.analysis.transfer_claims import measures, sure

TAUS = 81  # points of a profile, besides those of which numbers are given
SHOWN = (0.25, 0.5, 0.75, 0.95)
FEWER = {"expect": "more_than", "value": 1}  # steps in an environment than in the task


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md and four figures into `out`. There may be no experts."""
    scale, tasks = config["scale"], config["tasks"]
    kinds = ("curves", "progress", "evaluations")
    curves, progress, evaluations = (read_runs(name, inputs[name]) for name in kinds)
    paths = list(inputs.get("expert_curves", ()))
    experts = read_runs("curves", paths) if paths else curves.iloc[:0]
    results = [task_results(*task, curves, experts, progress) for task in sorted(tasks.items())]
    profiles, lines = profiled(results), {one.task: learned(one) for one in results}
    numbers = summarise(scale, results, profiles, lines)
    numbers["equal_cost"] = [
        pair
        for one in results
        for pair in equal_costs(one, evaluations[evaluations["task"] == one.task])
    ]
    numbers["claims"] = judge(config.get("claims", ()), measures(numbers))
    numbers = rounded(numbers)
    ways = {name: way for one in results for name, way in one.ways.items()}
    given = {"profiles": profiles, "lines": lines, "ways": ways, "tasks": tasks, "scale": scale}
    text = transfer_text.markdown(numbers)
    return report.publish("transfer_report", out, numbers, text, figures, **given)


def summarise(
    scale: str,
    results: Sequence[TaskResults],
    profiles: Iterable[Numbers],
    lines: Mapping[str, Numbers],
) -> Numbers:
    """All numbers; `profiles` and `lines` are those that are drawn, too."""
    summary: Numbers = {
        "about": {"scale": scale, "level": statistics.LEVEL, "resamples": NESTED, "tasks": {}},
        "overview": {one.task: overview(one) for one in results if one.scores},
        "transfer": {},
        "profiles": [_shown(profile) for profile in profiles],
        "improvement": improvements(results),
        "efficiency": {},
        "break_even": {},
        "making": {one.task: making(one.progress, "real_steps", "seconds") for one in results},
    }
    for one in results:
        summary["about"]["tasks"][one.task] = {
            "id": one.section["id"],
            "reference": one.reference,
            "published": one.section["published"],
            "bandits": runs.bandits(one.curves),
            "ways": one.ways,
        }
        summary["transfer"][one.task] = transferred(one)
        summary["efficiency"][one.task] = ratios = efficiency(one, lines[one.task])
        better = {
            (name, agent)
            for name, agents in ratios.items()
            for agent, cell in agents.items()
            if Evidence(sure(cell.get(TUNED))).judge(FEWER) == HOLDS
        }
        curves = pd.concat([one.curves[one.curves["environment"] != REAL], one.experts])
        summary["break_even"][one.task] = break_even(curves, real_steps(one.progress), better)
    return summary | {"published": cells(summary), "unseen": unseen(results)}


def transferred(results: TaskResults) -> Numbers:
    """{environment, real, tuned: {agent: interquartile mean, interval, seeds, agents}}."""
    table: Numbers = {}
    for name, values in results.returns.items():
        for i, agent in enumerate(results.agents):
            cell = estimated([values[:, [i]]], stream(results.task, name, agent))
            # in the task, no environment was made
            cell |= {"seeds": 0} if name == REAL else {"unseen": agent not in results.seen[name]}
            table.setdefault(name, {})[agent] = cell
    tuned = results.experts[results.experts["agent"].isin(results.agents)]
    for (agent,), rows in runs.by(tuned, "agent"):
        ends = runs.finished(rows)
        values = ends["return_"].to_numpy()[None, None]
        cell = estimated([values], stream(results.task, TUNED, agent))
        cell |= {"seeds": 0, "steps": int(ends["step"].median())}
        table.setdefault(TUNED, {})[agent] = cell
    return table


def estimated(places: Sequence[np.ndarray], generator: np.random.Generator) -> Numbers:
    """Interquartile mean of returns (seeds, algorithms, agents) of one or more places, together.

    Its interval resamples the seeds of each place, and agents within each.
    """
    every = np.concatenate([values.reshape(-1) for values in places])
    samples = [values.reshape(-1)[resampled(values, generator)] for values in places]
    iqms = np.asarray(interquartile_mean(np.concatenate(samples, axis=1)))
    numbers = estimate(float(interquartile_mean(every)), iqms)
    return numbers | {"seeds": sum(map(len, places)), "agents": every.size}


def overview(results: TaskResults) -> Numbers:
    """Scores by the way in which environments were made, of agents of all algorithms together.

    {steps of training, ways: {real, way: interquartile mean, interval, seeds, agents}, published:
    {agent: score}}, of the agents that are trained here.
    """
    groups: dict[str, list[np.ndarray]] = {}
    for name, values in results.scores.items():
        groups.setdefault(results.ways.get(name, REAL), []).append(values)
    published = {a: results.section["published"].get(a, {}) for a in results.agents}
    return {
        "id": results.section["id"],
        "steps": int(results.curves.loc[results.curves["environment"] != REAL, "step"].max()),
        "ways": {
            way: estimated(groups[way], stream("overview", results.task, way))
            for way in (REAL, *runs.VARIANTS, runs.MODEL)
            if way in groups
        },
        "published": {
            agent: results.score(values["synthetic"])
            for agent, values in published.items()
            if values.get("synthetic") is not None
        },
    }


def profiled(results: Sequence[TaskResults]) -> list[Numbers]:
    """Performance profiles: {tasks, tau, lines: {environment, or real: share, low, high}}.

    One of each task that has a reference; and before these one of several tasks, each of the same
    weight, where there is an environment that more than half of the tasks have.
    """
    judged = [one for one in results if one.scores]
    counts = Counter(name for one in judged for name in one.environments)
    usual = {name for name, n in counts.items() if 2 * n > len(judged) > 1}
    common = [one for one in judged if usual <= one.scores.keys()]
    together = [_profile(common, usual | {REAL})] if usual and len(common) > 1 else []
    return [*together, *(_profile([one], one.scores.keys()) for one in judged)]


def _profile(group: Sequence[TaskResults], names: Collection[str]) -> Numbers:
    every = np.concatenate([one.scores[name].reshape(-1) for one in group for name in names])
    taus = np.union1d(np.linspace(0, max(1.05, np.quantile(every, 0.99)), TAUS), SHOWN)
    lines = {}
    for name in sorted(names, key=lambda name: (name != REAL, name)):
        value, samples = mean_of(
            profile(one.scores[name], taus, stream("profile", one.task, name)) for one in group
        )
        low, high = statistics.bounds(samples)
        lines[name] = {"share": value, "low": low, "high": high}
    return {
        "tasks": [one.task for one in group],
        "ids": [one.section["id"] for one in group],
        "agents": {name: [one.scores[name].size for one in group] for name in lines},
        "tau": taus,
        "lines": lines,
    }


def profile(scores: np.ndarray, taus: np.ndarray, generator: np.random.Generator) -> Sampled:
    """Share of agents with at least each score: (taus,), and (resamples, taus)."""
    reached = (scores.reshape(-1)[:, None] >= taus).astype(float)
    return reached.mean(0), mean_curves(reached, resampled(scores, generator))


def _shown(profile: Numbers) -> Numbers:
    """A profile at a few scores only."""
    at = np.searchsorted(profile["tau"], SHOWN)
    lines = {
        name: {key: values[at].tolist() for key, values in line.items()}
        for name, line in profile["lines"].items()
    }
    return {"tasks": profile["tasks"], "agents": profile["agents"], "tau": SHOWN, "lines": lines}


def improvements(results: Sequence[TaskResults]) -> list[Numbers]:
    """Probability that agents of one place beat those of another: environments, and the task.

    {better, than, tasks, value, low, high, one_seed}: mean over the tasks that have both.
    """
    kinds = sorted({name for one in results for name in one.environments})
    table = []
    for name, other in [*((name, REAL) for name in kinds), *itertools.combinations(kinds, 2)]:
        if both := [one for one in results if {name, other} <= one.returns.keys()]:
            pairs = [(one.returns[name], one.returns[other], one.task) for one in both]
            value = mean_of(improvement(x, y, stream(task, name, other)) for x, y, task in pairs)
            one_seed = any(len(x) == 1 or (len(y) == 1 and other != REAL) for x, y, _ in pairs)
            table.append(
                {"better": name, "than": other, "tasks": [one.task for one in both]}
                | {**estimate(*value), "one_seed": one_seed}
            )
    return table


def improvement(xs: np.ndarray, ys: np.ndarray, generator: np.random.Generator) -> Sampled:
    """Probability that a run of `xs` is better than one of `ys` of the same algorithm; ties half.

    xs, ys: (seeds, algorithms, agents); seeds and agents may be others. Mean over algorithms of
    the Mann-Whitney statistic over the number of pairs.
    """
    x, y = xs.reshape(-1), ys.reshape(-1)
    algorithm_x, algorithm_y = (np.indices(v.shape)[1].reshape(-1) for v in (xs, ys))
    alike = algorithm_x[:, None] == algorithm_y
    wins = alike * ((x[:, None] > y) + 0.5 * (x[:, None] == y))
    pairs = alike.sum()
    times_x, times_y = (
        statistics.times_chosen(resampled(v, generator), v.size).astype(float) for v in (xs, ys)
    )
    return float(wins.sum() / pairs), ((times_x @ wins) * times_y).sum(1) / pairs


def learned(results: TaskResults) -> dict[str, dict[str, Line]]:
    """{agent: {environment, real, tuned: Line}}."""
    places = {name: rows for (name,), rows in runs.by(results.curves, "environment")}
    lines: dict[str, dict[str, Line]] = {agent: {} for agent in results.agents}
    for name, rows in (places | {TUNED: results.experts}).items():
        for (agent,), of_agent in runs.by(rows[rows["agent"].isin(results.agents)], "agent"):
            lines[agent][name] = line(of_agent, stream("curve", results.task, name, agent))
    return lines


def efficiency(results: TaskResults, lines: Mapping[str, Mapping[str, Line]]) -> Numbers:
    """{environment: {agent: {tuned, real: ratio of steps at equal return, or None}}}.

    None where agents are no better for the environment than random actions: there is no return to
    be reached.
    """
    table: Numbers = {name: {} for name in results.environments}
    random = results.section["reference"]["random"]
    for name, (agent, places) in itertools.product(table, lines.items()):
        learns = places[name].iqm[-1] > random
        table[name][agent] = {
            reference: ratio(places[name], places[reference]) if learns else None
            for reference in (TUNED, REAL)
            if reference in places
        }
    return table


def unseen(results: Sequence[TaskResults]) -> list[Numbers]:
    """Normalised score of agents of unseen algorithms less that of seen ones, per environment.

    {environment, tasks, value, low, high, one_seed}: difference of interquartile means, mean over
    the tasks where agents of both kinds are judged.
    """
    table = []
    for name in sorted({name for one in results for name in one.environments}):
        each: dict[str, Sampled] = {}
        seeds = []
        for one in (one for one in results if name in one.scores):
            scores, seen = one.scores[name], np.isin(one.agents, one.seen[name])
            if seen.any() and not seen.all():
                each[one.task] = seen_less(scores, ~seen, stream("unseen", one.task, name))
                seeds.append(len(scores))
        if each:
            about = {"environment": name, "tasks": list(each), "one_seed": 1 in seeds}
            table.append(about | estimate(*mean_of(each.values())))
    return table


def seen_less(scores: np.ndarray, these: np.ndarray, generator: np.random.Generator) -> Sampled:
    """Interquartile mean of `these` algorithms less that of the others, in the same environments.

    scores: (seeds, algorithms, agents). these: (algorithms,), true or false.
    """
    chosen = statistics.hierarchical(scores.shape, generator, NESTED)
    values = scores.reshape(-1)

    def iqm(agents: np.ndarray) -> np.ndarray:
        return np.asarray(interquartile_mean(agents.reshape(*agents.shape[:-3], -1)))

    samples = iqm(values[chosen[:, :, these]]) - iqm(values[chosen[:, :, ~these]])
    return float(iqm(scores[:, these]) - iqm(scores[:, ~these])), samples
