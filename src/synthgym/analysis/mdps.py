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
from synthgym.analysis.core.estimate import (
    COUNT,
    GAIN,
    SHARE,
    Numbers,
    counted,
    estimate,
    number,
    rounded,
    written,
)
from synthgym.analysis.core.report import claims, document, write
from synthgym.analysis.core.statistics import LEVEL, NESTED, SEED, fraction_interval, nested
from synthgym.analysis.core.tables import REAL, read, table
from synthgym.analysis.core.verdict import Claim, Evidence, judge, span_of
from synthgym.analysis.figures import mdps as figures
from synthgym.analysis.figures.common import draw

Tasks = Mapping[str, Mapping[str, Any]]
RANKING = "ranking"  # the trial in which settings are ranked
ALL, SOLVED = "all", "solved"  # MDPs of an arm: every one, or those in which the search got there
FIXED, VARIED = "fixed", "varied"  # arms, as of the claims that were published
COSTS = ("real_steps", "synthetic_steps", "updates", "seconds")
BEARABLE = 0.9  # of what is earned beyond random actions without noise, that is left with it


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md, and the figures into `out`.

    config: `scale` and `mdp_tasks` ({task config name: its section, and what is planned}).
    """
    scale, tasks = config["scale"], config["mdp_tasks"]

    def both(*kinds: str) -> pd.DataFrame:
        paths = [path for kind in kinds for path in inputs.get(kind, ())]
        return read(paths, "arm", "seed", "trial", task="experiment")

    tables = {name: both(name) for name in ("evaluations", "values", "noise")}
    tables |= {name: both(name, f"real_{name}") for name in ("curves", "episodes")}
    tables["progress"] = both("progress", "model_progress")
    numbers = summarise(scale, tasks, tables)
    drawn = draw(
        "mdp_report",
        vars(figures),
        **tables,
        means=rankings(tables["curves"]),
        numbers=numbers,
        tasks=tasks,
        scale=scale,
    )
    return write(out, numbers, markdown(numbers, tasks), drawn)


@dataclass(frozen=True)
class Study:
    """Finished agents of one trial, by the arm in whose MDPs they were trained, or REAL."""

    ends: pd.DataFrame
    solved: Mapping[str, list[int]]  # arm -> the MDPs in which the search got there

    @classmethod
    def of(cls, curves: pd.DataFrame, making: Mapping[str, Numbers]) -> "Study":
        keys = ["arm", "environment_seed", "draw"]
        ends = [
            rows.sort_values("step").groupby(keys).last().reset_index()
            for _, rows in curves.groupby("arm", sort=False)
        ]
        return cls(
            pd.concat(ends), {arm: n["solved_seeds"] for arm, n in making.items() if "solved" in n}
        )

    def groups(self, arm: str, column: str, which: str = ALL) -> list[np.ndarray]:
        """Values of a column, by MDP; none where there is no such MDP."""
        rows = self.ends[self.ends["arm"] == arm]
        if which == SOLVED and arm in self.solved:
            rows = rows[rows["environment_seed"].isin(self.solved[arm])]
        return [of_one[column].to_numpy(float) for _, of_one in rows.groupby("environment_seed")]

    def mean(self, arm: str, column: str, which: str = ALL) -> tuple[float, np.ndarray] | None:
        """The mean; and that of resamples of MDPs, and of agents within each."""
        if not (values := self.groups(arm, column, which)):
            return None
        every = np.concatenate(values)
        return float(every.mean()), every[nested([len(of_one) for of_one in values])].mean(1)

    def judged(self, arm: str, which: str) -> Numbers | None:
        """Mean return, training steps and episodes, with intervals."""
        values = self.groups(arm, "return_", which)
        if not values or (which == SOLVED and arm not in self.solved):
            return None
        columns = {"return": "return_", "steps": "step", "episodes": "episode"}
        means = {name: self.mean(arm, column, which) for name, column in columns.items()}
        numbers = {name: estimate(*mean) for name, mean in means.items() if mean}
        return {**numbers, "mdps": len(values), "agents": sum(map(len, values))}

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
    summary: Numbers = {"about": {"scale": scale, "level": LEVEL}, "tasks": {}, "claims": []}
    for task, section in tasks.items():
        of_task = {name: rows[rows["task"] == task] for name, rows in tables.items()}
        making = made(section, of_task["evaluations"], of_task["progress"])
        numbers: Numbers = {"making": making, "trials": {}, "steps_saved": {}, "varied_fixed": {}}
        studies = {
            str(trial): Study.of(rows, making)
            for trial, rows in of_task["curves"].groupby("trial", sort=False)
            if trial != RANKING
        }
        for trial in section["agents"]:
            if study := studies.get(trial):
                arms = study.ends["arm"].unique()
                found = {str(arm): _each(partial(study.judged, arm)) for arm in arms}
                numbers["trials"][trial] = found
                saved = {arm: _each(partial(study.steps_saved, arm)) for arm in section["evolved"]}
                numbers["steps_saved"][trial] = {arm: e for arm, e in saved.items() if e}
                less = _each(partial(study.return_less, VARIED, FIXED))
                numbers["varied_fixed"][trial] = less
        numbers["ranking"] = ranking(rankings(of_task["curves"]), section)
        numbers["noise"] = noise(of_task["noise"], section)
        numbers["distances"] = distances(of_task["values"])
        summary["tasks"][task] = numbers
        summary["claims"] += claimed(task, section, numbers, studies)
    return rounded(summary)


def claimed(
    task: str, section: Mapping[str, Any], numbers: Numbers, studies: Mapping[str, Study]
) -> list[Numbers]:
    """The claims on a task. Those on some MDPs of an arm say `which`: all, or solved."""
    measures = {
        "share_solved": partial(_solved, numbers["making"]),
        "steps_saved": partial(_saved, numbers["steps_saved"]),
        "return": partial(_returns, studies, span_of(section)),
        "rank_correlation": partial(_ranks, numbers["ranking"]),
    }
    return judge(section.get("claims", ()), measures, task=task)


def _solved(making: Numbers, claim: Claim) -> Iterator[Evidence]:
    for arm, n in making.items():
        if arm in claim["of"] and "solved" in n:
            yield Evidence(_share_solved(n), SHARE, arm, note=f"of {n['mdps']} searches")


def _share_solved(n: Numbers) -> Numbers:
    return {"value": n["solved"], "low": n["solved_low"], "high": n["solved_high"]}


def _saved(saved: Numbers, claim: Claim) -> Iterator[Evidence]:
    for trial, arm in product(claim["trials"], claim["of"]):
        if e := saved.get(trial, {}).get(arm, {}).get(claim.get("which", ALL)):
            yield Evidence(e, SHARE, arm, note="fewer steps")


def _returns(studies: Mapping[str, Study], span: float | None, claim: Claim) -> Iterator[Evidence]:
    for trial, arm, other in product(claim["trials"], claim["of"], claim["over"]):
        study, which = studies.get(trial), claim.get("which", ALL)
        if study and (e := study.return_less(arm, other, which)):
            yield Evidence(e, GAIN, f"{arm} less {other}", unit=span, note="return")


def _ranks(ranking_: Numbers, claim: Claim) -> Iterator[Evidence]:
    for arm, n in ranking_.items():
        if arm in claim["of"]:
            yield Evidence(n["spearman"], "+.2f", arm, note="(Spearman)")


def made(
    section: Mapping[str, Any], evaluations: pd.DataFrame, progress: pd.DataFrame
) -> dict[str, Numbers]:
    """Searches that solved the task, and when, by arm; and costs, means over MDPs."""
    arms: dict[str, Numbers] = {}
    for arm in (*section["evolved"], *section["fitted"]):
        costs = progress[progress["arm"] == arm].groupby("seed")
        sums = costs[[*COSTS]].sum()
        arms[arm] = {"mdps": len(sums), **sums.mean().to_dict()}
        if arm in section["evolved"]:
            rows = evaluations[evaluations["arm"] == arm]
            means = rows.groupby(["seed", "generation"], as_index=False)["return_"].mean()
            ends = means.groupby("seed").last()
            solved = ends.index[ends["return_"] >= section["solved"]].tolist()
            low, high = fraction_interval(len(solved), len(ends))
            arms[arm] |= {
                "solved": len(solved) / len(ends),
                "solved_low": low,
                "solved_high": high,
                "solved_seeds": solved,
                "generations": means.groupby("seed")["generation"].max().tolist(),
                "last_return": ends["return_"].tolist(),
            }
    return arms


def _each(find: Callable[[str], Numbers | None]) -> dict[str, Numbers]:
    """{all, solved: what is found of these MDPs}, where there are any."""
    return {which: numbers for which in (ALL, SOLVED) if (numbers := find(which))}


def rankings(curves: pd.DataFrame) -> pd.DataFrame:
    """Columns task, arm, environment_seed, setting, return_, step: means over the agents of each.

    Settings are the same everywhere: agents of one have the same hyperparameters and shape.
    """
    rows = curves[curves["trial"] == RANKING]
    keys = ["task", "arm", "environment_seed"]
    ends = rows.sort_values("step").groupby([*keys, "draw"]).last().reset_index()
    # Without the hyperparameters that only agents of other trials have.
    drawn = ends.filter(regex="^hp_").dropna(axis=1, how="all").round(9)
    settings = drawn.apply(tuple, axis=1)
    ends = ends.assign(setting=settings.map({s: i for i, s in enumerate(dict.fromkeys(settings))}))
    means: pd.DataFrame = ends.groupby([*keys, "setting"], as_index=False).agg(
        return_=("return_", "mean"), step=("step", "sum")
    )
    return means


def ranking(means: pd.DataFrame, section: Mapping[str, Any]) -> dict[str, Numbers]:
    """{arm: how well the order of settings agrees with that in the task}.

    spearman, kendall: mean over MDPs, each with the settings' means there; resampling MDPs, and
    settings alike for all. regret: what is lost, in the task, by the setting that is best in the
    MDP. steps: that all agents with one MDP took, real_steps those in the task.
    """
    if means.empty:
        return {}
    real = means[means["arm"] == REAL].set_index("setting")["return_"].sort_index()
    real_steps = int(means.loc[means["arm"] == REAL, "step"].sum())
    cells: dict[str, Numbers] = {}
    for arm in section["evolved"]:
        rows_of_arm = means[means["arm"] == arm]
        if rows_of_arm.empty:
            continue
        returns = rows_of_arm.pivot(index="environment_seed", columns="setting", values="return_")
        returns = returns[real.index].to_numpy()
        generator = np.random.default_rng(SEED)
        mdps, settings = returns.shape
        samples = []
        for _ in range(NESTED):
            rows = generator.integers(mdps, size=mdps)
            columns = generator.integers(settings, size=settings)
            samples.append(_spearman(returns[rows][:, columns], real.to_numpy()[columns]))
        value, lost = _spearman(returns, real.to_numpy()), real.max() - real.to_numpy()
        cells[arm] = {
            "settings": settings,
            "mdps": mdps,
            "spearman": estimate(value, np.array(samples)),
            "kendall": float(np.nanmean([stats.kendalltau(row, real)[0] for row in returns])),
            "regret": float(lost[returns.argmax(1)].mean()),
            "regret_of_chance": float(lost.mean()),
            "steps": int(rows_of_arm["step"].sum() / mdps),
            "real_steps": real_steps,
        }
    return cells


def _spearman(returns: np.ndarray, real: np.ndarray) -> float:
    """Mean over rows; one whose values are all the same agrees by no means."""
    ranks = [stats.rankdata(real), *(stats.rankdata(row) for row in returns)]
    if np.ptp(ranks[0]) == 0:
        return 0.0
    each = [np.corrcoef(ranks[0], row)[0, 1] if np.ptp(row) > 0 else 0.0 for row in ranks[1:]]
    return float(np.mean(each))


def noise(rows: pd.DataFrame, section: Mapping[str, Any]) -> dict[str, dict[str, Numbers]]:
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
        claims(numbers["claims"]),
    ]
    for task, of_task in numbers["tasks"].items():
        section = tasks[task]
        parts += [f"## {section['id']}, making", _making_table(of_task["making"], task)]
        for trial, cells in of_task["trials"].items():
            agent = section["agents"][trial]
            parts.append(f"## {section['id']}, {agent}, {trial}")
            parts.append(_training(section["training"][trial]))
            parts.append(_trial_table(cells, of_task, task, agent, trial, section))
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
    return document(*parts)


def _training(plan: Mapping[str, Any]) -> str:
    """How long agents train in an MDP."""
    if plan["stop"] == "never":
        return f"In an MDP they train for {plan['steps']:,} steps."
    return (
        "In an MDP they stop, by the published rule, when the mean return of 10 episodes differs "
        f"by less than 1 % from that of the 10 before, or after {plan['steps']:,} steps."
    )


def _making_table(making: Mapping[str, Numbers], task: str) -> str:
    rows = []
    for arm, n in making.items():
        row = {"arm": f"`{arm}`", "MDPs": n["mdps"], "solved": "", "generations": ""}
        if "solved" in n:
            row["solved"] = written(_share_solved(n), SHARE)
            row["generations"] = " ".join(str(g) for g in sorted(n["generations"]))
        rows.append(row | counted(n, *COSTS))
    solved_by = published.about("mdps", "solved_by", task)
    note = "Costs of one MDP: means."
    if solved_by:
        counts = ", ".join(f"{n} by generation {g}" for g, n in solved_by.items())
        searches = published.values("mdps")["searches"]
        note += f" Published: of {searches} searches with tuned settings {counts}."
    return f"{note}\n\n{table(rows)}"


def _trial_table(
    cells: Mapping[str, Mapping[str, Numbers]],
    of_task: Numbers,
    task: str,
    agent: str,
    trial: str,
    section: Mapping[str, Any],
) -> str:
    rows = []
    for arm in (REAL, *section["evolved"], *section["fitted"]):
        for which, n in cells.get(arm, {}).items():
            place = "fitted" if arm in section["fitted"] else arm
            reported = published.of_agents(task, agent, place)
            saved = of_task["steps_saved"][trial].get(arm, {}).get(which)
            rows.append(
                {
                    "trained in": "the task" if arm == REAL else f"`{arm}`",
                    "MDPs": "" if arm == REAL else f"{n['mdps']} ({which})",
                    "agents": n["agents"],
                    "return": written(n["return"]),
                    "published": number(reported["return"], empty=""),
                    "training steps": written(n["steps"], COUNT),
                    "published ": number(reported["steps"], COUNT, empty=""),
                    "fewer than in the task": written(saved, SHARE),
                    "episodes": written(n["episodes"], COUNT),
                }
            )
    text = table(rows)
    if difference := of_task["varied_fixed"][trial].get(ALL):
        value = written(difference)
        text = f"Return in `{VARIED}` less that in `{FIXED}`, all MDPs: {value}.\n\n{text}"
    return text


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
    return table(
        [
            {"arm": f"`{arm}`", "quantity": quantity, **columns(n)}
            for arm, quantities in cells.items()
            for quantity, n in quantities.items()
        ]
    )


def _noise_columns(n: Numbers) -> dict[str, str]:
    returns = {f"at {level}": f"{value:.1f}" for level, value in n["returns"].items()}
    return {**returns, "bearable": f"{n['bearable']:g}"}


def _distance_columns(n: Numbers) -> dict[str, str]:
    columns = {"in training": "training", "answer": "answer"}
    return {name: number(n.get(key), ".2f", empty="") for name, key in columns.items()}
