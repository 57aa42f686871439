"""One job of a plan, as data: what the workflow, the manifests and the command line know of it."""

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from synthgym.jobs.kept import MANIFEST
from synthgym.stages import STAGES, pattern


@dataclass(frozen=True)
class Job:
    """A job that a plan has."""

    stage: str  # a row of stages.py
    out: str  # directory of its results
    labels: Mapping[str, Any]  # what says which it is: scale, task, environment, seed, ...
    config: Callable[[Sequence[str]], Mapping[str, Any]]  # overrides -> its whole configuration
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict)  # name -> files it reads


def rules_of(stage: str) -> dict[str, str]:
    """The rules that Snakemake has of a stage: name -> place."""
    places = STAGES[stage].places
    return {f"{stage}_{n}" if n > 1 else stage: place for n, place in enumerate(places, 1)}


def rule_of(job: Job) -> str:
    """The rule that makes a job."""
    return next(rule for rule, p in rules_of(job.stage).items() if pattern(p).fullmatch(job.out))


def experiments(jobs: Mapping[str, Job]) -> dict[str, list[str]]:
    """Family -> its experiments among these jobs."""
    found: dict[str, dict[str, None]] = {}
    for job in jobs.values():
        if "experiment" in job.labels:
            found.setdefault(job.labels["family"], {})[job.labels["experiment"]] = None
    return {family: list(names) for family, names in found.items()}


def unknown_target(
    words: Sequence[str],
    targets: Sequence[str],
    jobs: Mapping[str, Job],
    scale: str,
    scales: Sequence[str],
) -> str | None:
    """A sentence about the first of these words that stands for nothing to be made.

    `targets`: names that may be asked for, besides files of jobs; `scales`: all of the plan.
    """
    for word in words:
        place, known = os.path.dirname(word), [*targets, *STAGES]
        if word in targets or word.startswith("work/") or word in _files(place, jobs):
            continue
        if word in STAGES and (outs := [out for out, job in jobs.items() if job.stage == word]):
            return f"{word} is a stage; ask for files of its jobs, such as {outs[0]}/{MANIFEST}."
        if word.startswith("results/"):
            if (other := word.split("/")[1]) in scales and other != scale:
                hint = f"say --config scale={other} for results of the other one."
                return f"{word}: this is scale {scale}; {hint}"
            known = [f"{word}/{MANIFEST}"] if word in jobs else _files(place, jobs)
            if not known:
                word, known = place, list(jobs)
        close = difflib.get_close_matches(word, known, 1)
        hint = f"do you mean {close[0]}?" if close else "`synthgym check` shows what there is."
        return f"No job of scale {scale} makes {word}; {hint}"
    return None


def _files(out: str, jobs: Mapping[str, Job]) -> list[str]:
    """What the job of a directory makes."""
    if out not in jobs:
        return []
    row = STAGES[jobs[out].stage]
    names = (MANIFEST, *row.outputs, *(file for file, _ in row.drawn(experiments(jobs))))
    return [f"{out}/{name}" for name in names]
