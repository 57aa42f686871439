"""Does it matter how an environment is made, or who is trained in it? Numbers and verdicts.

After Liesen et al. 2024 (inner loop, bandits or MDPs, what is unseen, curriculum, latent
distribution, population), of whose experiments no numbers are known, and beyond them. A verdict is
on a claim that stands in the plan.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from synthgym.analysis.core import report
from synthgym.analysis.core import verdict as verdicts
from synthgym.analysis.core.estimate import Numbers, estimate, rounded
from synthgym.analysis.core.statistics import LEVEL, SEED, interquartile_mean
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures import comparisons as figures
from synthgym.analysis.figures.common import draw
from synthgym.core.io import read_table

Comparisons = Mapping[str, Mapping[str, Any]]
Cell = tuple[str, str]  # arm, trial
RESAMPLES = 2_000
COSTS = ("seconds", "real_steps", "synthetic_steps", "updates")
EPISODES, ONE_STEP = "synthetic_episodes", "one_step_episodes"  # in the training of candidates
MOST = 0.8  # of the episodes, as published
LATE = 0.2  # share of the generations, at the beginning and at the end, in which these are counted


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md, and a figure of each comparison into `out`.

    config: `scale` and `comparisons` ({name: question, task, arms, trials, claims}).
    """
    scale, comparisons = config["scale"], config["comparisons"]
    names = ("progress", "plan_progress", "evaluations", "curves", "real_curves")
    tables = {name: read(inputs.get(name, ()), comparisons) for name in names}
    curves = pd.concat([tables["curves"], tables["real_curves"]], ignore_index=True)
    progress = pd.concat([tables["progress"], tables["plan_progress"]], ignore_index=True)
    numbers = rounded(summarise(scale, comparisons, curves, progress))
    drawn = draw(
        "comparison_report",
        vars(figures),
        comparisons=comparisons,
        numbers=numbers,
        evaluations=tables["evaluations"],
        progress=progress,
        scale=scale,
    )
    return report.write(out, numbers, markdown(numbers, comparisons), drawn)


