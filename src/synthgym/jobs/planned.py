"""One job of a plan, as data: what the workflow, the manifests and the command line know of it."""

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
