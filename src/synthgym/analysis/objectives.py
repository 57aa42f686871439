"""Does an objective that is meta-trained in a synthetic environment do, and what does it cost?

Lu et al. 2022 (LPO, DPO); Liesen et al. 2024, who say that a synthetic bandit takes two orders of
magnitude fewer steps in the task.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthgym.analysis import runs
from synthgym.analysis.core import report, statistics
from synthgym.analysis.core.estimate import COUNT, Numbers, written
from synthgym.analysis.core.statistics import NESTED, difference, interquartile_mean
from synthgym.analysis.core.tables import read, table
from synthgym.analysis.core.verdict import Claim, Evidence, judge, span_of
from synthgym.analysis.figures import objectives as figures
from synthgym.analysis.figures.objectives import GIVEN, called

Plan = Mapping[str, Any]
COSTS = ("real_steps", "synthetic_steps", "seconds")
EVERY = slice(None)
PLACES = {"real": "task", "synthetic": "synthetic environment"}


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md, objective_learning.png and drifts.png into `out`.

    config: `scale` and `objectives` (`task`, `environment`, `learned`: name -> where it is trained
    and tested, `tasks`: name -> section). inputs: `curves` of the agents that are judged;
    `progress`, `evaluations` and `drift` of the meta-training; `environment`: what its making took.
    """
    scale, plan = config["scale"], config["objectives"]
    environment = read(inputs.get("environment", ()))
    made = int(environment["real_steps"].sum()) if len(environment) else 0
    tables = {
        name: read(inputs[name], "objective", meta_seed="seed")
        for name in ("curves", "progress", "evaluations", "drift")
    }
    numbers = summarise(scale, plan, tables, made)
    given = {**tables, "plan": plan, "scale": scale}
    text = markdown(numbers, plan)
    return report.publish("objective_report", out, numbers, text, figures, **given)


def summarise(scale: str, plan: Plan, tables: Mapping[str, pd.DataFrame], made: int) -> Numbers:
    """Returns per task and objective, what each meta-training took until PPO was matched, claims.

    made: steps in the task that went into the synthetic environment, before any objective.
    """
    learned, meta_training = plan["learned"], ["objective", "meta_seed"]
    curves, seen = tables["curves"], dict(iter(tables["evaluations"].groupby(meta_training)))
    searches: dict[str, list[Search]] = {name: [] for name in learned}
    for (name, seed), log in tables["progress"].groupby(meta_training):
        if name in searches:
            searches[name].append(Search.of(log, seen[name, seed]))
    real = [name for name, o in learned.items() if o["train"] == o["fitness"] == "real"][:1]
    numbers: Numbers = {
        "judged": {task: _judged(curves[curves["task"] == task]) for task in plan["tasks"]},
        "until_matched": {name: until_matched(group) for name, group in searches.items()},
        "environment_real_steps": made,
        # of objectives meta-trained with a synthetic environment, against the real one
        "ratios": {
            name: ratio(searches[task], searches[name], made)
            for task, name in product(real, learned)
            if name != task
        },
    }
    measures = {
        "return": partial(_less_ppo, plan, numbers["judged"]),
        "steps_ratio": partial(_fewer_steps, numbers["until_matched"], numbers["ratios"]),
    }
    numbers["claims"] = judge(plan.get("claims", ()), measures)
    return report.summary(scale, numbers, resamples=NESTED)


def _less_ppo(plan: Plan, judged: Numbers, claim: Claim) -> Iterator[Evidence]:
    """The return of agents that learn by an objective less that of PPO's, task by task."""
    for task, name in product(claim["trials"], claim["of"]):
        if less := judged.get(task, {}).get(name, {}).get("less_ppo"):
            section, e = plan["tasks"][task], _pointed(less, "difference")
            yield Evidence(e, name=section["id"], unit=span_of(section), note="return")


def _fewer_steps(until: Numbers, ratios: Numbers, claim: Claim) -> Iterator[Evidence]:
    """Steps in the task until PPO is matched, of meta-training there over those of an objective.

    Where it is not matched in all searches nothing is known but that the ratio is no larger.
    """
    for name in claim["of"]:
        if name in ratios and ratios[name]["ratio"] is not None:
            e, note = _pointed(ratios[name], "ratio"), "times fewer steps"
            if None in until[name]["generation"]:
                e, note = e | {"low": 0.0}, f"{note}, not all searches match PPO"
            yield Evidence(e, COUNT, note=note)


