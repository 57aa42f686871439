"""Which transform of scores, and which step size, solve a task soonest? Table, figure, verdict.

Ferreira et al. 2022: of eight transforms "all better 2" is the best, at steps of 0.3 to 1. The
score of a search is 1 where its environment solves the task before the first generation, 0 where it
does not within all of them, and falls linearly in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import rounded
from synthgym.analysis.core.statistics import LEVEL, SEED, bootstrap_interval, fraction_interval
from synthgym.analysis.figures import transforms as figures
from synthgym.analysis.figures.common import draw
from synthgym.analysis.figures.transforms import BEST, FROM, ORDER, TO, called
from synthgym.core.io import read_table

Numbers = dict[str, Any]
Tasks = Mapping[str, Mapping[str, Any]]
MIRRORED = {True: "mirrored", False: "not mirrored"}
# Mean score and share solved of 165 to 190 searches each, read out of their figure, steps to 10.
PUBLISHED = {
    "empty_room": {
        "mirrored": dict(
            zip(
                ORDER,
                (
                    *((0.167, 0.33), (0.090, 0.16), (0.088, 0.16), (0.154, 0.28)),
                    *((0.131, 0.23), (0.114, 0.23), (0.153, 0.28), (0.238, 0.43)),
                ),
                strict=True,
            )
        ),
        "not mirrored": dict(
            zip(
                ORDER,
                (
                    *((0.180, 0.32), (0.060, 0.13), (0.091, 0.20), (0.137, 0.24)),
                    *((0.106, 0.23), (0.120, 0.24), (0.171, 0.31), (0.215, 0.38)),
                ),
                strict=True,
            )
        ),
    }
}
FEWEST = 10  # seeds, from which an interval is wide enough to decide by


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md and transforms.png into `out`.

    config: `scale` and `transform_tasks` ({task config name: its section, agent, and settings of
    the search}). inputs: `runs`.
    """
    scale, tasks = config["scale"], config["transform_tasks"]
    runs = pd.concat([read_table(path) for path in sorted(inputs["runs"])], ignore_index=True)
    numbers = summarise(scale, tasks, runs)
    drawn = draw("transform_report", vars(figures), numbers=numbers, tasks=tasks, scale=scale)
    return report.write(out, numbers, markdown(numbers, tasks), drawn)


def summarise(scale: str, tasks: Tasks, runs: pd.DataFrame) -> Numbers:
    """{task: {mirrored or not: {transform: numbers}}}, and the verdict on what was published."""
    summary: Numbers = {"about": {"scale": scale, "level": LEVEL}, "tasks": {}}
    for task in tasks:
        mine = runs[runs["task"] == task]
        ways: Numbers = {}
        for mirrored, way in MIRRORED.items():
            rows = mine[mine["mirrored"] == mirrored]
            there = [name for name in ORDER if name in set(rows["transform"])]
            cells = {name: _cell(rows[rows["transform"] == name]) for name in there}
            for name, cell in cells.items():
                theirs = PUBLISHED.get(task, {}).get(way, {}).get(name)
                cell["published"] = theirs and dict(zip(("score", "solved"), theirs, strict=True))
            if cells:
                ways[way] = cells
        at_start = mine["solved"] & (mine["generations"] == 0)
        summary["tasks"][task] = {
            "ways": ways,
            "solved_at_start": float(at_start.mean()),  # of the seeds, whatever the settings
            "seeds": mine["seed"].nunique(),
            "searches": len(mine),
            "verdict": verdict(mine, ways),
        }
    return rounded(summary)


def _cell(rows: pd.DataFrame) -> Numbers:
    """Of one transform, mirrored or not: over all step sizes, and at each."""
    by_step = {step: _at(at) for step, at in rows.groupby("step_size")}
    best = max(by_step, key=lambda step: by_step[step]["score"]["value"])
    # Searches of one seed begin with the same environment, so that only seeds are independent.
    of_seeds = rows.groupby("seed")[["score", "solved"]].mean()
    return {
        **{name: _mean(of_seeds[name].to_numpy()) for name in of_seeds},
        "n": len(rows),
        "best": {"step_size": best, **by_step[best]},
        "steps": [{"step_size": step, **numbers} for step, numbers in by_step.items()],
    }


def _at(rows: pd.DataFrame) -> Numbers:
    """At one step size, where every search has a seed of its own."""
    solved, n = int(rows["solved"].sum()), len(rows)
    low, high = fraction_interval(solved, n)
    share = {"value": solved / n, "low": low, "high": high}
    return {"score": _mean(rows["score"].to_numpy()), "solved": share, "n": n}


def _mean(values: np.ndarray) -> Numbers:
    low, high = bootstrap_interval([values], np.random.default_rng(SEED), np.mean)
    return {"value": float(values.mean()), "low": low, "high": high}


