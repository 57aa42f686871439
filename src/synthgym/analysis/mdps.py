"""Can agents learn in synthetic MDPs, faster than in the task, and others too?

As in Ferreira et al. 2022 (Fig. 2 to 4, 7, 8, and what is in their code only). Means, as published;
intervals resample MDPs, and agents within each.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
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


def summarise(scale: str, tasks: Tasks, tables: Mapping[str, pd.DataFrame]) -> Numbers:
    """{tasks: {task: making, trials, differences, ranking, noise, distances}}; and the claims."""
    summary: Numbers = {"about": {"scale": scale, "level": LEVEL}, "tasks": {}, "claims": []}
    for task, section in tasks.items():
        of_task = {name: rows[rows["task"] == task] for name, rows in tables.items()}
        making = made(section, of_task["evaluations"], of_task["progress"])
        numbers: Numbers = {"making": making, "trials": {}, "steps_saved": {}, "varied_fixed": {}}
        trials = {
            trial: of_task["curves"][of_task["curves"]["trial"] == trial]
            for trial in section["agents"]
            if trial != RANKING
        }
        for trial, rows in trials.items():
            numbers["trials"][trial] = judged(rows, section, making)
            numbers["steps_saved"][trial] = {
                arm: saved
                for arm in section["evolved"]
                if (saved := _of_each(partial(steps_saved, rows, making, arm)))
            }
            numbers["varied_fixed"][trial] = _of_each(
                partial(return_less, rows, making, VARIED, FIXED)
            )
        numbers["ranking"] = ranking(rankings(of_task["curves"]), section)
        numbers["noise"] = noise(of_task["noise"], section)
        numbers["distances"] = distances(of_task["values"])
        summary["tasks"][task] = numbers
        summary["claims"] += claimed(task, section, numbers, trials)
    return rounded(summary)


def claimed(
    task: str, section: Mapping[str, Any], numbers: Numbers, trials: Mapping[str, pd.DataFrame]
) -> list[Numbers]:
    """The claims on a task. Those on some MDPs of an arm say `which`: all, or solved."""
    measures = {
        "share_solved": partial(_solved, numbers["making"]),
        "steps_saved": partial(_saved, numbers["steps_saved"]),
        "return": partial(_returns, trials, numbers["making"], span_of(section)),
        "rank_correlation": partial(_ranks, numbers["ranking"]),
    }
    return judge(section.get("claims", ()), measures, task=task)


def _solved(making: Numbers, claim: Claim) -> Iterator[Evidence]:
    for arm, n in making.items():
        if arm in claim["of"]:
            share = {"value": n["solved"], "low": n["solved_low"], "high": n["solved_high"]}
            yield Evidence(share, SHARE, arm, note=f"of {n['mdps']} searches")


def _saved(saved: Numbers, claim: Claim) -> Iterator[Evidence]:
    for trial, arm in product(claim["trials"], claim["of"]):
        if e := saved.get(trial, {}).get(arm, {}).get(claim.get("which", ALL)):
            yield Evidence(e, SHARE, arm, note="fewer steps")


def _returns(
    trials: Mapping[str, pd.DataFrame], making: Numbers, span: float | None, claim: Claim
) -> Iterator[Evidence]:
    for trial, arm, other in product(claim["trials"], claim["of"], claim["over"]):
        if trial in trials:
            which = claim.get("which", ALL)
            if e := return_less(trials[trial], making, arm, other, which):
                yield Evidence(e, GAIN, f"{arm} less {other}", unit=span, note="return")


def _ranks(ranking_: Numbers, claim: Claim) -> Iterator[Evidence]:
    for arm, n in ranking_.items():
        if arm in claim["of"]:
            yield Evidence(n["spearman"], "+.2f", arm, note="(Spearman)")


def made(
    section: Mapping[str, Any], evaluations: pd.DataFrame, progress: pd.DataFrame
) -> dict[str, Numbers]:
    """Of each arm: how many searches solved the task, when; and costs, means over MDPs."""
    arms: dict[str, Numbers] = {}
    for arm in (*section["evolved"], *section["fitted"]):
        costs = progress[progress["arm"] == arm].groupby("seed")
        sums = costs[[*COSTS]].sum()
        arms[arm] = {"mdps": len(sums), **sums.mean().to_dict()}
        if arm in section["evolved"]:
            means = _by_generation(evaluations[evaluations["arm"] == arm])
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


def _by_generation(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Columns seed, generation, return_: the mean over the agents of an evaluation."""
    by = evaluations.groupby(["seed", "generation"], as_index=False)
    means: pd.DataFrame = by["return_"].mean()
    return means


def _chosen(arm: str, which: str, making: Mapping[str, Numbers]) -> list[int] | None:
    """The seeds of these MDPs; None where it is all of them."""
    return making.get(arm, {}).get("solved_seeds") if which == SOLVED else None


def groups(rows: pd.DataFrame, column: str, seeds: list[int] | None = None) -> list[np.ndarray]:
    """Values of finished agents, by MDP."""
    ends = rows.sort_values("step").groupby(["environment_seed", "draw"]).last().reset_index()
    return [
        of_one[column].to_numpy(float)
        for seed, of_one in ends.groupby("environment_seed")
        if seeds is None or seed in seeds
    ]


def resampled(values: list[np.ndarray]) -> tuple[float, np.ndarray]:
    """The mean; and that of resamples of MDPs, and of agents within each."""
    chosen = nested([len(of_one) for of_one in values])
    every = np.concatenate(values)
    return float(every.mean()), every[chosen].mean(1)


