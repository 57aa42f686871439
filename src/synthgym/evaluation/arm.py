"""Study of an arm: agents that train in each of its environments, judged on the real task."""

from pathlib import Path

import pandas as pd

from synthgym.core.io import write_table
from synthgym.core.job import Inputs
from synthgym.core.settings import Config
from synthgym.evaluation.study import Study
from synthgym.synth.base import module_of
from synthgym.tasks import base as tasks


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Study one algorithm with each of the environments."""
    task, (agent,) = tasks.load(config.task), config.agents.values()
    studies: list[tuple[pd.DataFrame, ...]] = []
    paths = sorted(inputs["environment"], key=place_of)
    envs = [module_of(config.synth).load(path, config.synth, config.task) for path in paths]
    study = Study(agent, envs[0], task, config.transfer)
    for path, env in zip(paths, envs, strict=True):
        kind, seed = place_of(path)
        tables = study(env, seed, f"{agent.name} in {config.task.name}, {kind}, seed {seed}")
        place = {"task": config.task.name, "environment": kind, "environment_seed": seed}
        studies.append(tuple(table.assign(**place) for table in tables))
    names = ["curves.parquet", "episodes.parquet"]
    for name, parts in zip(names, zip(*studies, strict=True), strict=True):
        write_table(out / name, pd.concat(parts, ignore_index=True))
    return names


def place_of(path: Path) -> tuple[str, int]:
    """Kind and seed, from .../<kind>/seed<seed>/<stage>/environment.safetensors."""
    *_, kind, seed, _, _ = path.parts
    return kind, int(seed.removeprefix("seed"))
