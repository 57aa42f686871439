"""Reward networks judged: agents that train in the real task with the reward of a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from synthbench.evaluation.study import study
from synthbench.io import write_table
from synthbench.synth.base import module_of
from synthbench.tasks import base as tasks


def run(config: Any, inputs: Mapping[str, list[Path]], out: Path, checkpoint: Path) -> list[str]:
    """Study one algorithm with each network of a kind."""
    task, (agent,) = tasks.load(config.task), config.agents.values()
    kind = config.synth.reward
    studies: list[tuple[pd.DataFrame, ...]] = []
    for path in sorted(inputs["environment"], key=seed_of):
        env = module_of(config.synth).load(path, config.synth, config.task)
        seed = seed_of(path)
        title = f"{agent.name} in {config.task.name}, {kind}, seed {seed}"
        tables = study(agent, env, task, config.transfer, seed, title)
        place = {"task": config.task.name, "environment": kind, "environment_seed": seed}
        studies.append(tuple(table.assign(**place) for table in tables))
    names = ["curves.parquet", "episodes.parquet"]
    for name, parts in zip(names, zip(*studies, strict=True), strict=True):
        write_table(out / name, pd.concat(parts, ignore_index=True))
    return names


def seed_of(path: Path) -> int:
    """From .../<kind>/seed<seed>/metatrain/environment.safetensors."""
    return int(path.parts[-3].removeprefix("seed"))