def read(paths: Iterable[Path], comparisons: Comparisons) -> pd.DataFrame:
    """Tables, with columns comparison, arm; of environments seed, of studies trial.

    A table of an environment of the plan is there once for each comparison that takes part of it.
    """
    tables = []
    for path in sorted(paths):
        table, parts = read_table(path), path.parts
        if "comparisons" in parts:
            at = parts.index("comparisons")
            name, arm, below = parts[at + 1 : at + 4]
            about: dict[str, Any] = {"comparison": name, "arm": arm}
            if below.startswith("seed"):
                about["seed"] = int(below.removeprefix("seed"))
            else:
                about["trial"] = parts[-2]
            tables.append(table.assign(**about))
            continue
        task, arm, seed = parts[parts.index("tasks") + 1 :][:3]
        tables += [
            table.assign(comparison=name, arm=arm, seed=int(seed.removeprefix("seed")))
            for name, section in comparisons.items()
            if section["task"]["name"] == task
            and arm in section["arms"]
            and arm not in section["made"]
        ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def summarise(
    scale: str, comparisons: Comparisons, curves: pd.DataFrame, progress: pd.DataFrame
) -> Numbers:
    """Of each comparison: returns of each arm in each trial, costs of each arm, claims."""
    summary: Numbers = {"about": {"scale": scale, "level": LEVEL}, "comparisons": {}}
    for name, section in comparisons.items():
        cells, diverged = cells_of(curves[curves["comparison"] == name])
        costs = progress[progress["comparison"] == name] if len(progress) else progress
        made = making(costs, section)
        summary["comparisons"][name] = {
            "returns": returns(cells, section),
            "diverged": sum(diverged.values()),
            "making": made,
            "claims": [claim(of, cells, section) for of in section["claims"]] + emergence(made),
        }
    return summary


def cells_of(curves: pd.DataFrame) -> tuple[dict[Cell, list[np.ndarray]], dict[Cell, int]]:
    """Returns of finished agents, by arm and trial a vector per environment; how many diverged.

    An agent that diverged, so that its return is no number, is as bad as the worst of all.
    """
    cells: dict[Cell, list[np.ndarray]] = {}
    diverged: dict[Cell, int] = {}
    worst = curves["return_"].min()
    for (arm, trial), rows in curves.groupby(["arm", "trial"], sort=False):
        ends = rows.loc[rows.groupby(["environment_seed", "draw"])["step"].idxmax()]
        cell = (str(arm), str(trial))
        diverged[cell] = int(ends["return_"].isna().sum())
        cells[cell] = [
            of["return_"].fillna(worst).to_numpy(float)
            for _, of in ends.groupby("environment_seed")
        ]
    return cells, diverged


def returns(cells: Mapping[Cell, Sequence[np.ndarray]], section: Mapping[str, Any]) -> Numbers:
    """{trial: {arm: interquartile mean with interval, numbers of environments and agents}}."""
    return {
        trial: {
            arm: estimate(
                float(interquartile_mean(np.concatenate(cells[arm, trial]))),
                resampled({(arm, trial): cells[arm, trial]})[arm, trial],
            )
            | {
                "environments": 0 if arm == REAL else len(cells[arm, trial]),
                "agents": sum(map(len, cells[arm, trial])),
                "steps": of["real_steps"] if arm == REAL else of["steps"][arm],
            }
            for arm in (REAL, *of["arms"])
        }
        for trial, of in section["trials"].items()
    }


def resampled(cells: Mapping[Cell, Sequence[np.ndarray]]) -> dict[Cell, np.ndarray]:
    """Interquartile mean of each cell, RESAMPLES times.

    Environments are drawn with replacement, the same for all trials of an arm, and agents in each.
    With one environment, or in the task, only agents are.
    """
    generator = np.random.default_rng(SEED)
    chosen: dict[str, np.ndarray] = {}  # environments, (resamples, environments, 1)
    found = {}
    for (arm, trial), runs in cells.items():
        values = np.stack(runs)  # all environments have as many agents
        number, agents = values.shape
        if arm not in chosen:
            chosen[arm] = generator.integers(number, size=(RESAMPLES, number, 1))
        which = generator.integers(agents, size=(RESAMPLES, number, agents))
        drawn = values[chosen[arm], which].reshape(RESAMPLES, -1)
        found[arm, trial] = np.asarray(interquartile_mean(drawn))
    return found


def making(progress: pd.DataFrame, section: Mapping[str, Any]) -> dict[str, Numbers]:
    """{arm: costs, means over its environments; share of training episodes with one step}."""
    arms: dict[str, Numbers] = {}
    for arm in section["arms"]:
        rows = progress[progress["arm"] == arm]
        by_seed = rows.groupby("seed")
        arms[arm] = {
            "environments": by_seed.ngroups,
            "generations": float(by_seed["generation"].max().mean()),
            **by_seed[list(COSTS)].sum().mean().to_dict(),
        }
        if EPISODES in rows and rows[EPISODES].notna().any():
            last = rows["generation"].max()
            few = max(1, int(LATE * last))
            for when, there in (
                ("first", rows["generation"] <= few),
                ("last", rows["generation"] > last - few),
            ):
                sums = rows[there].groupby("seed")[[EPISODES, ONE_STEP, "synthetic_steps"]].sum()
                arms[arm][f"one_step_{when}"] = (sums[ONE_STEP] / sums[EPISODES]).tolist()
                steps = sums["synthetic_steps"] / sums[EPISODES]
                arms[arm][f"length_{when}"] = steps.tolist()
    return arms


def claim(
    of: Mapping[str, Any],
    cells: Mapping[Cell, Sequence[np.ndarray]],
    section: Mapping[str, Any],
) -> Numbers:
    """What comes of a claim: the difference of two means over cells, and a verdict.

    The difference is in return, and in units of what is between random actions and the best agent.
    """
    trials = of.get("trials") or list(section["trials"])
    here = _chosen(cells, of["of"], trials)
    others = _chosen(cells, of["over"], of.get("over_trials") or trials)
    samples = resampled({cell: cells[cell] for cell in dict.fromkeys((*here, *others))})
    points = {cell: interquartile_mean(np.concatenate(cells[cell])) for cell in samples}
    difference = estimate(
        float(np.mean([points[c] for c in here]) - np.mean([points[c] for c in others])),
        np.mean([samples[c] for c in here], 0) - np.mean([samples[c] for c in others], 0),
    )
    span = verdicts.span_of(section["task"])
    verdict = (
        verdicts.UNDECIDED
        if of["expect"] == "equal" and span is None
        else verdicts.expected(of).judge({k: v / (span or 1) for k, v in difference.items()})
    )
    share = {key: value / span for key, value in difference.items()} if span else None
    return {
        "says": of["says"],
        "expect": of["expect"],
        "verdict": verdict,
        "difference": difference,
        "share": share,
        "environments": min(len(cells[c]) for c in samples if c[0] != REAL),
    }


def emergence(table: Mapping[str, Numbers]) -> list[Numbers]:
    """Whether bandits emerge where episodes could be longer: a claim on each arm of MDPs."""
    found = []
    generator = np.random.default_rng(SEED)
    for arm, numbers in table.items():
        if "one_step_last" in numbers:
            shares = np.array(numbers["one_step_last"])
            chosen = generator.integers(len(shares), size=(RESAMPLES, len(shares)))
            share = estimate(float(shares.mean()), shares[chosen].mean(1))
            beyond = {key: value - MOST for key, value in share.items()}
            found.append(
                {
                    "says": f"In {arm} most episodes come to have one step (published: more than "
                    f"{MOST:.0%})",
                    "expect": "better",
                    "verdict": verdicts.expected({"expect": "better"}).judge(beyond),
                    "difference": None,
                    "share": share,
                    "environments": len(shares),
                }
            )
    return found


def _chosen(cells: Iterable[Cell], arms: Iterable[str], trials: Iterable[str]) -> list[Cell]:
    wanted = [(arm, trial) for arm in arms for trial in trials]
    there = set(cells)
    return [cell for cell in wanted if cell in there]


def markdown(numbers: Numbers, comparisons: Comparisons) -> str:
    """The tables, readable on their own."""
    about = numbers["about"]
    parts = [
        "# Comparisons",
        f"Scale `{about['scale']}`: interquartile mean of the return on the real task [{LEVEL:.0%} "
        "interval] of agents that were trained in environments made in different ways, or in the "
        "task (`real`). Intervals resample environments, and agents within each; with one "
        "environment, or in the task, agents only. From the few environments that there are they "
        "are too narrow. A claim stands in the plan; `equal`: the "
        f"interval of the difference is within {verdicts.MARGIN:.0%} of what is between random "
        "actions and the best agent known, which is what `share` is of; `better`: it is above "
        "zero. Of Liesen et al. 2024, who did the same experiments, no numbers are known but for "
        "the share of episodes with one step (more than 80 % in MDPs); settings are ours.",
        "## Claims",
        tabulate(
            [
                {
                    "comparison": f"`{name}`",
                    "claim": of["says"],
                    "verdict": of["verdict"],
                    "difference in return": _interval(of["difference"]),
                    "share": _percent(of["share"], of["difference"] is not None),
                    "environments": of["environments"],
                }
                for name in comparisons
                for of in numbers["comparisons"][name]["claims"]
            ],
            headers="keys",
            tablefmt="pipe",
            disable_numparse=True,
        ),
    ]
    for name, section in comparisons.items():
        mine = numbers["comparisons"][name]
        parts += [
            f"## {section['about']}",
            f"`{name}`, {section['task']['id']}, solved from {section['task']['solved']}."
            if section["task"]["solved"] is not None
            else f"`{name}`, {section['task']['id']}.",
            _returns_table(mine["returns"], section),
            *(
                [f"{mine['diverged']} agents diverged, and count as the worst of all."]
                if mine["diverged"]
                else []
            ),
            _making_table(mine["making"], section),
        ]
    return "\n\n".join(parts) + "\n"


def _returns_table(table: Mapping[str, Numbers], section: Mapping[str, Any]) -> str:
    rows = []
    for arm in (REAL, *section["arms"]):
        row = {"trained in": "the task" if arm == REAL else f"`{arm}`"}
        for trial, of in table.items():
            if arm not in of:
                row[f"{trial} ({section['trials'][trial]['agent']})"] = ""
                continue
            n = of[arm]
            unseen = arm != REAL and section["trials"][trial]["agent"] not in section["agents"][arm]
            row[f"{trial} ({section['trials'][trial]['agent']})"] = (
                f"{_interval(n)}{' †' if unseen else ''}, {n['steps']:,} steps"
            )
        counts = [of[arm] for of in table.values() if arm in of]
        row["environments, agents"] = " or ".join(
            dict.fromkeys(f"{n['environments']}, {n['agents']}" for n in counts)
        )
        rows.append(row)
    text = tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)
    if "†" not in text:
        return text
    return f"{text}\n\n† this algorithm took no part in the making of these environments."


