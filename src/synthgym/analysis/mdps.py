"""Can agents learn in synthetic MDPs, faster than in the task, and others too? Numbers, verdicts.

As in Ferreira et al. 2022 (Fig. 2 to 4, 7, 8, and what is in their code only). Means, as published;
intervals resample MDPs, and agents within each.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from tabulate import tabulate

from synthgym.analysis import published_mdps as published
from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import Numbers, estimate, rounded
from synthgym.analysis.core.statistics import LEVEL, SEED, fraction_interval, nested
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures import mdps as figures
from synthgym.analysis.figures.common import draw
from synthgym.core.io import read_table
from synthgym.plan.mdp_plan import RANKING

Tasks = Mapping[str, Mapping[str, Any]]
ALL, SOLVED = "all", "solved"  # MDPs of an arm: every one, or those in which the search got there
FIXED, VARIED = "fixed", "varied"  # arms, as of the claims that were published
BEARABLE = 0.9  # of what is earned beyond random actions without noise, that is left with it


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md, and the figures into `out`.

    config: `scale` and `mdp_tasks` ({task config name: its section, and what is planned}).
    """
    scale, tasks = config["scale"], config["mdp_tasks"]
    tables = {name: _read(paths) for name, paths in inputs.items() if list(paths)}
    found = {
        "curves": pd.concat([tables["curves"], tables["real_curves"]], ignore_index=True),
        "episodes": pd.concat([tables["episodes"], tables["real_episodes"]], ignore_index=True),
        "evaluations": tables["evaluations"],
        "values": tables["values"],
        "noise": tables["noise"],
    }
    costs = [tables[name] for name in ("progress", "model_progress") if name in tables]
    numbers = rounded(summarise(scale, tasks, found, pd.concat(costs, ignore_index=True)))
    drawn = draw(
        "mdp_report",
        vars(figures),
        **{name: found[name] for name in ("evaluations", "episodes", "values", "noise")},
        means=rankings(found["curves"]),
        numbers=numbers,
        tasks=tasks,
        scale=scale,
    )
    return report.write(out, numbers, markdown(numbers, tasks), drawn)


def _read(paths: Iterable[Path]) -> pd.DataFrame:
    """Tables of mdps/<task>/<arm>/...: with columns task, arm; of MDPs seed, of studies trial."""
    tables = []
    for path in sorted(paths):
        parts = path.parts[path.parts.index("mdps") + 1 : -1]
        about: dict[str, Any] = {"task": parts[0], "arm": parts[1]}
        if parts[2].startswith("seed"):
            about["seed"] = int(parts[2].removeprefix("seed"))
        elif parts[1] == REAL or parts[2] == "transfer":
            about["trial"] = parts[-1]
        tables.append(read_table(path).assign(**about))
    return pd.concat(tables, ignore_index=True)


def summarise(
    scale: str, tasks: Tasks, found: Mapping[str, pd.DataFrame], progress: pd.DataFrame
) -> Numbers:
    """Of each task: making, trials, differences, ranking, noise, distances; and the claims."""
    summary: Numbers = {"about": {"scale": scale, "level": LEVEL}, "tasks": {}}
    for task, section in tasks.items():
        mine = {name: table[table["task"] == task] for name, table in found.items()}
        making = made(section, mine["evaluations"], progress[progress["task"] == task])
        numbers: Numbers = {"making": making, "trials": {}, "steps_saved": {}, "varied_fixed": {}}
        for trial in (name for name in section["agents"] if name != RANKING):
            rows = mine["curves"][mine["curves"]["trial"] == trial]
            numbers["trials"][trial] = judged(rows, section, making)
            numbers["steps_saved"][trial] = steps_saved(rows, section, making)
            numbers["varied_fixed"][trial] = varied_less_fixed(rows, making)
        numbers["ranking"] = ranking(rankings(mine["curves"]), section)
        numbers["noise"] = noise(mine["noise"], section)
        numbers["distances"] = distances(mine["values"])
        summary["tasks"][task] = numbers
    summary["claims"] = claims(summary["tasks"], tasks)
    return summary


