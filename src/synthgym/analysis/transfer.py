"""Is what was published of synthetic bandits reached, by whom, and in how many steps? Numbers.

As in Liesen et al. 2024: returns of agents trained in bandits and in the task, and steps at equal
return; with performance profiles and the probability of improvement (Agarwal et al. 2021). All
intervals resample environment seeds, and agents within each.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthgym.analysis import learning, runs, transfer_text
from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import Numbers, estimate, rounded
from synthgym.analysis.core.statistics import (
    LEVEL,
    NESTED,
    SEED,
    bounds,
    hierarchical,
    interquartile_mean,
    times_chosen,
)
from synthgym.analysis.core.tables import REAL, read_runs
from synthgym.analysis.figures import transfer as figures
from synthgym.analysis.figures.common import draw
from synthgym.analysis.steps import TUNED, Line, line, ratio
from synthgym.analysis.summary import break_even, real_steps

Tasks = Mapping[str, Mapping[str, Any]]
Sampled = tuple[float, np.ndarray]  # a value, and that of each resample
TAUS = 81  # points of a profile, besides those of which numbers are given
SHOWN = (0.25, 0.5, 0.75, 0.95)


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md and three figures into `out`.

    config: `scale` and `tasks` ({task config name: its section}). inputs: `curves` (transfer and
    real) and `progress`; `expert_curves`, of which there may be none.
    """
    scale, tasks = config["scale"], config["tasks"]
    curves, progress = (read_runs(name, inputs[name]) for name in ("curves", "progress"))
    paths = list(inputs.get("expert_curves", ()))
    experts = read_runs("curves", paths) if paths else curves.iloc[:0]
    found = [
        Found.of(task, section, curves, experts, progress)
        for task, section in sorted(tasks.items())
    ]
    profiles, lines = profiled(found), learned(found)
    numbers = rounded(summarise(scale, found, profiles, lines))
    drawn = draw(
        "transfer_report",
        vars(figures),
        profiles=profiles,
        improvement=numbers["improvement"],
        lines=lines,
        tasks=tasks,
        scale=scale,
    )
    return report.write(out, numbers, transfer_text.markdown(numbers), drawn)


@dataclass(frozen=True)
class Found:
    """The tables of one task, and finished agents by where they were trained."""

    task: str
    section: Mapping[str, Any]
    curves: pd.DataFrame
    experts: pd.DataFrame
    progress: pd.DataFrame
    agents: list[str]
    returns: dict[str, np.ndarray]  # environment, or REAL at equal steps -> (seeds, agents, draws)

    @classmethod
    def of(
        cls,
        task: str,
        section: Mapping[str, Any],
        curves: pd.DataFrame,
        experts: pd.DataFrame,
        progress: pd.DataFrame,
    ) -> "Found":
        mine, tuned, made = (t[t["task"] == task] for t in (curves, experts, progress))
        if mine.empty or made.empty:
            raise ValueError(f"{task} is in the plan, but no table of its agents or environments.")
        ends = runs.finished(mine)
        ends = pd.concat([ends[ends["environment"] != REAL], runs.at_equal_steps(mine)])
        agents = sorted(map(str, ends["agent"].unique()))
        returns = {name: cube(rows) for (name,), rows in runs.by(ends, "environment")}
        return cls(task, section, mine, tuned, made, agents, returns)

    @property
    def environments(self) -> list[str]:
        return [name for name in self.returns if name != REAL]

    @property
    def bandits(self) -> list[str]:
        """Those whose episodes are all of one step."""
        one = self.curves["episode"] == self.curves["step"]
        return [name for name in self.environments if one[self.curves["environment"] == name].all()]

    @property
    def reference(self) -> tuple[float, float] | None:
        """Returns that count as 0 and 1: of random actions, and of an expert; None without one.

        The expert's is the task section's own, or the best that was published of the task itself.
        """
        random, expert = (self.section["reference"][name] for name in ("random", "expert"))
        if expert is None:
            said = [numbers["real"] for numbers in self.section["published"].values()]
            expert = max((value for value in said if value is not None), default=None)
        return None if expert is None else (random, expert)

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """The returns, normalised; empty without a reference."""
        if self.reference is None:
            return {}
        random, expert = self.reference
        return {name: (x - random) / (expert - random) for name, x in self.returns.items()}

    def seen(self, environment: str) -> list[str]:
        """The agents that took part in its meta-training."""
        return runs.meta_agents(self.progress)[environment]


