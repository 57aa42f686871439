"""The baseline: the same agents trained in the real task itself.

Their settings are the same, or what a search found for them.
"""

from pathlib import Path

from synthgym.core.job import Inputs
from synthgym.core.settings import REAL, Config
from synthgym.evaluation.study import study, write
from synthgym.meta.settings import with_settings
from synthgym.tasks import base as tasks


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Study one algorithm in the real task.

    inputs: `settings`, where a search has found some.
    """
    config = with_settings(config, inputs.get("settings", ()))
    task, (agent,) = tasks.load(config.task), config.agents.values()
    title = f"{agent.name} in the real {config.task.name}"
    tables = study(agent, task, task, config.baseline, config.seed, title)
    return write(out, tables, config.task.name, REAL, seed=-1)