def made(
    section: Mapping[str, Any], evaluations: pd.DataFrame, progress: pd.DataFrame
) -> dict[str, Numbers]:
    """Of each arm: how many searches solved the task, when; and costs, means over MDPs."""
    arms: dict[str, Numbers] = {}
    for arm in (*section["evolved"], *section["fitted"]):
        costs = progress[progress["arm"] == arm].groupby("seed")
        sums = costs[["seconds", "real_steps", "synthetic_steps", "updates"]].sum()
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
    return making[arm].get("solved_seeds") if which == SOLVED else None


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
    table: dict[str, dict[str, Numbers]] = {}
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
            table.setdefault(str(arm), {})[which] = numbers
    return table


def steps_saved(
    rows: pd.DataFrame, section: Mapping[str, Any], making: Mapping[str, Numbers]
) -> dict[str, dict[str, Numbers]]:
    """{arm: {all, solved: share of the training steps in the task that is not needed there}}."""
    real, reals = resampled(groups(rows[rows["arm"] == REAL], "step"))
    saved: dict[str, dict[str, Numbers]] = {}
    for arm in section["evolved"]:
        for which in (ALL, SOLVED):
            values = groups(rows[rows["arm"] == arm], "step", _chosen(arm, which, making))
            if values:
                mean, means = resampled(values)
                # Independent groups: resamples of one go with any of the other.
                shares = estimate(1 - mean / real, 1 - means / reals[::-1])
                saved.setdefault(arm, {})[which] = shares
    return saved


def varied_less_fixed(rows: pd.DataFrame, making: Mapping[str, Numbers]) -> dict[str, Numbers]:
    """{all, solved: mean return with MDPs of the one arm less that with the other's}."""
    table: dict[str, Numbers] = {}
    if not {FIXED, VARIED} <= making.keys():
        return table
    for which in (ALL, SOLVED):
        pair = [
            groups(rows[rows["arm"] == arm], "return_", _chosen(arm, which, making))
            for arm in (VARIED, FIXED)
        ]
        if all(pair):
            (varied, varieds), (fixed, fixeds) = map(resampled, pair)
            table[which] = estimate(varied - fixed, varieds - fixeds[::-1])
    return table


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
    table: dict[str, Numbers] = {}
    for arm in section["evolved"]:
        mine = means[means["arm"] == arm]
        if mine.empty:
            continue
        there = mine.pivot(index="environment_seed", columns="setting", values="return_")
        there = there[real.index].to_numpy()
        generator = np.random.default_rng(SEED)
        mdps, settings = there.shape
        samples = []
        for _ in range(500):
            rows = generator.integers(mdps, size=mdps)
            columns = generator.integers(settings, size=settings)
            samples.append(_spearman(there[rows][:, columns], real.to_numpy()[columns]))
        value, lost = _spearman(there, real.to_numpy()), real.max() - real.to_numpy()
        table[arm] = {
            "settings": settings,
            "mdps": mdps,
            "spearman": estimate(value, np.array(samples)),
            "kendall": float(np.nanmean([stats.kendalltau(row, real)[0] for row in there])),
            "regret": float(lost[there.argmax(1)].mean()),
            "regret_of_chance": float(lost.mean()),
            "steps": int(mine["step"].sum() / mdps),
            "real_steps": real_steps,
        }
    return table


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
    table: dict[str, dict[str, Numbers]] = {}
    for (arm, quantity), mine in rows.groupby(["arm", "quantity"], sort=False):
        returns = mine.groupby("intensity")["return_"].mean()
        enough = random + BEARABLE * (returns.loc[0.0] - random)
        bad = returns.index[returns < enough]
        fine = returns.index[returns.index < bad.min()] if len(bad) else returns.index
        table.setdefault(str(arm), {})[str(quantity)] = {
            "returns": {f"{level:g}": value for level, value in returns.items()},
            "bearable": float(fine.max()),
        }
    return table


def distances(values: pd.DataFrame) -> dict[str, dict[str, Numbers]]:
    """{arm: {quantity: Wasserstein distances from what the task shows, over its deviation there}}.

    training: of what agents see in training; answer: of what the MDP answers to the states and
    actions of the test.
    """
    table: dict[str, dict[str, Numbers]] = {}
    for (arm, quantity), mine in values.groupby(["arm", "quantity"], sort=False):
        of_source = {name: rows["value"].to_numpy() for name, rows in mine.groupby("source")}
        real = of_source["real_test"]
        scale = float(real.std())
        numbers = {}
        for name, source in (("training", "synthetic_training"), ("answer", "synthetic_on_real")):
            if source in of_source:
                distance = stats.wasserstein_distance(of_source[source], real)
                numbers[name] = float(distance / scale) if scale > 1e-9 else float(distance)
        table.setdefault(str(arm), {})[str(quantity)] = numbers
    return table


