"""Which transform of scores, and which step size, solve a task soonest?

Ferreira et al. 2022: of eight transforms "all better 2" is the best, at steps of 0.3 to 1. The
score of a search is 1 where its environment solves the task before the first generation, 0 where it
does not within all of them, and falls linearly in between.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthgym.analysis import published
from synthgym.analysis.core import report
from synthgym.analysis.core.estimate import Numbers, written
from synthgym.analysis.core.statistics import SEED, bootstrap_interval, fraction
from synthgym.analysis.core.tables import read, table
from synthgym.analysis.core.verdict import Claim, Evidence, judge
from synthgym.analysis.figures import transforms as figures
from synthgym.analysis.figures.transforms import ORDER, called

Tasks = Mapping[str, Mapping[str, Any]]
MIRRORED = {True: "mirrored", False: "not mirrored"}
FEWEST = 10  # seeds, from which an interval is wide enough to decide by


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write summary.json, table.md and transforms.png into `out`.

    config: `scale` and `transform_tasks` ({task config name: its section, agent, and settings of
    the search}). inputs: `runs`.
    """
    scale, tasks = config["scale"], config["transform_tasks"]
    numbers = summarise(scale, tasks, read(inputs["runs"], "task"))
    text, given = markdown(numbers, tasks), {"tasks": tasks, "scale": scale}
    return report.publish("transform_report", out, numbers, text, figures, **given)


def summarise(scale: str, tasks: Tasks, runs: pd.DataFrame) -> Numbers:
    """{task: {mirrored or not: {transform: numbers}}}, and what of the claims holds."""
    found: Numbers = {"tasks": {}, "claims": []}
    for task, section in tasks.items():
        searches = runs[runs["task"] == task]
        of_way = {way: searches[searches["mirrored"] == is_so] for is_so, way in MIRRORED.items()}
        reported = published.about("transforms", "tasks", task)
        ways = {
            way: _cells(rows, reported.get(way, {})) for way, rows in of_way.items() if len(rows)
        }
        at_start = searches["solved"] & (searches["generations"] == 0)
        found["tasks"][task] = {
            "ways": ways,
            "solved_at_start": float(at_start.mean()),  # of the seeds, whatever the settings
            "seeds": searches["seed"].nunique(),
            "searches": len(searches),
        }
        measures = {
            "score": partial(_lead, of_way, ways),
            "score_of_steps": partial(_lead_of_steps, of_way, ways),
        }
        found["claims"] += judge(section.get("claims", ()), measures, task=task)
    return report.summary(scale, found)


def _cells(rows: pd.DataFrame, reported: Mapping[str, Numbers]) -> dict[str, Numbers]:
    """{transform: numbers} over all step sizes, and at each; `reported`: those published."""
    cells: dict[str, Numbers] = {}
    for name, searches in rows.groupby(pd.Categorical(rows["transform"], ORDER), observed=True):
        steps = [{"step_size": step, **_at(at)} for step, at in searches.groupby("step_size")]
        # Searches of one seed begin with the same environment, so that only seeds are independent.
        of_seeds = searches.groupby("seed")[["score", "solved"]].mean()
        cells[str(name)] = {
            **{column: _mean(of_seeds[column].to_numpy()) for column in of_seeds},
            "n": len(searches),
            "best": max(steps, key=_score),
            "steps": steps,
            "published": reported.get(str(name)),
        }
    return cells


def _at(rows: pd.DataFrame) -> Numbers:
    """The numbers at one step size, where every search has a seed of its own."""
    n = len(rows)
    solved = fraction(int(rows["solved"].sum()), n)
    return {"score": _mean(rows["score"].to_numpy()), "solved": solved, "n": n}


def _mean(values: np.ndarray) -> Numbers:
    low, high = bootstrap_interval([values], np.random.default_rng(SEED), np.mean)
    return {"value": float(values.mean()), "low": low, "high": high}


def _score(numbers: Numbers) -> float:
    return float(numbers["score"]["value"])


def _lead(of_way: Mapping[str, pd.DataFrame], ways: Numbers, claim: Claim) -> Iterator[Evidence]:
    """Mean score with a transform less that with the best of those that it is compared with."""
    for way, cells in ways.items():
        rivals = [name for name in claim["over"] if name in cells]
        for name in claim["of"]:
            if name in cells and rivals:
                rival = max(rivals, key=lambda other: _score(cells[other]))
                about = f"{way}, {called(name)} less {called(rival)}"
                yield _evidence(of_way[way], "transform", name, rival, about)


def _lead_of_steps(
    of_way: Mapping[str, pd.DataFrame], ways: Numbers, claim: Claim
) -> Iterator[Evidence]:
    """Mean score at the best of the claim's `steps`, from one to another, less at the best else."""
    first, last = claim["steps"]
    for way, cells in ways.items():
        for name in (name for name in claim["of"] if name in cells):
            steps = cells[name]["steps"]
            claimed = [step for step in steps if first <= step["step_size"] <= last]
            others = [step for step in steps if step not in claimed]
            if claimed and others:
                inside, outside = (max(some, key=_score)["step_size"] for some in (claimed, others))
                rows = of_way[way][of_way[way]["transform"] == name]
                about = f"{way}, step {inside:g} less {outside:g}"
                yield _evidence(rows, "step_size", inside, outside, about)


def _evidence(rows: pd.DataFrame, column: str, one: object, other: object, about: str) -> Evidence:
    lead, enough = difference(rows, column, one, other), rows["seed"].nunique() >= FEWEST
    return Evidence(lead, "+.3f", about, note="in score", enough=enough)


def difference(runs: pd.DataFrame, column: str, one: object, other: object) -> Numbers:
    """Mean score with one transform (or step size) less that with another; resamples seeds."""
    scores = runs.pivot_table(index="seed", columns=column, values="score")
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
        "divides steps by the number of perturbations is left out. From fewer than "
        f"{FEWEST} seeds intervals are too narrow to decide a claim.",
        report.claims(numbers["claims"]),
    ]
    for task, section in tasks.items():
        of_task = numbers["tasks"][task]
        parts += [
            f"## {section['id']}, {section['agent']}",
            f"{of_task['searches']:,} searches, {of_task['seeds']} of each kind, of at most "
            f"{section['generations']} generations, {section['population']} perturbations with a "
            f"standard deviation of {section['sigma']:g}. Before the first generation, "
            f"{of_task['solved_at_start']:.0%} of the environments that they begin with solve the "
            "task, the same for all transforms.",
            _table(of_task["ways"]),
        ]
    return report.document(*parts)


def _table(ways: Numbers) -> str:
    rows = [
        {
            "perturbations": way,
            "transform": called(name),
            "mean score": written(cell["score"], ".3f"),
            "published": written((cell["published"] or {}).get("score"), ".3f"),
            "share solved": written(cell["solved"], ".2f"),
            "published ": written((cell["published"] or {}).get("solved"), ".2f"),
            "best step": f"{cell['best']['step_size']:g}",
            "score there": written(cell["best"]["score"], ".2f"),
            "solved there": written(cell["best"]["solved"], ".2f"),
            "n": cell["n"],
        }
        for way, cells in ways.items()
        for name, cell in cells.items()
    ]
    return table(rows)
