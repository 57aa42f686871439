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

from synthgym.analysis import published
from synthgym.analysis.core import report, statistics
from synthgym.analysis.core.estimate import COUNT, SHARE, Numbers, counted, estimate, written
from synthgym.analysis.core.tables import REAL, read_all, table
from synthgym.analysis.core.verdict import Claim, Evidence, judge, of_arms, span_of
from synthgym.analysis.figures import mdps as figures

Section = Mapping[str, Any]
Tasks = Mapping[str, Section]
RANKING = "ranking"  # the trial in which settings are ranked
ALL, SOLVED = "all", "solved"  # MDPs of an arm: every one, or those in which the search got there
FIXED, VARIED = "fixed", "varied"  # arms, as of the claims that were published
COSTS = ("real_steps", "synthetic_steps", "updates", "seconds")
BEARABLE = 0.9  # of what is earned beyond random actions without noise, that is left with it
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
    given = {**tables, "means": rankings(tables["curves"]), "tasks": tasks, "scale": scale}
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
    solved = {arm: n | {"share": _share_solved(n)} for arm, n in numbers["making"].items()}
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


def _share_solved(n: Numbers) -> Numbers | None:
    if "solved" not in n:
        return None
    return {"value": n["solved"], "low": n["solved_low"], "high": n["solved_high"]}


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
    """Columns task, arm, environment_seed, setting, return_, step: means over the agents of each.

    Settings are the same everywhere: agents of one have the same hyperparameters and shape.
    """
    rows = curves[curves["trial"] == RANKING]
    keys = ["task", "arm", "environment_seed"]
    ends = rows.sort_values("step", kind="stable").groupby([*keys, "draw"]).last().reset_index()
    # Without the hyperparameters that only agents of other trials have.
    drawn = ends.filter(regex="^hp_").dropna(axis=1, how="all").round(9)
    settings = drawn.apply(tuple, axis=1)
    ends = ends.assign(setting=settings.map({s: i for i, s in enumerate(dict.fromkeys(settings))}))
    groups = ends.groupby([*keys, "setting"])
    return groups.agg(return_=("return_", "mean"), step=("step", "sum")).reset_index()


def ranking(means: pd.DataFrame, section: Section) -> dict[str, Numbers]:
    """{arm: how well the order of settings agrees with that in the task}.

    spearman, kendall: mean over MDPs, each with the settings' means there; resampling MDPs, and
    settings alike for all. regret: what is lost, in the task, by the setting that is best in the
    MDP. steps: that all agents with one MDP took, real_steps those in the task.
    """
    by_arm = dict(iter(means.groupby("arm")))
    cells: dict[str, Numbers] = {}
    for arm in section["evolved"]:
        if arm not in by_arm:
            continue
        table = by_arm[arm].pivot(index="environment_seed", columns="setting", values="return_")
        returns = table.to_numpy()
        real = by_arm[REAL].set_index("setting")["return_"][table.columns].to_numpy()
        mdps, settings = returns.shape
        generator = np.random.default_rng(statistics.SEED)
        samples = []
        for _ in range(statistics.NESTED):
            rows = generator.integers(mdps, size=mdps)
            columns = generator.integers(settings, size=settings)
            samples.append(_spearman(returns[rows][:, columns], real[columns]))
        lost = real.max() - real
        cells[arm] = {
            "settings": settings,
            "mdps": mdps,
            "spearman": estimate(_spearman(returns, real), np.array(samples)),
            "kendall": float(np.nanmean([stats.kendalltau(row, real)[0] for row in returns])),
            "regret": float(lost[returns.argmax(1)].mean()),
            "regret_of_chance": float(lost.mean()),
            "steps": int(by_arm[arm]["step"].sum() / mdps),
            "real_steps": int(by_arm[REAL]["step"].sum()),
        }
    return cells


def _spearman(returns: np.ndarray, real: np.ndarray) -> float:
    """Mean over rows; one whose values are all the same agrees by no means."""
    if np.ptp(real) == 0:
        return 0.0
    in_task, ranks = stats.rankdata(real), stats.rankdata(returns, axis=1)
    each = [np.corrcoef(in_task, row)[0, 1] if np.ptp(row) > 0 else 0.0 for row in ranks]
    return float(np.mean(each))


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


