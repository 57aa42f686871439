"""Does an objective that is meta-trained in a synthetic environment do, and what does it cost?

Lu et al. 2022 (LPO, DPO); Liesen et al. 2024, who say that a synthetic bandit takes two orders of
magnitude fewer steps in the task. Table, figures, numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from synthgym.analysis import runs
from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import rounded
from synthgym.analysis.core.statistics import LEVEL, SEED, difference, estimate, interquartile_mean
from synthgym.analysis.figures import objectives as figures
from synthgym.analysis.figures.common import draw
from synthgym.core.io import read_table

Numbers = dict[str, Any]
Plan = Mapping[str, Any]
GIVEN = ("ppo", "dpo")  # not learned
TARGET = 100.0  # times fewer steps in the task
RESAMPLES = 2000
COSTS = ("real_steps", "synthetic_steps", "seconds")
COLUMNS = 3  # panels of a figure


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md, objective_learning.png and drifts.png into `out`.

    config: `scale` and `objectives` (`task`, `environment`, `learned`: name -> where it is trained
    and tested, `tasks`: name -> section). inputs: `curves` of the agents that are judged;
    `progress`, `evaluations` and `drift` of the meta-training; `environment`: what its making took.
    """
    scale, plan = config["scale"], config["objectives"]
    curves = pd.concat([read_table(path) for path in sorted(inputs["curves"])], ignore_index=True)
    of = {name: _placed(inputs[name]) for name in ("progress", "evaluations", "drift")}
    made = sum(int(read_table(path)["real_steps"].sum()) for path in inputs.get("environment", ()))
    numbers = summarise(scale, plan, curves, of["progress"], of["evaluations"], made)
    drawn = draw(
        "objective_report", vars(figures), curves=curves, drift=of["drift"], plan=plan, scale=scale
    )
    return report.write(out, numbers, markdown(numbers, plan), drawn)


def summarise(
    scale: str,
    plan: Plan,
    curves: pd.DataFrame,
    progress: pd.DataFrame,
    evaluations: pd.DataFrame,
    made: int,
) -> Numbers:
    """Returns per task and objective, what each meta-training took until PPO was matched, verdict.

    made: steps in the task that went into the synthetic environment, before any objective.
    """
    names = list(plan["learned"])
    searches = {
        name: [_search(progress, evaluations, name, seed) for seed in _seeds(progress, name)]
        for name in names
    }
    numbers: Numbers = {
        "about": {"scale": scale, "level": LEVEL, "resamples": RESAMPLES, "target": TARGET},
        "judged": {task: _judged(curves[curves["task"] == task]) for task in plan["tasks"]},
        "until_matched": {name: until_matched(searches[name]) for name in names},
        "environment_real_steps": made,
        "ratios": _ratios(plan, searches, made),
    }
    numbers["verdict"] = verdict(plan, numbers)
    return rounded(numbers)


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
        """Of agents in an evaluation: difference of interquartile means from PPO's."""
        runs = ([self.returns[evaluation]], [self.ppo])
        return asdict(difference(*runs, resamples=RESAMPLES))

    def taken(self, column: str, draws: np.ndarray | slice = slice(None)) -> float:
        """Until then; all that the search took where PPO is not matched."""
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
    estimates = [resampled(searches) / max(1.0, resampled(others)) for _ in range(RESAMPLES)]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(estimates, [tail, 1 - tail])
    interval = {"low": float(low), "high": float(high)}
    return {"ratio": above / below, **interval, "with_environment": whole}


