"""Does an objective that is meta-trained in a synthetic environment do, and what does it cost?

Lu et al. 2022 (LPO, DPO); Liesen et al. 2024, who say that a synthetic bandit takes two orders of
magnitude fewer steps in the task.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthgym.analysis import runs
from synthgym.analysis.core.estimate import (
    COUNT,
    Numbers,
    rounded,
    written,
)
from synthgym.analysis.core.report import claims, document, write
from synthgym.analysis.core.statistics import (
    LEVEL,
    NESTED,
    SEED,
    bounds,
    difference,
    estimate,
    interquartile_mean,
)
from synthgym.analysis.core.tables import read, table
from synthgym.analysis.core.verdict import Claim, Evidence, judge, span_of
from synthgym.analysis.figures import objectives as figures
from synthgym.analysis.figures.common import draw
from synthgym.analysis.figures.objectives import GIVEN

Plan = Mapping[str, Any]
COSTS = ("real_steps", "synthetic_steps", "seconds")


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md, objective_learning.png and drifts.png into `out`.

    config: `scale` and `objectives` (`task`, `environment`, `learned`: name -> where it is trained
    and tested, `tasks`: name -> section). inputs: `curves` of the agents that are judged;
    `progress`, `evaluations` and `drift` of the meta-training; `environment`: what its making took.
    """
    scale, plan = config["scale"], config["objectives"]
    curves, environment = read(inputs["curves"]), read(inputs.get("environment", ()))
    progress, evaluations, drift = (
        read(inputs[name], "objective", meta_seed="seed")
        for name in ("progress", "evaluations", "drift")
    )
    made = int(environment["real_steps"].sum()) if len(environment) else 0
    numbers = summarise(scale, plan, curves, progress, evaluations, made)
    drawn = draw(
        "objective_report", vars(figures), curves=curves, drift=drift, plan=plan, scale=scale
    )
    return write(out, numbers, markdown(numbers, plan), drawn)


def summarise(
    scale: str,
    plan: Plan,
    curves: pd.DataFrame,
    progress: pd.DataFrame,
    evaluations: pd.DataFrame,
    made: int,
) -> Numbers:
    """Returns per task and objective, what each meta-training took until PPO was matched, claims.

    made: steps in the task that went into the synthetic environment, before any objective.
    """
    searches = {
        name: [
            _search(progress, evaluations, name, int(seed))
            for seed in np.unique(progress.loc[progress["objective"] == name, "meta_seed"])
        ]
        for name in plan["learned"]
    }
    numbers: Numbers = {
        "about": {"scale": scale, "level": LEVEL, "resamples": NESTED},
        "judged": {task: _judged(curves[curves["task"] == task]) for task in plan["tasks"]},
        "until_matched": {name: until_matched(group) for name, group in searches.items()},
        "environment_real_steps": made,
        "ratios": _ratios(plan, searches, made),
    }
    measures = {
        "return": partial(_less_ppo, plan, numbers["judged"]),
        "steps_ratio": partial(_fewer_steps, numbers["until_matched"], numbers["ratios"]),
    }
    return rounded(numbers | {"claims": judge(plan.get("claims", ()), measures)})


def _less_ppo(plan: Plan, judged: Numbers, claim: Claim) -> Iterator[Evidence]:
    """The return of agents that learn by an objective less that of PPO's, task by task."""
    for task in claim["trials"]:
        for name in claim["of"]:
            if e := judged.get(task, {}).get(name, {}).get("less_ppo"):
                section = plan["tasks"][task]
                e = {"value": e["difference"], "low": e["low"], "high": e["high"]}
                yield Evidence(e, name=section["id"], unit=span_of(section), note="return")


