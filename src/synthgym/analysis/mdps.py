"""Can agents learn in synthetic MDPs, faster than in the task, and others too?

As in Ferreira et al. 2022 (Fig. 2 to 4, 7, 8, and what is in their code only). Means, as published;
intervals resample MDPs, and agents within each.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from synthgym.analysis.core import report, statistics
from synthgym.analysis.core.estimate import SHARE, Numbers, estimate
from synthgym.analysis.core.tables import REAL, read_all
from synthgym.analysis.core.verdict import Claim, Evidence, judge, of_arms, span_of
from synthgym.analysis.figures import mdps as figures
from synthgym.analysis.mdps_text import (
    ALL,
    BEARABLE,
    COSTS,
    FIXED,
    RANKING,
    SOLVED,
    VARIED,
    markdown,
    share_solved,
)
from synthgym.analysis.ranking import agreement, finished

Section = Mapping[str, Any]
Tasks = Mapping[str, Section]
MEASURED = {"return": "return_", "steps": "step", "episodes": "episode"}  # columns of curves


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md, and the figures into `out`.

    config: `scale` and `mdp_tasks` ({task config name: its section, and what is planned}).
    """
    scale, tasks = config["scale"], config["mdp_tasks"]
    kinds = {name: [name] for name in ("evaluations", "values", "noise")}
    kinds |= {name: [name, f"real_{name}"] for name in ("curves", "episodes")}
    kinds["progress"] = ["progress", "model_progress"]
    tables = {
        name: read_all(inputs, files, "arm", "seed", "trial", task="experiment")
        for name, files in kinds.items()
    }
    numbers = summarise(scale, tasks, tables)
    given = {**tables, "finished": rankings(tables["curves"]), "tasks": tasks, "scale": scale}
    return report.publish("mdp_report", out, numbers, markdown(numbers, tasks), figures, **given)


@dataclass(frozen=True)
class Study:
    """Finished agents of one trial, by the arm in whose MDPs they were trained, or REAL."""

    ends: pd.DataFrame  # sorted by MDP
    solved: Mapping[str, list[int]]  # arm -> the MDPs in which the search got there

    @classmethod
    def of(cls, curves: pd.DataFrame, making: Mapping[str, Numbers]) -> "Study":
        keys = ["arm", "environment_seed", "draw"]
        # Agents that stop early are tested twice at their last step: the later test counts.
        ends = curves.sort_values("step", kind="stable").groupby(keys).last().reset_index()
        return cls(ends, {arm: n["solved_seeds"] for arm, n in making.items() if "solved" in n})

    def agents(self, arm: str, which: str = ALL) -> pd.DataFrame:
        rows = self.ends[self.ends["arm"] == arm]
        if which == SOLVED and arm in self.solved:
            rows = rows[rows["environment_seed"].isin(self.solved[arm])]
        return rows

    def mean(self, arm: str, column: str, which: str = ALL) -> tuple[float, np.ndarray] | None:
        """The mean; and that of resamples of MDPs, and of agents within each."""
        rows = self.agents(arm, which)
        if rows.empty:
            return None
        values = rows[column].to_numpy(float)
        chosen = statistics.nested(rows.groupby("environment_seed").size().tolist())
        return float(values.mean()), values[chosen].mean(1)

    def judged(self, arm: str, which: str) -> Numbers | None:
        """Mean return, training steps and episodes, with intervals."""
        rows = self.agents(arm, which)
        if rows.empty or (which == SOLVED and arm not in self.solved):
            return None
        means = {name: self.mean(arm, column, which) for name, column in MEASURED.items()}
        numbers = {name: estimate(*mean) for name, mean in means.items() if mean}
        return {**numbers, "mdps": rows["environment_seed"].nunique(), "agents": len(rows)}

    def steps_saved(self, arm: str, which: str) -> Numbers | None:
        """The share of the training steps in the task that is not needed in MDPs of an arm."""
        steps, real = self.mean(arm, "step", which), self.mean(REAL, "step")
        if not steps or not real:
            return None
        # Independent groups: resamples of one go with any of the other.
        return estimate(1 - steps[0] / real[0], 1 - steps[1] / real[1][::-1])

    def return_less(self, arm: str, other: str, which: str) -> Numbers | None:
        """Mean return with MDPs of an arm less that with another's, or in the task."""
        one, two = (self.mean(name, "return_", which) for name in (arm, other))
        return estimate(one[0] - two[0], one[1] - two[1][::-1]) if one and two else None


def summarise(scale: str, tasks: Tasks, tables: Mapping[str, pd.DataFrame]) -> Numbers:
    """{tasks: {task: making, trials, differences, ranking, noise, distances}}; and the claims."""
    found: Numbers = {"tasks": {}, "claims": []}
    for task, section in tasks.items():
        of_task = {name: rows[rows["task"] == task] for name, rows in tables.items()}
        making = made(section, of_task["evaluations"], of_task["progress"])
        by_trial = dict(iter(of_task["curves"].groupby("trial")))
        studies = {
            trial: Study.of(by_trial[trial], making)
            for trial in section["agents"]
            if trial in by_trial and trial != RANKING
        }
        numbers = {
            "making": making,
            "trials": {},
            "steps_saved": {},
            "varied_fixed": {},
            "ranking": ranking(rankings(of_task["curves"]), section),
            "noise": noise(of_task["noise"], section),
            "distances": distances(of_task["values"]),
        }
        for trial, study in studies.items():
            arms = study.ends["arm"].unique()
            numbers["trials"][trial] = {arm: _each(study.judged, arm) for arm in arms}
            saved = {arm: _each(study.steps_saved, arm) for arm in section["evolved"]}
            numbers["steps_saved"][trial] = {arm: shares for arm, shares in saved.items() if shares}
            numbers["varied_fixed"][trial] = _each(study.return_less, VARIED, FIXED)
        found["tasks"][task] = numbers
        found["claims"] += claimed(task, section, numbers, studies)
    return report.summary(scale, found)


