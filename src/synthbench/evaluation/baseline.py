"""The baseline: the same agents, with the same settings, trained in the real task itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthbench.config import REAL
from synthbench.evaluation.study import study
from synthbench.io import write_table
from synthbench.tasks import base as tasks


def run(config: Any, inputs: Mapping[str, list[Path]], out: Path, checkpoint: Path) -> list[str]:
    """Study one algorithm in the real task."""
    task = tasks.load(config.task)
    (agent,) = config.agents.values()
    curves, episodes = study(
        agent,
        task,
        task,
        config.baseline,
        config.seed,
        title=f"{agent.name} in the real {config.task.name}",
    )
    for table in (curves, episodes):
        table.insert(0, "task", config.task.name)
        table.insert(1, "environment", REAL)
        table.insert(2, "environment_seed", -1)
    write_table(out / "curves.parquet", curves)
    write_table(out / "episodes.parquet", episodes)
    return ["curves.parquet", "episodes.parquet"]