def claims(tasks: Mapping[str, Numbers], sections: Tasks) -> list[Numbers]:
    """What was published of CartPole and Acrobot: does it hold here?"""
    found = []
    for task, numbers in tasks.items():
        for claim, verdict, here in _verdicts(task, numbers, sections[task]):
            found.append({"task": task, "claim": claim, "verdict": verdict, "here": here})
    return found


def _verdicts(
    task: str, numbers: Numbers, section: Mapping[str, Any]
) -> Iterable[tuple[str, str, str]]:
    making = numbers["making"]
    for arm in section["evolved"]:
        share, mdps = making[arm]["solved"], making[arm]["mdps"]
        low, high = making[arm]["solved_low"], making[arm]["solved_high"]
        yield (
            f"Such MDPs can be evolved ({arm})",
            "holds" if share == 1 else "in part" if share > 0 else "does not hold",
            f"{share:.0%} of {mdps} searches [{low:.0%}, {high:.0%}]",
        )
    for trial, agent in section["agents"].items():
        theirs, real = (published.of(task, agent, place) for place in (VARIED, REAL))
        saved = numbers["steps_saved"].get(trial, {}).get(VARIED, {}).get(SOLVED)
        if trial == RANKING or not saved or not theirs.steps or not real.steps:
            continue
        share = 1 - theirs.steps / real.steps
        more_or_fewer = f"{share:.0%} fewer" if share > 0 else "more"
        better = saved["value"] >= share if share > 0 else saved["value"] <= 0
        sure = saved["low"] >= share if share > 0 else saved["high"] <= 0
        there = numbers["trials"][trial][VARIED][SOLVED]["return"]
        here = numbers["trials"][trial][REAL][ALL]["return"]
        verdict = (
            "holds" if sure else "in part" if better or saved["value"] > 0 else "does not hold"
        )
        if there["high"] < here["low"]:  # then steps say nothing
            verdict = "does not hold"
        yield (
            f"{agent} needs {more_or_fewer} steps for the same return",
            verdict,
            f"{saved['value']:.0%} [{saved['low']:.0%}, {saved['high']:.0%}]; return "
            f"{there['value']:.1f}, in the task {here['value']:.1f}",
        )
    for trial, table in numbers["varied_fixed"].items():
        if difference := table.get(ALL):
            yield (
                f"Varied settings make better MDPs than fixed ones for {section['agents'][trial]}",
                _sign(difference),
                f"return {difference['value']:+.1f} "
                f"[{difference['low']:+.1f}, {difference['high']:+.1f}]",
            )
    for arm, table in numbers["ranking"].items():
        value = table["spearman"]
        yield (
            f"Settings that are better in the task are better in the MDP ({arm})",
            _sign(value),
            f"Spearman {value['value']:.2f} [{value['low']:.2f}, {value['high']:.2f}]",
        )


def _sign(e: Mapping[str, float]) -> str:
    return "holds" if e["low"] > 0 else "does not hold" if e["high"] < 0 else "within chance"


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
        "## Claims",
        tabulate(numbers["claims"], headers="keys", tablefmt="pipe", disable_numparse=True),
    ]
    for task, mine in numbers["tasks"].items():
        section = tasks[task]
        parts += [f"## {section['id']}, making", _making_table(mine["making"], task)]
        for trial, table in mine["trials"].items():
            agent = section["agents"][trial]
            parts.append(f"## {section['id']}, {agent}, {trial}")
            parts.append(_training(section["training"][trial]))
            parts.append(_trial_table(table, mine, task, agent, trial, section))
        if mine["ranking"]:
            parts += [
                f"## {section['id']}, {RANKING} of settings",
                "Settings of hyperparameters and shapes, by the mean return of agents that have "
                "them, trained in an MDP and in the task. regret: what the setting that is best "
                "in an MDP loses in the task against the best one there, beside that of a "
                "setting by chance.",
                _ranking_table(mine["ranking"], mine["making"]),
            ]
        parts += [
            f"## {section['id']}, noise",
            "Return on the task after training in an MDP (the first of each arm) that is "
            "disturbed, by intensity: noise over the deviation that the quantity has in "
            f"training. bearable: up to there at least {BEARABLE:.0%} is left of what is earned "
            "beyond random actions.",
            _noise_table(mine["noise"]),
            f"## {section['id']}, distances",
            "Wasserstein distance between what the task shows in tests and what the MDP (the "
            "first of each arm) shows in training, or answers to the same states and actions; "
            "over the deviation in the task.",
            _distance_table(mine["distances"]),
        ]
    return "\n\n".join(parts) + "\n"


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
        row |= {
            "real steps": f"{n['real_steps']:,.0f}",
            "synthetic steps": f"{n['synthetic_steps']:,.0f}",
            "updates": f"{n['updates']:,.0f}",
            "seconds": f"{n['seconds']:,.0f}",
        }
        rows.append(row)
    by = published.SOLVED_BY.get(task, {})
    said = ", ".join(f"{n} by generation {g}" for g, n in by.items())
    table = tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)
    note = "Costs of one MDP: means."
    if said:
        note += f" Published: of {published.RUNS} searches with tuned settings {said}."
    return f"{note}\n\n{table}"