def markdown(numbers: Numbers, tasks: Tasks) -> str:
    """The tables, readable on their own."""
    about = numbers["about"]
    parts = [
        "# Synthetic MDPs",
        f"Scale `{about['scale']}`: agents trained in synthetic MDPs only, or in the task, and "
        f"tested on the task. Means over agents [{about['level']:.0%} interval], which resamples "
        "MDPs, and agents within each. In the task agents stop, by the published rule, when the "
        "mean return of 10 training episodes solves it; in an MDP as is said there. `solved`: only "
        "MDPs whose search solved the task, as all published ones are. Published: Ferreira et al. "
        "2022, with larger networks and longer trainings.",
        report.claims(numbers["claims"]),
    ]
    for task, of_task in numbers["tasks"].items():
        section = tasks[task]
        parts += [f"## {section['id']}, making", _making_table(of_task["making"], task)]
        for trial, cells in of_task["trials"].items():
            agent = section["agents"][trial]
            less = of_task["varied_fixed"][trial].get(ALL)
            parts += [
                f"## {section['id']}, {agent}, {trial}",
                _training(section["training"][trial]),
                f"Return in `{VARIED}` less that in `{FIXED}`, all MDPs: {written(less)}."
                if less
                else "",
                _trial_table(cells, of_task["steps_saved"][trial], task, agent, section),
            ]
        if of_task["ranking"]:
            parts += [
                f"## {section['id']}, {RANKING} of settings",
                "Settings of hyperparameters and shapes, by the mean return of agents that have "
                "them, trained in an MDP and in the task. regret: what the setting that is best "
                "in an MDP loses in the task against the best one there, beside that of a "
                "setting by chance.",
                _ranking_table(of_task["ranking"], of_task["making"]),
            ]
        parts += [
            f"## {section['id']}, noise",
            "Return on the task after training in an MDP (the first of each arm) that is "
            "disturbed, by intensity: noise over the deviation that the quantity has in "
            f"training. bearable: up to there at least {BEARABLE:.0%} is left of what is earned "
            "beyond random actions.",
            _by_quantity(of_task["noise"], _noise_columns),
            f"## {section['id']}, distances",
            "Wasserstein distance between what the task shows in tests and what the MDP (the "
            "first of each arm) shows in training, or answers to the same states and actions; "
            "over the deviation in the task.",
            _by_quantity(of_task["distances"], _distance_columns),
        ]
    return report.document(*parts)


def _training(plan: Mapping[str, Any]) -> str:
    """How long agents train in an MDP."""
    if plan["stop"] == "never":
        return f"In an MDP they train for {plan['steps']:,} steps."
    return (
        "In an MDP they stop, by the published rule, when the mean return of 10 episodes differs "
        f"by less than 1 % from that of the 10 before, or after {plan['steps']:,} steps."
    )


def _making_table(making: Mapping[str, Numbers], task: str) -> str:
    rows = [
        {
            "arm": f"`{arm}`",
            "MDPs": n["mdps"],
            "solved": written(_share_solved(n), SHARE),
            "generations": " ".join(map(str, sorted(n.get("generations", ())))),
            **counted(n, *COSTS),
        }
        for arm, n in making.items()
    ]
    note = "Costs of one MDP: means."
    if solved_by := published.about("mdps", "solved_by", task):
        counts = ", ".join(f"{n} by generation {g}" for g, n in solved_by.items())
        searches = published.values("mdps")["searches"]
        note += f" Published: of {searches} searches with tuned settings {counts}."
    return f"{note}\n\n{table(rows)}"


def _trial_table(
    cells: Numbers, steps_saved: Numbers, task: str, agent: str, section: Section
) -> str:
    rows = []
    for arm in (REAL, *section["evolved"], *section["fitted"]):
        place = "fitted" if arm in section["fitted"] else arm
        reported = published.of_agents(task, agent, place)
        for which, n in cells.get(arm, {}).items():
            rows.append(
                {
                    "trained in": "the task" if arm == REAL else f"`{arm}`",
                    "MDPs": "" if arm == REAL else f"{n['mdps']} ({which})",
                    "agents": n["agents"],
                    "return": written(n["return"]),
                    "published": written(reported["return"]),
                    "training steps": written(n["steps"], COUNT),
                    "published ": written(reported["steps"], COUNT),
                    "fewer than in the task": written(steps_saved.get(arm, {}).get(which), SHARE),
                    "episodes": written(n["episodes"], COUNT),
                }
            )
    return table(rows)


def _ranking_table(cells: Mapping[str, Numbers], making: Mapping[str, Numbers]) -> str:
    rows = [
        {
            "arm": f"`{arm}`",
            "MDPs": n["mdps"],
            "settings": n["settings"],
            "Spearman": written(n["spearman"], ",.2f"),
            "Kendall": f"{n['kendall']:.2f}",
            "regret (chance)": f"{n['regret']:.1f} ({n['regret_of_chance']:.1f})",
            "synthetic steps": f"{n['steps']:,.0f}",
            "real steps in the task": f"{n['real_steps']:,.0f}",
            "real steps to make the MDP": f"{making[arm]['real_steps']:,.0f}",
        }
        for arm, n in cells.items()
    ]
    return table(rows)


def _by_quantity(
    cells: Mapping[str, Mapping[str, Numbers]], columns: Callable[[Numbers], dict[str, str]]
) -> str:
    rows = [
        {"arm": f"`{arm}`", "quantity": quantity, **columns(n)}
        for arm, quantities in cells.items()
        for quantity, n in quantities.items()
    ]
    return table(rows)


def _noise_columns(n: Numbers) -> dict[str, str]:
    returns = {f"at {level}": f"{value:.1f}" for level, value in n["returns"].items()}
    return {**returns, "bearable": f"{n['bearable']:g}"}


def _distance_columns(n: Numbers) -> dict[str, str]:
    return {
        "in training": written(n.get("training"), ".2f"),
        "answer": written(n.get("answer"), ".2f"),
    }
