"""Search for settings of agents that learn in the task itself: who is compared is tuned as well.

As that for settings of a meta-training (hyperparameters.py), but that a budget is the length of a
training, which begins anew on each rung.
"""

import copy
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from synthgym.agents import base as agents
from synthgym.core.job import Inputs
from synthgym.core.settings import Agent, Config
from synthgym.evaluation.study import Study
from synthgym.meta.settings import with_sections
from synthgym.search import hyperparameters
from synthgym.search.rungs import Worth
from synthgym.tasks import base as tasks


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Try all configurations of the plan, or go on with those that a killed run did not."""
    hyperparameters.work(config, checkpoint, Trainings)
    return hyperparameters.write(config, out, checkpoint)


class Trainings:
    """Agents in the real task, tested while they learn; the same lengths share a program.

    A configuration is worth the mean return over the whole training: who learns faster is better.
    """

    unit = "steps"  # of a budget

    def __init__(self, config: Config):
        self.config, self.task = config, tasks.load(config.task)
        self.studies: dict[int, Study] = {}

    def search(self, sections: dict[str, Any], seed: int, path: Path, budget: int) -> Config:
        """The configuration of agents with these sections over their own."""
        return with_sections(self.config.replace(seed=seed), sections, "a configuration")

    def advanced(
        self, configs: Sequence[Config], budget: int, since: int = 0
    ) -> Iterator[tuple[int, Worth]]:
        """All of them after `budget` steps: (index, worth), as soon as it is known."""
        for i, config in enumerate(configs):
            begun = time.monotonic()
            ((name, algorithm),) = config.agents.items()
            if budget not in self.studies:
                how = self.config.baseline.replace(steps=budget)
                self.studies[budget] = Study(algorithm, self.task, self.task, how)
            study = copy.copy(self.studies[budget])
            # Programs depend on the static settings only, which are common.
            study.config = algorithm
            title = f"{name} in the real {config.task.name}, {self._words(algorithm)}"
            curves, _ = study(self.task, config.seed, title)
            means = curves.groupby("draw")["return_"].mean()
            agent = agents.load(algorithm, self.task.spec)
            steps = agents.iterations(agent, budget) * agent.steps_per_iteration
            draws = self.config.baseline.draws
            cost = {  # of the trainings; tests are not counted
                "real_steps": steps * draws,
                "synthetic_steps": 0,
                "updates": agent.updates(steps) * draws,
                "seconds": time.monotonic() - begun,
            }
            yield i, Worth({name: means.tolist()}, cost)

    def _words(self, algorithm: Agent) -> str:
        names = [name.rpartition(".")[2] for name in self.config.search.space]
        return json.dumps({name: round(algorithm.hyperparameters[name], 6) for name in names})