def judged(
    rows: pd.DataFrame, section: Mapping[str, Any], making: Mapping[str, Numbers]
) -> dict[str, dict[str, Numbers]]:
    """{arm, or real: {all, solved: mean return, training steps and episodes, with intervals}}."""
    cells: dict[str, dict[str, Numbers]] = {}
    for arm, of_arm in rows.groupby("arm", sort=False):
        evolved = arm in section["evolved"]
        for which in (ALL, SOLVED) if evolved else (ALL,):
            seeds = _chosen(str(arm), which, making) if evolved else None
            if seeds == []:
                continue
            columns = {"return": "return_", "steps": "step", "episodes": "episode"}
            numbers: Numbers = {}
            for name, column in columns.items():
                values = groups(of_arm, column, seeds)
                numbers[name] = estimate(*resampled(values))
            numbers |= {"mdps": len(values), "agents": sum(map(len, values))}
            cells.setdefault(str(arm), {})[which] = numbers
    return cells


def steps_saved(
    rows: pd.DataFrame, making: Mapping[str, Numbers], arm: str, which: str
) -> Numbers | None:
    """The share of the training steps in the task that is not needed in MDPs of an arm."""
    values = groups(rows[rows["arm"] == arm], "step", _chosen(arm, which, making))
    if not values:
        return None
    (mean, means), (real, reals) = map(
        resampled, (values, groups(rows[rows["arm"] == REAL], "step"))
    )
    # Independent groups: resamples of one go with any of the other.
    return estimate(1 - mean / real, 1 - means / reals[::-1])


def return_less(
    rows: pd.DataFrame, making: Mapping[str, Numbers], arm: str, other: str, which: str
) -> Numbers | None:
    """Mean return with MDPs of an arm less that with another's, or in the task."""
    pair = [
        groups(rows[rows["arm"] == name], "return_", _chosen(name, which, making))
        for name in (arm, other)
    ]
    if not all(pair):
        return None
    (mean, means), (less, lesses) = map(resampled, pair)
    return estimate(mean - less, means - lesses[::-1])


def _of_each(find: Callable[[str], Numbers | None]) -> dict[str, Numbers]:
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
        mine = means[means["arm"] == arm]
        if mine.empty:
            continue
        there = mine.pivot(index="environment_seed", columns="setting", values="return_")
        there = there[real.index].to_numpy()
        generator = np.random.default_rng(SEED)
        mdps, settings = there.shape
        samples = []
        for _ in range(NESTED):
            rows = generator.integers(mdps, size=mdps)
            columns = generator.integers(settings, size=settings)
            samples.append(_spearman(there[rows][:, columns], real.to_numpy()[columns]))
        value, lost = _spearman(there, real.to_numpy()), real.max() - real.to_numpy()
        cells[arm] = {
            "settings": settings,
            "mdps": mdps,
            "spearman": estimate(value, np.array(samples)),
            "kendall": float(np.nanmean([stats.kendalltau(row, real)[0] for row in there])),
            "regret": float(lost[there.argmax(1)].mean()),
            "regret_of_chance": float(lost.mean()),
            "steps": int(mine["step"].sum() / mdps),
            "real_steps": real_steps,
        }
    return cells


def _spearman(there: np.ndarray, real: np.ndarray) -> float:
    """Mean over rows; one whose values are all the same agrees by no means."""
    ranks = [stats.rankdata(real), *(stats.rankdata(row) for row in there)]
    if np.ptp(ranks[0]) == 0:
        return 0.0
    each = [np.corrcoef(ranks[0], row)[0, 1] if np.ptp(row) > 0 else 0.0 for row in ranks[1:]]
    return float(np.mean(each))


def noise(rows: pd.DataFrame, section: Mapping[str, Any]) -> dict[str, dict[str, Numbers]]:
    """{arm: {quantity: mean return by intensity, and the largest one that is bearable}}."""
    random = section["reference"]["random"]
    cells: dict[str, dict[str, Numbers]] = {}
    for (arm, quantity), mine in rows.groupby(["arm", "quantity"], sort=False):
        returns = mine.groupby("intensity")["return_"].mean()
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
    for (arm, quantity), mine in values.groupby(["arm", "quantity"], sort=False):
        of_source = {name: rows["value"].to_numpy() for name, rows in mine.groupby("source")}
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
            _noise_table(of_task["noise"]),
            f"## {section['id']}, distances",
            "Wasserstein distance between what the task shows in tests and what the MDP (the "
            "first of each arm) shows in training, or answers to the same states and actions; "
            "over the deviation in the task.",
            _distance_table(of_task["distances"]),
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
            low, high = n["solved_low"], n["solved_high"]
            row["solved"] = f"{n['solved']:.0%} [{low:.0%}, {high:.0%}]"
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


def _noise_table(cells: Mapping[str, Mapping[str, Numbers]]) -> str:
    rows = [
        {
            "arm": f"`{arm}`",
            "quantity": quantity,
            **{f"at {level}": f"{value:.1f}" for level, value in n["returns"].items()},
            "bearable": f"{n['bearable']:g}",
        }
        for arm, quantities in cells.items()
        for quantity, n in quantities.items()
    ]
    return table(rows)


def _distance_table(cells: Mapping[str, Mapping[str, Numbers]]) -> str:
    rows = [
        {
            "arm": f"`{arm}`",
            "quantity": quantity,
            "in training": f"{n.get('training', float('nan')):.2f}",
            "answer": f"{n['answer']:.2f}" if "answer" in n else "",
        }
        for arm, quantities in cells.items()
        for quantity, n in quantities.items()
    ]
    return table(rows)