def _pointed(e: Numbers, point: str) -> Numbers:
    return {"value": e[point], "low": e["low"], "high": e["high"]}


@dataclass(frozen=True)
class Search:
    """One meta-training: what it had taken at each evaluation, and how agents then did."""

    costs: pd.DataFrame  # index: generation of the evaluation; columns COSTS
    returns: np.ndarray  # [evaluation, draw], of LPO
    ppo: np.ndarray  # [draw]

    @classmethod
    def of(cls, log: pd.DataFrame, seen: pd.DataFrame) -> "Search":
        """log, seen: progress and evaluations of one meta-training."""
        agents = seen.sort_values("draw").groupby(seen["agent"] == "ppo")
        ppo, learned = agents.get_group(True), agents.get_group(False)
        returns = learned.pivot(index="generation", columns="draw", values="return_")
        # An evaluation measures, and is no part of the search: its seconds are left out.
        others = log[~log["generation"].isin(returns.index)]
        seconds = float((others if len(others) else log)["seconds"].median())
        taken = log.assign(seconds=seconds).set_index("generation")[[*COSTS]].sort_index().cumsum()
        costs = taken.reindex(returns.index).fillna(0.0)  # nothing before the first generation
        return cls(costs, returns.to_numpy(), ppo["return_"].to_numpy())

    def first(self, draws: np.ndarray | slice = EVERY) -> int | None:
        """The first evaluation after the beginning in which agents earn no less than PPO's, by
        the interquartile mean; None if there is none.
        """
        means = interquartile_mean(self.returns[1:, draws])
        matched = np.flatnonzero(means >= interquartile_mean(self.ppo[draws]))
        return int(matched[0]) + 1 if len(matched) else None

    def gap(self, evaluation: int) -> Numbers:
        """Difference of the interquartile mean of agents in an evaluation from that of PPO's."""
        return asdict(difference([self.returns[evaluation]], [self.ppo], resamples=NESTED))

    def taken(self, column: str, draws: np.ndarray | slice = EVERY) -> float:
        """Costs until PPO is matched; of the whole search where it is not."""
        first = self.first(draws)
        return float(self.costs[column].to_numpy()[-1 if first is None else first])


def until_matched(searches: Sequence[Search]) -> Numbers:
    """What the searches of one objective took until it matched PPO, a number per seed."""
    firsts = [(search.costs.index, search.first()) for search in searches]
    return {
        "generation": [None if first is None else int(index[first]) for index, first in firsts],
        **{column: [search.taken(column) for search in searches] for column in COSTS},
        "generations": [int(search.costs.index[-1]) for search in searches],
        "gap_at_start": [search.gap(0) for search in searches],
        "gap_at_end": [search.gap(-1) for search in searches],
    }


def ratio(searches: Sequence[Search], others: Sequence[Search], made: int) -> Numbers:
    """Steps in the task until PPO is matched: those of `searches` over those of `others`.

    Also with the steps that their environment had `made`, before. The interval resamples seeds, and
    within each the agents that were evaluated; from few seeds it is too narrow. None where the
    others took no step.
    """
    generator = np.random.default_rng(statistics.SEED)

    def resampled(group: Sequence[Search]) -> float:
        chosen = [group[i] for i in generator.integers(len(group), size=len(group))]
        draws = [generator.integers(len(s.ppo), size=len(s.ppo)) for s in chosen]
        steps = [s.taken("real_steps", d) for s, d in zip(chosen, draws, strict=True)]
        return float(np.mean(steps))

    above, below = (
        float(np.mean([search.taken("real_steps") for search in group]))
        for group in (searches, others)
    )
    whole = above / (below + made) if below + made else None
    if below == 0:
        return {"ratio": None, "low": None, "high": None, "with_environment": whole}
    # A resample in which nothing was needed counts one step: the ratio is large, not infinite.
    estimates = [resampled(searches) / max(1.0, resampled(others)) for _ in range(NESTED)]
    low, high = map(float, statistics.bounds(np.array(estimates)))
    return {"ratio": above / below, "low": low, "high": high, "with_environment": whole}


