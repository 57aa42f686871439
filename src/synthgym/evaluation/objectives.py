"""How good is an objective? Agents learn by it in a real task, with the settings tuned for PPO."""

from pathlib import Path

import pandas as pd

from synthgym.core.io import write_table
from synthgym.core.job import Inputs
from synthgym.core.settings import Config
from synthgym.core.types import Hyperparameters
from synthgym.evaluation.study import study
from synthgym.meta import objectives
from synthgym.tasks import base as tasks


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Study one objective in one task: PPO's or DPO's, or the learned ones of all its seeds.

    The agents are divided equally among these. Writes curves.parquet and episodes.parquet, which
    say how the objective is called and which seed its meta-training had (-1: there was none).
    """
    paths = inputs.get("objective", ())
    learned: dict[int, Hyperparameters] = {
        _seed(path): {"drift": objectives.load(path)} for path in paths
    } or {-1: {}}
    task, (algorithm,) = tasks.load(config.task), config.agents.values()
    share = config.judge.replace(draws=config.judge.draws // len(learned))
    tables = []
    for seed, given in learned.items():
        title = f"{config.objective_name} in the real {config.task.name}"
        both = study(algorithm, task, task, share, config.seed + max(0, seed), title, given)
        tables.append([t.assign(objective=config.objective_name, meta_seed=seed) for t in both])
    names = ["curves.parquet", "episodes.parquet"]
    for name, of_seeds in zip(names, zip(*tables, strict=True), strict=True):
        rows = pd.concat(of_seeds, ignore_index=True)
        write_table(out / name, rows.assign(task=config.task.name))
    return names


def _seed(path: Path) -> int:
    """Seed of the meta-training, from .../seed<seed>/objective.safetensors; 0 for another file."""
    name = path.parent.name
    return int(name.removeprefix("seed")) if name.startswith("seed") else 0