def _each(find: Callable[..., Numbers | None], *arms: str) -> dict[str, Numbers]:
    """{all, solved: what is found of these MDPs}, where there are any."""
    return {which: numbers for which in (ALL, SOLVED) if (numbers := find(*arms, which))}


def claimed(
    task: str, section: Section, numbers: Numbers, studies: Mapping[str, Study]
) -> list[Numbers]:
    """The claims on a task. Those on some MDPs of an arm say `which`: all, or solved."""
    solved = {arm: n | {"share": share_solved(n)} for arm, n in numbers["making"].items()}
    measures = {
        "share_solved": partial(of_arms, solved, "share", SHARE, "of {mdps} searches"),
        "rank_correlation": partial(of_arms, numbers["ranking"], "spearman", "+.2f", "(Spearman)"),
        "steps_saved": partial(_saved, numbers["steps_saved"]),
        "return": partial(_returns, studies, span_of(section)),
    }
    return judge(section.get("claims", ()), measures, task=task)


def _saved(saved: Numbers, claim: Claim) -> Iterator[Evidence]:
    for trial, arm in product(claim["trials"], claim["of"]):
        if share := saved.get(trial, {}).get(arm, {}).get(claim.get("which", ALL)):
            yield Evidence(share, SHARE, arm, note="fewer steps")


def _returns(studies: Mapping[str, Study], span: float | None, claim: Claim) -> Iterator[Evidence]:
    for trial, arm, other in product(claim["trials"], claim["of"], claim["over"]):
        study, which = studies.get(trial), claim.get("which", ALL)
        if study and (less := study.return_less(arm, other, which)):
            yield Evidence(less, name=f"{arm} less {other}", unit=span, note="return")


def made(section: Section, evaluations: pd.DataFrame, progress: pd.DataFrame) -> dict[str, Numbers]:
    """Searches that solved the task, and when, by arm; and costs, means over MDPs."""
    arms: dict[str, Numbers] = {}
    for arm in (*section["evolved"], *section["fitted"]):
        costs = progress[progress["arm"] == arm].groupby("seed")[[*COSTS]].sum()
        arms[arm] = {"mdps": len(costs), **costs.mean().to_dict()}
    for arm in section["evolved"]:
        rows = evaluations[evaluations["arm"] == arm].groupby(["seed", "generation"])
        by_seed = rows["return_"].mean().reset_index("generation").groupby("seed")
        ends = by_seed["return_"].last()
        solved = ends.index[ends >= section["solved"]].tolist()
        share = statistics.fraction(len(solved), len(ends))
        arms[arm] |= {
            "solved": share["value"],
            "solved_low": share["low"],
            "solved_high": share["high"],
            "solved_seeds": solved,
            "generations": by_seed["generation"].max().tolist(),
            "last_return": ends.tolist(),
        }
    return arms


def rankings(curves: pd.DataFrame) -> pd.DataFrame:
    """Finished agents of all arms, with the number of their setting."""
    return finished(curves[curves["trial"] == RANKING], ["task", "arm", "environment_seed"])


def ranking(rows: pd.DataFrame, section: Section) -> dict[str, Numbers]:
    """{arm: how well the order of settings agrees with that in the task}."""
    by_arm = dict(iter(rows.groupby("arm")))
    arms = [arm for arm in section["evolved"] if arm in by_arm]
    return {arm: agreement(by_arm[arm], by_arm[REAL]) for arm in arms}


def noise(rows: pd.DataFrame, section: Section) -> dict[str, dict[str, Numbers]]:
    """{arm: {quantity: mean return by intensity, and the largest one that is bearable}}."""
    random = section["reference"]["random"]
    cells: dict[str, dict[str, Numbers]] = {}
    for (arm, quantity), measured in rows.groupby(["arm", "quantity"], sort=False):
        returns = measured.groupby("intensity")["return_"].mean()
        enough = random + BEARABLE * (returns.loc[0.0] - random)
        bad = returns.index[returns < enough]
        fine = returns.index[returns.index < bad.min()] if len(bad) else returns.index
        cells.setdefault(str(arm), {})[str(quantity)] = {
            "returns": {f"{level:g}": value for level, value in returns.items()},
            "bearable": float(fine.max()),
        }
    return cells


def distances(values: pd.DataFrame) -> dict[str, dict[str, Numbers]]:
    """{arm: {quantity: Wasserstein distances from what the task shows, over its deviation there}}.

    training: of what agents see in training; answer: of what the MDP answers to the states and
    actions of the test.
    """
    cells: dict[str, dict[str, Numbers]] = {}
    for (arm, quantity), measured in values.groupby(["arm", "quantity"], sort=False):
        of_source = {name: rows["value"].to_numpy() for name, rows in measured.groupby("source")}
        real = of_source["real_test"]
        scale = float(real.std())
        numbers = {}
        for name, source in (("training", "synthetic_training"), ("answer", "synthetic_on_real")):
            if source in of_source:
                distance = stats.wasserstein_distance(of_source[source], real)
                numbers[name] = float(distance / scale) if scale > 1e-9 else float(distance)
        cells.setdefault(str(arm), {})[str(quantity)] = numbers
    return cells
