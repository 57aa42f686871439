"""Figures of one task: how good environments and agents become, and what agents see, get and do."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synthgym.analysis import runs, style
from synthgym.analysis.core import tables
from synthgym.analysis.figures.behaviour import behaviour as behaviour
from synthgym.analysis.figures.common import draw
from synthgym.analysis.figures.effort import effort as effort
from synthgym.analysis.figures.meta_training import meta_training as meta_training
from synthgym.analysis.figures.returns import returns as returns
from synthgym.analysis.figures.reward_surface import reward_surface as reward_surface
from synthgym.analysis.figures.rollout import rollout as rollout

INPUTS = ("curves", "episodes", "progress", "evaluations", "values", "surface", "rollouts")


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write the figures of one task into `out`.

    config: `scale` and `task`.
    inputs: `curves` and `episodes` (transfer and real), `progress` and `evaluations`, `values`,
    `surface` and `rollouts`. Raises ValueError if one of them says nothing.
    """
    given = {name: tables.read_runs(name, inputs[name]) for name in INPUTS}
    figures = draw(
        "figures",
        globals(),
        trained_with=runs.meta_agents(given["progress"]),
        task=config["task"],
        scale=config["scale"],
        **given,
    )
    for name, figure in figures.items():
        style.save(figure, out / f"{name}.png")
    return [f"{name}.png" for name in figures]