def _making_table(table: Mapping[str, Numbers], section: Mapping[str, Any]) -> str:
    rows = []
    of_mdps = any("one_step_last" in n for n in table.values())
    for arm, n in table.items():
        row = {
            "arm": f"`{arm}`",
            "made with": ", ".join(section["agents"][arm]) or "a teacher",
            "environments": n["environments"],
            "generations": f"{n['generations']:g}",
            "real steps": f"{n['real_steps']:,.0f}",
            "synthetic steps": f"{n['synthetic_steps']:,.0f}",
            "updates": f"{n['updates']:,.0f}",
            "seconds": f"{n['seconds']:,.0f}",
        }
        if of_mdps:
            row["one step"] = ""
        if "one_step_last" in n:
            first, last = (np.mean(n[f"one_step_{when}"]) for when in ("first", "last"))
            length = np.mean(n["length_last"])
            row["one step"] = f"{first:.0%}, then {last:.0%} (mean length {length:.1f} steps)"
        rows.append(row)
    note = "Making one environment, means."
    if of_mdps:
        note += (
            " one step: share of the training episodes, in the first and in the last "
            f"{LATE:.0%} of the generations."
        )
    return f"{note}\n\n{tabulate(rows, headers='keys', tablefmt='pipe', disable_numparse=True)}"


def _interval(e: Mapping[str, float] | None) -> str:
    return "" if e is None else f"{e['value']:,.1f} [{e['low']:,.1f}, {e['high']:,.1f}]"


def _percent(e: Mapping[str, float] | None, signed: bool) -> str:
    if e is None:
        return ""
    how = "+.0%" if signed else ".0%"
    return f"{e['value']:{how}} [{e['low']:{how}}, {e['high']:{how}}]"
