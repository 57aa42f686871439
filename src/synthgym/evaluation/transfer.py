"""Transfer: agents trained in a finished synthetic environment only, judged on the real task."""

from pathlib import Path

from synthgym.core.job import Inputs
from synthgym.core.settings import Config
from synthgym.evaluation.study import study, write
from synthgym.synth.base import module_of
from synthgym.tasks import base as tasks


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Study one algorithm in one synthetic environment."""
    (path,) = inputs["environment"]
    env = module_of(config.synth).load(path, config.synth, config.task)
    (agent,) = config.agents.values()
    where = f"{config.task.name} {config.synth.name} seed {config.seed}"
    tables = study(
        agent,
        env,
        tasks.load(config.task),
        config.transfer,
        config.seed,
        title=f"{agent.name} in {where}",
    )
    return write(out, tables, config.task.name, _environment(path), config.seed)


def _environment(path: Path) -> str:
    """The name in the plan, from .../<environment>/seed<seed>/<stage>/environment.safetensors.

    A file that is elsewhere, as by hand, is called by its own name.
    """
    planned = len(path.parts) >= 4 and path.parts[-3].startswith("seed")
    return path.parts[-4] if planned else path.stem