def _fewer_steps(until: Numbers, ratios: Numbers, claim: Claim) -> Iterator[Evidence]:
    """Steps in the task until PPO is matched, of meta-training there over those of an objective.

    Where it is not matched in all searches nothing is known but that the ratio is no larger.
    """
    for name in claim["of"]:
        e = ratios.get(name, {"ratio": None})
        if e["ratio"] is not None:
            matched = all(generation is not None for generation in until[name]["generation"])
            low = e["low"] if matched else 0.0
            note = "times fewer steps" + ("" if matched else ", not all searches match PPO")
            yield Evidence({"value": e["ratio"], "low": low, "high": e["high"]}, COUNT, note=note)


class Search:
    """One meta-training: what it had taken at each evaluation, and how agents then did."""

    def __init__(self, costs: pd.DataFrame, returns: np.ndarray, ppo: np.ndarray):
        self.costs = costs  # index: generation of the evaluation; columns COSTS
        self.returns = returns  # [evaluation, draw], of LPO
        self.ppo = ppo  # [draw]

    def first(self, draws: np.ndarray | slice = slice(None)) -> int | None:
        """The first evaluation after the beginning in which agents earn no less than PPO's, by
        the interquartile mean; None if there is none.
        """
        means = interquartile_mean(self.returns[1:, draws])
        matched = np.flatnonzero(means >= interquartile_mean(self.ppo[draws]))
        return int(matched[0]) + 1 if len(matched) else None

    def gap(self, evaluation: int) -> Numbers:
        """Difference of the interquartile mean of agents in an evaluation from that of PPO's."""
        runs = ([self.returns[evaluation]], [self.ppo])
        return asdict(difference(*runs, resamples=NESTED))

    def taken(self, column: str, draws: np.ndarray | slice = slice(None)) -> float:
        """Costs until PPO is matched; of the whole search where it is not."""
        first = self.first(draws)
        return float(self.costs[column].to_numpy()[-1 if first is None else first])


