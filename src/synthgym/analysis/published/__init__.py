"""Values that were published, each file with its source: what ours stand beside."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


@cache
def values(kind: str) -> Mapping[str, Any]:
    """Everything in a file: `rewards`, `mdps`, `transforms`, `searches`, `bandits` or `tried`."""
    found: Mapping[str, Any] = yaml.safe_load((HERE / f"{kind}.yaml").read_text(encoding="utf-8"))
    return found


def curve(task: str, experiment: str, line: str) -> dict[int, float]:
    """Mean return by step of a kind of reward network or a baseline; empty where there is none."""
    columns = values("rewards")["curves"].get(task, {}).get(experiment, {})
    return dict(zip(columns.get("steps", ()), columns.get(line, ()), strict=False))


def steps(task: str, experiment: str) -> list[int]:
    """Where returns with reward networks are compared: all steps for which one was published."""
    found: Mapping[str, list[int]] = values("rewards")["curves"].get(task, {}).get(experiment, {})
    return list(found.get("steps", ()))


def level(task: str, solved: float | None) -> float | None:
    """The return of which it is said how soon agents have it."""
    found: float | None = values("rewards")["levels"].get(task, solved)
    return found


def of_agents(task: str, agent: str, place: str) -> Mapping[str, float | None]:
    """{return, steps} of agents trained in the task or in synthetic MDPs; None where not found."""
    nothing = {"return": None, "steps": None}
    found: Mapping[str, float | None] = (
        values("mdps")["agents"].get(task, {}).get(agent, {}).get(place, nothing)
    )
    return found


def about(kind: str, name: str, task: str) -> Mapping[Any, Any]:
    """What one table says of a task; empty where it says nothing."""
    found: Mapping[Any, Any] = values(kind)[name].get(task, {})
    return found