def _trial_table(
    table: Mapping[str, Mapping[str, Numbers]],
    mine: Numbers,
    task: str,
    agent: str,
    trial: str,
    section: Mapping[str, Any],
) -> str:
    rows = []
    for arm in (REAL, *section["evolved"], *section["fitted"]):
        for which, n in table.get(arm, {}).items():
            place = "fitted" if arm in section["fitted"] else arm
            theirs = published.of(task, agent, place)
            saved = mine["steps_saved"][trial].get(arm, {}).get(which)
            rows.append(
                {
                    "trained in": "the task" if arm == REAL else f"`{arm}`",
                    "MDPs": "" if arm == REAL else f"{n['mdps']} ({which})",
                    "agents": n["agents"],
                    "return": _with_interval(n["return"], 1),
                    "published": "" if theirs.return_ is None else f"{theirs.return_:.1f}",
                    "training steps": _with_interval(n["steps"], 0),
                    "published ": "" if theirs.steps is None else f"{theirs.steps:,.0f}",
                    "fewer than in the task": "" if saved is None else _percent(saved),
                    "episodes": _with_interval(n["episodes"], 0),
                }
            )
    text = tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)
    if difference := mine["varied_fixed"][trial].get(ALL):
        value = _with_interval(difference, 1)
        text = f"Return in `{VARIED}` less that in `{FIXED}`, all MDPs: {value}.\n\n{text}"
    return text


def _ranking_table(table: Mapping[str, Numbers], making: Mapping[str, Numbers]) -> str:
    rows = [
        {
            "arm": f"`{arm}`",
            "MDPs": n["mdps"],
            "settings": n["settings"],
            "Spearman": _with_interval(n["spearman"], 2),
            "Kendall": f"{n['kendall']:.2f}",
            "regret (chance)": f"{n['regret']:.1f} ({n['regret_of_chance']:.1f})",
            "synthetic steps": f"{n['steps']:,.0f}",
            "real steps in the task": f"{n['real_steps']:,.0f}",
            "real steps to make the MDP": f"{making[arm]['real_steps']:,.0f}",
        }
        for arm, n in table.items()
    ]
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


def _noise_table(table: Mapping[str, Mapping[str, Numbers]]) -> str:
    rows = [
        {
            "arm": f"`{arm}`",
            "quantity": quantity,
            **{f"at {level}": f"{value:.1f}" for level, value in n["returns"].items()},
            "bearable": f"{n['bearable']:g}",
        }
        for arm, quantities in table.items()
        for quantity, n in quantities.items()
    ]
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


def _distance_table(table: Mapping[str, Mapping[str, Numbers]]) -> str:
    rows = [
        {
            "arm": f"`{arm}`",
            "quantity": quantity,
            "in training": f"{n.get('training', float('nan')):.2f}",
            "answer": f"{n['answer']:.2f}" if "answer" in n else "",
        }
        for arm, quantities in table.items()
        for quantity, n in quantities.items()
    ]
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


def _with_interval(e: Mapping[str, float], digits: int) -> str:
    return f"{e['value']:,.{digits}f} [{e['low']:,.{digits}f}, {e['high']:,.{digits}f}]"


def _percent(e: Mapping[str, float]) -> str:
    return f"{e['value']:.0%} [{e['low']:.0%}, {e['high']:.0%}]"