def until_matched(searches: Sequence[Search]) -> Numbers:
    """What the searches of one objective took until it matched PPO, a number per seed."""
    firsts = [search.first() for search in searches]
    return {
        "generation": [
            None if first is None else int(search.costs.index[first])
            for first, search in zip(firsts, searches, strict=True)
        ],
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
    generator = np.random.default_rng(SEED)

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
    low, high = map(float, bounds(np.array(estimates)))
    return {"ratio": above / below, "low": low, "high": high, "with_environment": whole}


def _judged(curves: pd.DataFrame) -> Numbers:
    """{objective: numbers} on one task, those of others than PPO with what they are less PPO."""
    run_ = ["objective", "meta_seed", "draw"]
    ends = curves.loc[curves.groupby(run_)["step"].idxmax()]
    by_seed = {
        name: [seed["return_"].to_numpy() for _, seed in rows.groupby("meta_seed")]
        for (name,), rows in runs.by(ends, "objective")
    }
    return {
        name: asdict(estimate(rows["return_"], rows["meta_seed"]))
        | {
            "steps": int(rows["step"].median()),
            "less_ppo": None
            if name == "ppo"
            else asdict(difference(by_seed[name], by_seed["ppo"], resamples=NESTED)),
        }
        for (name,), rows in runs.by(ends, "objective")
    }


def _ratios(plan: Plan, searches: Mapping[str, Sequence[Search]], made: int) -> Numbers:
    """Ratios of the objectives meta-trained with a synthetic environment, against the real one."""
    real = _way(plan, "real", "real")
    if not real:
        return {}
    return {
        name: ratio(searches[real], searches[name], made)
        for name in plan["learned"]
        if name != real
    }


def _search(progress: pd.DataFrame, evaluations: pd.DataFrame, name: str, seed: int) -> Search:
    log = _of(progress, name, seed).sort_values("generation")
    seen = _of(evaluations, name, seed)
    ppo = seen[seen["agent"] == "ppo"].sort_values("draw")["return_"].to_numpy()
    table = seen[seen["agent"] != "ppo"].pivot(index="generation", columns="draw", values="return_")
    # An evaluation measures, and is no part of the search: its seconds are left out.
    others = log[~log["generation"].isin(table.index)]
    seconds = float((others if len(others) else log)["seconds"].median())
    log = log.assign(seconds=seconds).set_index("generation")[[*COSTS]].cumsum()
    costs = log.reindex(table.index).fillna(0.0)  # nothing before the first generation
    return Search(costs, table.to_numpy(), ppo)


def _of(table: pd.DataFrame, name: str, seed: int) -> pd.DataFrame:
    return table[(table["objective"] == name) & (table["meta_seed"] == seed)]


def _way(plan: Plan, train: str, fitness: str) -> str | None:
    """The objective whose agents learn and are tested there; None where there is none."""
    for name, o in plan["learned"].items():
        if (o["train"], o["fitness"]) == (train, fitness):
            return str(name)
    return None


def markdown(numbers: Numbers, plan: Plan) -> str:
    """The table, readable on its own."""
    about, task = numbers["about"], plan["tasks"][plan["task"]]["id"]
    level = f"{about['level']:.0%} interval"
    ways = "; ".join(
        f"*{name.replace('_', ' ')}*: agents learn in the {_words(o['train'])} and are tested in "
        f"the {_words(o['fitness'])}"
        for name, o in plan["learned"].items()
    )
    parts = [
        "# Meta-trained objectives",
        f"Scale `{about['scale']}`. PPO's clipping, DPO's closed form, and learned drift "
        f"functions, meta-trained in {task}: {ways}. {_stand_in(numbers, plan)}",
        claims(numbers["claims"]),
        "## Return on tasks of meta-training and others",
        "Per episode, of agents trained in the real task with the settings tuned for PPO there: "
        f"interquartile mean [{level}] over n agents, resampled within each meta-training. Less "
        "PPO: difference of interquartile means, whose interval resamples meta-trainings too. "
        "Only the first task was seen in meta-training.",
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
    return document(*parts)


def _generalisation(numbers: Numbers, plan: Plan) -> str:
    order = [*GIVEN, *plan["learned"]]
    tasks = [plan["task"], *(task for task in plan["tasks"] if task != plan["task"])]
    rows = [
        {
            "task": plan["tasks"][task]["id"],
            "objective": name.replace("_", " "),
            "return": written(cell, point="iqm"),
            "less PPO": written(cell["less_ppo"], point="difference"),
            "n": cell["n"],
            "steps": f"{cell['steps']:,}",
        }
        for task in tasks
        for name in order
        for cell in [numbers["judged"][task][name]]
    ]
    return table(rows)


def _costs(numbers: Numbers) -> str:
    rows = []
    for name, cell in numbers["until_matched"].items():
        times = numbers["ratios"].get(name)
        whole = times["with_environment"] if times else None
        for seed, generation in enumerate(cell["generation"]):
            rows.append(
                {
                    "objective": name.replace("_", " "),
                    "search": seed + 1,
                    "generation": "not in " + str(cell["generations"][seed])
                    if generation is None
                    else generation,
                    **{column.replace("_", " "): f"{cell[column][seed]:,.0f}" for column in COSTS},
                    "less PPO before": written(cell["gap_at_start"][seed], point="difference"),
                    "at the end": written(cell["gap_at_end"][seed], point="difference"),
                    "ratio": _times(times) if times else "",
                    "with environment": f"{whole:,.2g}" if whole else "",
                }
            )
    return table(rows)


def _stand_in(numbers: Numbers, plan: Plan) -> str:
    if all("synthetic" not in (o["train"], o["fitness"]) for o in plan["learned"].values()):
        return "None has a synthetic environment."
    made = numbers["environment_real_steps"]
    return f"That is `{plan['environment']}`, whose making took {made:,} steps in the task before."


def _times(e: Numbers) -> str:
    if e["ratio"] is None:
        return "no number of times (it took none)"
    return f"{written(e, COUNT, 'ratio')} times"


def _words(place: str) -> str:
    return {"real": "task", "synthetic": "synthetic environment"}[place]