def verdict(plan: Plan, numbers: Numbers) -> Numbers:
    """Whether the published claim holds here, in one word and one sentence.

    It does where agents are not worse, and the whole interval of the ratio reaches the target.
    """
    real, bandit = _way(plan, "real", "real"), _way(plan, "synthetic", "real")
    if not real or not bandit:
        return {"word": "not asked", "sentence": "The plan has not both objectives to compare."}
    cell = numbers["judged"][plan["task"]][bandit]["less_ppo"]
    times = numbers["ratios"][bandit]
    matches = cell["high"] >= 0.0
    matched = all(g is not None for g in numbers["until_matched"][bandit]["generation"])
    cheaper = matched and times["low"] is not None and times["low"] >= TARGET
    word = {0: "does not hold", 1: "holds in part", 2: "holds"}[matches + cheaper]
    less = f"{cell['difference']:+,.1f} [{cell['low']:,.1f}, {cell['high']:,.1f}]"
    return {
        "word": word,
        "sentence": f"The claim {word}: agents that learn by the objective from the synthetic "
        f"environment earn {less} more than PPO's on the task of meta-training, which "
        f"{'is not worse' if matches else 'is worse'}; and until it matched PPO its meta-training "
        f"took {_times(times)} fewer steps in the task than that in the task itself "
        f"(target: {TARGET:g})"
        + ("." if matched else "; not all its searches matched PPO within their generations."),
    }


def _judged(curves: pd.DataFrame) -> Numbers:
    """Of one task: {objective: numbers}, those of others than PPO with what they are less PPO."""
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
            else asdict(difference(by_seed[name], by_seed["ppo"], resamples=RESAMPLES)),
        }
        for (name,), rows in runs.by(ends, "objective")
    }


def _ratios(plan: Plan, searches: Mapping[str, Sequence[Search]], made: int) -> Numbers:
    """Of each objective that is meta-trained with a synthetic environment, against the real one."""
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


def _seeds(progress: pd.DataFrame, name: str) -> list[int]:
    return sorted({int(seed) for seed in progress.loc[progress["objective"] == name, "meta_seed"]})


def _way(plan: Plan, train: str, fitness: str) -> str | None:
    """The objective whose agents learn and are tested there; None where there is none."""
    there = plan["learned"].items()
    found = [name for name, o in there if (o["train"], o["fitness"]) == (train, fitness)]
    return found[0] if found else None


def _placed(paths: Iterable[Path]) -> pd.DataFrame:
    """All rows of tables in .../<objective>/seed<seed>/, with these two as columns."""
    tables = [
        read_table(path).assign(
            objective=path.parts[-3], meta_seed=int(path.parts[-2].removeprefix("seed"))
        )
        for path in sorted(paths)
    ]
    return pd.concat(tables, ignore_index=True)


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
        numbers["verdict"]["sentence"],
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
    return "\n\n".join(parts) + "\n"


def _generalisation(numbers: Numbers, plan: Plan) -> str:
    order = [*GIVEN, *plan["learned"]]
    tasks = [plan["task"], *(task for task in plan["tasks"] if task != plan["task"])]
    rows = [
        {
            "task": plan["tasks"][task]["id"],
            "objective": name.replace("_", " "),
            "return": _interval(cell, "iqm"),
            "less PPO": _interval(cell["less_ppo"], "difference") if cell["less_ppo"] else "",
            "n": cell["n"],
            "steps": f"{cell['steps']:,}",
        }
        for task in tasks
        for name in order
        for cell in [numbers["judged"][task][name]]
    ]
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


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
                    "less PPO before": _interval(cell["gap_at_start"][seed], "difference"),
                    "at the end": _interval(cell["gap_at_end"][seed], "difference"),
                    "ratio": _times(times) if times else "",
                    "with environment": f"{whole:,.2g}" if whole else "",
                }
            )
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


def _stand_in(numbers: Numbers, plan: Plan) -> str:
    if all("synthetic" not in (o["train"], o["fitness"]) for o in plan["learned"].values()):
        return "None has a synthetic environment."
    made = numbers["environment_real_steps"]
    return f"That is `{plan['environment']}`, whose making took {made:,} steps in the task before."


def _interval(cell: Numbers, point: str) -> str:
    return f"{cell[point]:,.1f} [{cell['low']:,.1f}, {cell['high']:,.1f}]"


def _times(times: Numbers) -> str:
    if times["ratio"] is None:
        return "no number of times (it took none)"
    return f"{times['ratio']:,.0f} [{times['low']:,.0f}, {times['high']:,.0f}] times"


def _words(place: str) -> str:
    return {"real": "task", "synthetic": "synthetic environment"}[place]