def cube(ends: pd.DataFrame) -> np.ndarray:
    """Returns of finished agents of one place: (seeds, algorithms, agents of each).

    Raises ValueError where not all algorithms have as many agents with every seed.
    """
    table = ends.pivot(index=["environment_seed", "agent"], columns="draw", values="return_")
    table = table.sort_index()
    shape = (ends["environment_seed"].nunique(), ends["agent"].nunique(), table.shape[1])
    if table.isna().to_numpy().any() or len(table) != shape[0] * shape[1]:
        places = ", ".join(sorted(map(str, ends["environment"].unique())))
        raise ValueError(f"{places}: algorithms or seeds have unequally many agents.")
    return table.to_numpy(float).reshape(shape)


def stream(*names: str) -> np.random.Generator:
    """Random numbers of their own for each name: no estimate depends on the order of others."""
    return np.random.default_rng([SEED, *"/".join(names).encode()])


def resampled(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Indices into `values` (seeds, algorithms, agents) in a row: (NESTED, runs)."""
    return hierarchical(values.shape, generator, NESTED).reshape(NESTED, -1)


def summarise(
    scale: str, found: list[Found], profiles: Iterable[Numbers], lines: Mapping[str, Numbers]
) -> Numbers:
    """All numbers; `profiles` and `lines` are those that are drawn, too."""
    summary: Numbers = {
        "about": {"scale": scale, "level": LEVEL, "resamples": NESTED, "tasks": {}},
        "transfer": {},
        "profiles": [_shown(profile) for profile in profiles],
        "improvement": improvements(found),
        "efficiency": {},
        "break_even": {},
    }
    for mine in found:
        summary["about"]["tasks"][mine.task] = {
            "id": mine.section["id"],
            "reference": mine.reference,
            "published": mine.section["published"],
            "bandits": mine.bandits,
        }
        summary["transfer"][mine.task] = transferred(mine)
        summary["efficiency"][mine.task] = efficiency(mine, lines[mine.task])
        synthetic = mine.curves[mine.curves["environment"] != REAL]
        tuned = pd.concat([synthetic, mine.experts])
        summary["break_even"][mine.task] = break_even(tuned, real_steps(mine.progress))
    summary["published"] = published(summary)
    summary["unseen"] = unseen(found)
    summary["claims"] = list(claims(summary))
    return summary


def estimated(values: np.ndarray, generator: np.random.Generator) -> Numbers:
    """Interquartile mean of returns (seeds, agents), with its interval."""
    chosen = resampled(values[:, None], generator)
    iqms = np.asarray(interquartile_mean(values.reshape(-1)[chosen]))
    value = float(interquartile_mean(values.reshape(-1)))
    return estimate(value, iqms) | {"seeds": len(values), "agents": values.size}


def transferred(found: Found) -> Numbers:
    """{environment, real, tuned: {agent: interquartile mean, interval, seeds, agents}}."""
    table: Numbers = {}
    for name, values in found.returns.items():
        for i, agent in enumerate(found.agents):
            cell = estimated(values[:, i], stream(found.task, name, agent))
            if name == REAL:
                cell["seeds"] = 0  # no environment was made
            else:
                cell["unseen"] = agent not in found.seen(name)
            table.setdefault(name, {})[agent] = cell
    mine = found.experts[found.experts["agent"].isin(found.agents)]
    for (agent,), rows in runs.by(mine, "agent"):
        ends = runs.finished(rows)
        cell = estimated(ends["return_"].to_numpy()[None], stream(found.task, TUNED, agent))
        cell |= {"seeds": 0, "steps": int(ends["step"].median())}
        table.setdefault(TUNED, {})[agent] = cell
    return table


def published(summary: Numbers) -> list[Numbers]:
    """Of each task and agent of which a value was published, the best environment beside it.

    The best of the bandits, as that is what was published; where a task has none, of all.
    """
    cells = []
    for task, about in summary["about"]["tasks"].items():
        table = summary["transfer"][task]
        bandits = about["bandits"]
        names = bandits or [name for name in table if name not in (REAL, TUNED)]
        for agent, said in about["published"].items():
            if said["synthetic"] is None or agent not in table[names[0]]:
                continue
            best = max(names, key=lambda name: table[name][agent]["value"])
            cell = table[best][agent]
            cells.append(
                {
                    "task": task,
                    "agent": agent,
                    "bandit": bool(bandits),
                    "environment": best,
                    "of": len(names),
                    **cell,
                    "published": said["synthetic"],
                    "met": cell["value"] >= said["synthetic"],
                    "within": cell["high"] >= said["synthetic"],
                }
            )
    return cells


def profiled(found: list[Found]) -> list[Numbers]:
    """Performance profiles: {tasks, tau, lines: {environment, or real: share, low, high}}.

    One of each task that has a reference; and before these one of several tasks, each of the same
    weight, where there is an environment that more than half of the tasks have.
    """
    judged = [one for one in found if one.scores]
    groups = [[one] for one in judged]
    kinds = {name for one in judged for name in one.environments}
    usual = {
        name for name in kinds if 2 * sum(name in one.scores for one in judged) > len(judged) > 1
    }
    common = [one for one in judged if usual <= one.scores.keys()]
    together = [(common, usual | {REAL})] if usual and len(common) > 1 else []
    return [
        _profile(group, names)
        for group, names in [*together, *((group, {*group[0].scores}) for group in groups)]
    ]


def _profile(group: list[Found], names: Iterable[str]) -> Numbers:
    every = np.concatenate([one.scores[name].reshape(-1) for one in group for name in names])
    taus = np.union1d(np.linspace(0, max(1.05, np.quantile(every, 0.99)), TAUS), SHOWN)
    lines = {}
    for name in sorted(names, key=lambda name: (name != REAL, name)):
        shares = [
            profile(one.scores[name], taus, stream("profile", one.task, name)) for one in group
        ]
        value, low, high = _with_band(shares)
        lines[name] = {"share": value, "low": low, "high": high}
    return {
        "tasks": [one.task for one in group],
        "ids": [one.section["id"] for one in group],
        "agents": {name: [one.scores[name].size for one in group] for name in lines},
        "tau": taus,
        "lines": lines,
    }


def profile(
    scores: np.ndarray, taus: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Share of agents with at least each score: (taus,), and (resamples, taus)."""
    there = (scores.reshape(-1)[:, None] >= taus).astype(float)
    return there.mean(0), learning.mean_curves(there, resampled(scores, generator))


def _with_band(
    every: list[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean over tasks of curves and of their resamples, as curve and bounds of the latter."""
    value = np.mean([value for value, _ in every], axis=0)
    low, high = bounds(np.mean([samples for _, samples in every], axis=0))
    return value, low, high


def _shown(profile: Numbers) -> Numbers:
    """A profile at a few scores only."""
    at = [int(np.searchsorted(profile["tau"], tau)) for tau in SHOWN]
    lines = {
        name: {key: [float(line[key][i]) for i in at] for key in ("share", "low", "high")}
        for name, line in profile["lines"].items()
    }
    return {**{key: profile[key] for key in ("tasks", "agents")}, "tau": [*SHOWN], "lines": lines}


def improvements(found: list[Found]) -> list[Numbers]:
    """P(X > Y) of agents of each environment and those of the task, and of each two environments.

    {better, than, tasks, value, low, high, one_seed}: mean over the tasks that have both.
    """
    kinds = sorted({name for one in found for name in one.environments})
    pairs = [*((name, REAL) for name in kinds), *itertools.combinations(kinds, 2)]
    table = []
    for name, other in pairs:
        both = [one for one in found if {name, other} <= one.returns.keys()]
        if not both:
            continue
        each = [
            improvement(one.returns[name], one.returns[other], stream(one.task, name, other))
            for one in both
        ]
        value = float(np.mean([value for value, _ in each]))
        samples = np.mean([samples for _, samples in each], axis=0)
        made = [one.returns[place] for one in both for place in (name, other) if place != REAL]
        table.append(
            {"better": name, "than": other, "tasks": [one.task for one in both]}
            | estimate(value, samples)
            | {"one_seed": any(len(values) == 1 for values in made)}
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
        times_chosen(resampled(v, generator), v.size).astype(float) for v in (xs, ys)
    )
    return float(wins.sum() / pairs), ((times_x @ wins) * times_y).sum(1) / pairs


def learned(found: list[Found]) -> dict[str, dict[str, dict[str, Line]]]:
    """{task: {agent: {environment, real, tuned: Line}}}."""
    return {
        one.task: {
            agent: {
                name: line(rows[rows["agent"] == agent], stream("curve", one.task, name, agent))
                for name, rows in _places(one)
                if (rows["agent"] == agent).any()
            }
            for agent in one.agents
        }
        for one in found
    }


def _places(found: Found) -> Iterator[tuple[str, pd.DataFrame]]:
    for (name,), rows in runs.by(found.curves, "environment"):
        yield name, rows
    yield TUNED, found.experts


def efficiency(found: Found, lines: Mapping[str, Mapping[str, Line]]) -> Numbers:
    """{environment: {agent: {tuned, real: ratio of steps at equal return, or None}}}.

    None where agents are no better for the environment than random actions: there is no return to
    be reached.
    """
    table: Numbers = {}
    random = found.section["reference"]["random"]
    for agent, places in lines.items():
        for name in found.environments:
            synthetic = places[name]
            cell = table.setdefault(name, {}).setdefault(agent, {})
            for reference in (TUNED, REAL):
                if reference in places:
                    learns = synthetic.iqm[-1] > random
                    cell[reference] = ratio(synthetic, places[reference]) if learns else None
    return table


def unseen(found: list[Found]) -> list[Numbers]:
    """Normalised score of agents of unseen algorithms less that of seen ones, per environment.

    {environment, tasks, value, low, high, one_seed}: difference of interquartile means, mean over
    the tasks where agents of both kinds are judged.
    """
    table = []
    for name in sorted({name for one in found for name in one.environments}):
        each: dict[str, Sampled] = {}
        one_seed = False
        for one in found:
            if name in one.scores:
                seen = np.isin(one.agents, one.seen(name))
                if seen.any() and not seen.all():
                    scores = one.scores[name]
                    each[one.task] = seen_less(scores, ~seen, stream("unseen", one.task, name))
                    one_seed |= len(scores) == 1
        if each:
            value = float(np.mean([value for value, _ in each.values()]))
            samples = np.mean([samples for _, samples in each.values()], axis=0)
            table.append(
                {"environment": name, "tasks": list(each), "one_seed": one_seed}
                | estimate(value, samples)
            )
    return table


def seen_less(scores: np.ndarray, these: np.ndarray, generator: np.random.Generator) -> Sampled:
    """Interquartile mean of `these` algorithms less that of the others, in the same environments.

    scores: (seeds, algorithms, agents). these: (algorithms,), true or false.
    """
    chosen = hierarchical(scores.shape, generator, NESTED)
    values = scores.reshape(-1)

    def iqm(runs_: np.ndarray) -> np.ndarray:
        return np.asarray(interquartile_mean(runs_.reshape(*runs_.shape[:-3], -1)))

    samples = iqm(values[chosen[:, :, these]]) - iqm(values[chosen[:, :, ~these]])
    return float(iqm(scores[:, these]) - iqm(scores[:, ~these])), samples


def claims(summary: Numbers) -> Iterator[Numbers]:
    """What was published: does it hold here? {claim, verdict, here}."""
    for e in summary["unseen"]:
        sure = "holds" if e["low"] >= 0 else "does not hold" if e["high"] < 0 else ""
        yield {
            "claim": f"Agents of unseen algorithms do as well as seen ones ({e['environment']})",
            "verdict": sure or "within chance",
            "here": f"score {e['value']:+.2f} [{e['low']:+.2f}, {e['high']:+.2f}], "
            f"{len(e['tasks'])} task{'s' * (len(e['tasks']) > 1)}{' *' * e['one_seed']}",
        }
    cells = [cell for cell in summary["published"] if cell["bandit"]]
    if cells:
        met = [cell for cell in cells if cell["met"]]
        near = [cell for cell in cells if cell["within"] and not cell["met"]]
        yield {
            "claim": "Bandits reach what was published",
            "verdict": _share(len(met), len(cells)),
            "here": f"{len(met)} of {len(cells)} tasks and agents, the interval of {len(near)} "
            f"more does; each with the best of up to {max(cell['of'] for cell in cells)} bandits",
        }
    for reference, settings in ((TUNED, "tuned"), (REAL, "sampled")):
        every = [
            cell[reference]
            for task, table in summary["efficiency"].items()
            for name in summary["about"]["tasks"][task]["bandits"]
            for cell in table[name].values()
            if reference in cell
        ]
        ratios = [e for e in every if e]
        if ratios:
            fewer = [e for e in ratios if e["fewer"]]
            ratios.sort(key=lambda e: e["value"])
            low, middle, high = (transfer_text.times(ratios[i]) for i in (0, len(ratios) // 2, -1))
            yield {
                "claim": f"Agents need fewer steps in a bandit than in the task ({settings} "
                "settings there)",
                "verdict": _share(len(fewer), len(every)),
                "here": f"{len(fewer)} of {len(every)} bandits and agents, in "
                f"{len(every) - len(ratios)} they learn nothing; times fewer: {low} to {high}, "
                f"the middle one {middle}",
            }


def _share(number: int, of: int) -> str:
    return "holds" if number == of else "in part" if number else "does not hold"
