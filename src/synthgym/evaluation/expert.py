"""Experts: agents with the settings tuned for a real task, trained in it."""

from pathlib import Path

from synthgym.core.job import Inputs
from synthgym.core.settings import REAL, Config
from synthgym.evaluation.study import study, write
from synthgym.tasks import base as tasks


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Study one algorithm in the real task."""
    task, (agent,) = tasks.load(config.task), config.agents.values()
    title = f"{agent.name} in the real {config.task.name}"
    tables = study(agent, task, task, config.expert, config.seed, title)
    return write(out, tables, config.task.name, REAL, seed=-1)
