"""One job of a plan, as data: what the workflow, the manifests and the command line know of it."""

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """A job that a plan has."""

    stage: str  # a row of stages.py
    out: str  # directory of its results
    labels: Mapping[str, Any]  # what says which it is: scale, task, environment, seed, ...
    config: Callable[[Sequence[str]], Mapping[str, Any]]  # overrides -> its whole configuration
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict)  # name -> files it reads


def experiments(jobs: Mapping[str, Job]) -> dict[str, list[str]]:
    """Family -> its experiments among these jobs."""
    found: dict[str, dict[str, None]] = {}
    for job in jobs.values():
        if "experiment" in job.labels:
            found.setdefault(job.labels["family"], {})[job.labels["experiment"]] = None
    return {family: list(names) for family, names in found.items()}


def unknown_target(
    words: Sequence[str], rules: Sequence[str], jobs: Mapping[str, Job], scale: str
) -> str | None:
    """A sentence about the first word that asks for a target or result that there is not."""
    for word in words:
        place, known = os.path.dirname(word), rules
        if word.startswith("results/"):
            if place in jobs:
                continue
            if word.split("/")[1] != scale:
                other = f"--config scale={word.split('/')[1]}"
                return f"{word}: this is scale {scale}; say {other} for results of the other one."
            word, known = place, list(jobs)
        elif not word.startswith(("task_", "experiment_", "all_")) or word in rules:
            continue
        close = difflib.get_close_matches(word, known, 1)
        hint = f"do you mean {close[0]}?" if close else "`synthgym check` shows what there is."
        return f"No job of scale {scale} makes {word}; {hint}"
    return None