def verdict(runs: pd.DataFrame, ways: Numbers) -> Numbers:
    """Whether both parts of what was published hold here: a word for each, and a sentence."""
    asked = {way: cells for way, cells in ways.items() if BEST in cells and len(cells) > 1}
    if not asked:
        sentence = f"The plan has nothing to compare {called(BEST)} with."
        return {"transform": "not asked", "step": "not asked", "sentence": sentence}
    leads, steps, said, found = [], [], [], []
    for way, cells in asked.items():
        here = runs[runs["mirrored"] == (way == MIRRORED[True])]
        others = {name: cell["score"]["value"] for name, cell in cells.items() if name != BEST}
        rival = max(others, key=lambda name: others[name])
        leads.append(difference(here, "transform", BEST, rival))
        said.append(
            f"{_interval(cells[BEST]['score'])} and, with the best of the others, "
            f"{called(rival)}, {_interval(cells[rival]['score'])} {way} "
            f"(difference {_signed(leads[-1])})"
        )
        inside, outside = _best_steps(cells[BEST]["steps"])
        if inside is None or outside is None:
            continue
        steps.append(difference(here[here["transform"] == BEST], "step_size", inside, outside))
        found.append(
            f"the best there is {inside:g}, the best elsewhere {outside:g} {way} (difference of "
            f"scores {_signed(steps[-1])})"
        )
    few = runs["seed"].nunique() < FEWEST
    words = {"transform": _word(leads, few), "step": _word(steps, few)}
    sentence = (
        f"That {called(BEST)} is the best transform {words['transform']} here: mean scores are "
        f"{'; '.join(said)}."
    )
    if steps:
        sentence += (
            f" That its best step is one of {FROM:g} to {TO:g} {words['step']} here: "
            f"{'; '.join(found)}."
        )
    return {**words, "sentence": sentence}


def _best_steps(steps: Sequence[Numbers]) -> tuple[float | None, float | None]:
    """The step size with the highest score of those that were claimed, and of the others."""
    best: dict[bool, Numbers] = {}
    for step in steps:
        claimed = FROM <= step["step_size"] <= TO
        if claimed not in best or step["score"]["value"] > best[claimed]["score"]["value"]:
            best[claimed] = step
    at = {claimed: step["step_size"] for claimed, step in best.items()}
    return at.get(True), at.get(False)


def _word(leads: Sequence[Numbers], few: bool) -> str:
    """By the intervals of all differences, unless they are of too few seeds."""
    if not leads:
        return "not asked"
    if few:
        return "is undecided"
    if any(lead["high"] < 0 for lead in leads):
        return "does not hold"
    return "holds" if all(lead["low"] > 0 for lead in leads) else "is undecided"


def difference(runs: pd.DataFrame, of: str, one: Any, other: Any) -> Numbers:
    """Mean score with one transform (or step size) less that with another; resamples seeds."""
    scores = runs.pivot_table(index="seed", columns=of, values="score")
    return _mean((scores[one] - scores[other]).to_numpy())


def markdown(numbers: Numbers, tasks: Tasks) -> str:
    """The table, readable on its own."""
    about = numbers["about"]
    parts = [
        "# Score transforms and step sizes",
        f"Scale `{about['scale']}`: searches for a synthetic environment by the strategy of "
        "Ferreira et al. 2022, which end when agents trained in the environment in its middle "
        "solve the task. Score: 1 less the generations until then, as a share of all that it had; "
        "0 where it did not. Mean over all step sizes, and share of searches that solved the task "
        f"[{about['level']:.0%} intervals, which resample seeds: those of one seed begin with the "
        "same environment]; the same at the best step size, where the interval of the share is "
        "Wilson's. Published: read out of their figure, where step sizes were drawn at random. "
        "Other than there, the first states of episodes are learned too, and the setting that "
        "divides steps by the number of perturbations is left out.",
    ]
    for task, section in tasks.items():
        of_task = numbers["tasks"][task]
        parts += [
            f"## {section['id']}, {section['agent']}",
            of_task["verdict"]["sentence"],
            f"{of_task['searches']:,} searches, {of_task['seeds']} of each kind, of at most "
            f"{section['generations']} generations, {section['population']} perturbations with a "
            f"standard deviation of {section['sigma']:g}. Before the first generation, "
            f"{of_task['solved_at_start']:.0%} of the environments that they begin with solve the "
            "task, the same for all transforms.",
            _table(of_task["ways"]),
        ]
    return "\n\n".join(parts) + "\n"


def _table(ways: Numbers) -> str:
    rows = [
        {
            "perturbations": way,
            "transform": called(name),
            "mean score": _interval(cell["score"]),
            "published": f"{cell['published']['score']:.3f}" if cell["published"] else "",
            "share solved": _interval(cell["solved"], 2),
            "published ": f"{cell['published']['solved']:.2f}" if cell["published"] else "",
            "best step": f"{cell['best']['step_size']:g}",
            "score there": _interval(cell["best"]["score"], 2),
            "solved there": _interval(cell["best"]["solved"], 2),
            "n": cell["n"],
        }
        for way, cells in ways.items()
        for name, cell in cells.items()
    ]
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True)


def _signed(lead: Numbers) -> str:
    return f"{lead['value']:+.3f} [{lead['low']:+.3f}, {lead['high']:+.3f}]"


def _interval(cell: Numbers, digits: int = 3) -> str:
    value, low, high = (f"{cell[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