def _judged(curves: pd.DataFrame) -> Numbers:
    """{objective: numbers} on one task, those of others than PPO with what they are less PPO."""
    ends = curves.loc[curves.groupby(["objective", "meta_seed", "draw"])["step"].idxmax()]
    cells, by_seed = {}, {}
    for (name,), rows in runs.by(ends, "objective"):
        cells[name] = asdict(statistics.estimate(rows["return_"], rows["meta_seed"]))
        cells[name] |= {"steps": int(rows["step"].median()), "less_ppo": None}
        by_seed[name] = [seed.to_numpy() for _, seed in rows.groupby("meta_seed")["return_"]]
    for name in cells.keys() - {"ppo"}:
        less = difference(by_seed[name], by_seed["ppo"], resamples=NESTED)
        cells[name]["less_ppo"] = asdict(less)
    return cells


def markdown(numbers: Numbers, plan: Plan) -> str:
    """The table, readable on its own."""
    about, task = numbers["about"], plan["tasks"][plan["task"]]["id"]
    level = f"{about['level']:.0%} interval"
    ways = "; ".join(
        f"*{called(name)}*: agents learn in the {PLACES[o['train']]} and are tested in the "
        f"{PLACES[o['fitness']]}{_beside(o.get('beside', {}))}"
        for name, o in plan["learned"].items()
    )
    parts = [
        "# Meta-trained objectives",
        f"Scale `{about['scale']}`. PPO's clipping, DPO's closed form, and learned drift "
        f"functions, meta-trained in {task}: {ways}. {_stand_in(numbers, plan)}",
        report.claims(numbers["claims"]),
        "## Return on tasks of meta-training and others",
        "Per episode, of agents trained in the real task with the settings tuned for PPO there: "
        f"interquartile mean [{level}] over n agents, resampled within each meta-training. Less "
        "PPO: difference of interquartile means, whose interval resamples meta-trainings too. "
        "Only the first task was seen in meta-training, but where others are named.",
        _generalisation(numbers, plan),
        "## Until it matches PPO",
        "Of each meta-training until fresh agents that learn by the mean of the search in the "
        "task, with the settings tuned for PPO, earn no less than those of PPO by the "
        "interquartile mean, in an evaluation after the beginning; less PPO: difference of "
        f"interquartile means [{level}]. At the beginning there is no drift. Such evaluations are "
        "no part of the costs; seconds are those of so many generations, by the median. Where PPO "
        "is not matched, the costs are of the whole search. Ratio: steps in the task of "
        f"meta-training there, over those here [{level}]; then with the steps that the "
        "environment took.",
        _costs(numbers),
    ]
    return report.document(*parts)


def _beside(others: Mapping[str, str]) -> str:
    """Other tasks of a meta-training, and what stands in for them."""
    named = ", ".join(f"{task} (`{environment}`)" for task, environment in others.items())
    return f", in turn in that of {named}" if others else ""


def _generalisation(numbers: Numbers, plan: Plan) -> str:
    tasks = dict.fromkeys([plan["task"], *plan["tasks"]])
    rows = []
    for task, name in product(tasks, (*GIVEN, *plan["learned"])):
        cell = numbers["judged"][task][name]
        rows.append(
            {
                "task": plan["tasks"][task]["id"],
                "objective": called(name),
                "return": written(cell, point="iqm"),
                "less PPO": written(cell["less_ppo"], point="difference"),
                "n": cell["n"],
                "steps": f"{cell['steps']:,}",
            }
        )
    return table(rows)


def _costs(numbers: Numbers) -> str:
    rows = []
    for name, cell in numbers["until_matched"].items():
        times = numbers["ratios"].get(name)
        whole = times["with_environment"] if times else None
        for seed, generation in enumerate(cell["generation"]):
            never = f"not in {cell['generations'][seed]}"
            rows.append(
                {
                    "objective": called(name),
                    "search": seed + 1,
                    "generation": never if generation is None else generation,
                    **{called(column): f"{cell[column][seed]:,.0f}" for column in COSTS},
                    "less PPO before": written(cell["gap_at_start"][seed], point="difference"),
                    "at the end": written(cell["gap_at_end"][seed], point="difference"),
                    "ratio": _times(times),
                    "with environment": f"{whole:,.2g}" if whole else "",
                }
            )
    return table(rows)


def _stand_in(numbers: Numbers, plan: Plan) -> str:
    if all("synthetic" not in (o["train"], o["fitness"]) for o in plan["learned"].values()):
        return "None has a synthetic environment."
    made = numbers["environment_real_steps"]
    return f"That is `{plan['environment']}`, whose making took {made:,} steps in the task before."


def _times(e: Numbers | None) -> str:
    if e is None:
        return ""
    if e["ratio"] is None:
        return "no number of times (it took none)"
    return f"{written(e, COUNT, 'ratio')} times"
