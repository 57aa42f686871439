"""What came out, in pictures? A module per figure of a task, each from tables to a Figure."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synthgym.analysis import runs, style
from synthgym.analysis.core.tables import read_runs
from synthgym.analysis.figures import behaviour, effort, meta_training, returns, reward_surface

INPUTS = ("curves", "episodes", "progress", "evaluations", "values", "surface")


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write the figures of one task into `out`.

    config: `scale` and `task`.
    inputs: `curves` and `episodes` (transfer and real), `progress` and `evaluations`, `values`,
    and `surface`. Raises ValueError if one of them says nothing.
    """
    about = {"task": config["task"], "scale": config["scale"]}
    table = {name: read_runs(name, inputs[name]) for name in INPUTS}
    trained_with = runs.meta_agents(table["progress"])
    figures = {
        "meta_training.png": meta_training.draw(table["progress"], table["evaluations"], **about),
        "returns.png": returns.draw(table["curves"], table["episodes"], trained_with, **about),
        "effort.png": effort.draw(table["curves"], trained_with, **about),
        "behaviour.png": behaviour.draw(table["values"], **about),
        "reward_surface.png": reward_surface.draw(table["surface"], **about),
    }
    for name, figure in figures.items():
        style.save(figure, out / name)
    return list(figures)
