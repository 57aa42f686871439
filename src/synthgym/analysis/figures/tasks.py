"""Figures of one task: how good environments and agents become, and what agents see, get and do."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synthgym.analysis import runs, sample_efficiency, style
from synthgym.analysis.core import tables
from synthgym.analysis.figures import common
from synthgym.analysis.figures.behaviour import behaviour, reward_surface, rollout
from synthgym.analysis.figures.training import effort, frontier, meta_training, returns

DRAWN = (meta_training, frontier, returns, effort, behaviour, reward_surface, rollout)
INPUTS = ("curves", "episodes", "progress", "evaluations", "values", "surface", "rollouts")


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write the figures of one task into `out`. ValueError if one of its tables says nothing."""
    given = {name: tables.read_runs(name, inputs[name]) for name in INPUTS}
    experts, rivals = (inputs.get(name, ()) for name in ("expert_curves", "rival_curves"))
    given["learners"] = sample_efficiency.learners(experts, rivals)
    figures = common.draw(
        "figures",
        {function.__name__: function for function in DRAWN},
        trained_with=runs.meta_agents(given["progress"]),
        ways=runs.ways(given["progress"], given["curves"]),
        task=config["task"],
        scale=config["scale"],
        **given,
    )
    for name, figure in figures.items():
        style.save(figure, out / f"{name}.png")
    return [f"{name}.png" for name in figures]
