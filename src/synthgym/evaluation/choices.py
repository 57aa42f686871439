"""Which choices matter in distilling? One is varied at a time, the others are as they are.

Context noise, share of random actions, kind of reward, number of contexts, and how long the teacher
was trained: for each value an environment is made, and agents, each with its own settings, are
trained in it and judged on the real task.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd

from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.core.display import Work
from synthgym.core.io import write_table
from synthgym.core.job import Inputs
from synthgym.core.parallel import devices_for
from synthgym.core.rng import root, stream
from synthgym.core.settings import REWARDS, Config
from synthgym.meta import distillation, fitness
from synthgym.meta import teacher as teachers
from synthgym.synth.env import SyntheticEnv
from synthgym.tasks import base as tasks

DISTIL = ("noise", "exploration", "indifferent", "reward")  # choices that are settings of `distil`


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Write choices.parquet: a row per agent trained, with the choice made for its environment."""
    (policy,) = inputs["policy"]
    (agent,) = config.teacher.agents.values()
    teacher = teachers.load(policy, config.task, agent)
    variations = list(varied(config))
    rows = []
    title = f"choices in {config.task.name}, seed {config.seed}"
    with Work(title, len(variations), "environment") as work:
        for i, (choice, value, changed) in enumerate(variations):
            used = teacher
            if choice == "teacher":
                used = teachers.trained(changed, checkpoint / f"teacher {value}")
            env, errors = distillation.environment(
                changed, used, distillation.visits(changed, used)
            )
            about = {"choice": choice, "value": str(value), "teacher_return": used.return_}
            about |= {f"error_{head}": error for head, error in errors.items()}
            rows += [{**about, **row} for row in judged(config, env)]
            work.done(i + 1, f"{choice} {value}")
    table = pd.DataFrame(rows)
    table.insert(0, "task", config.task.name)
    table.insert(1, "environment_seed", config.seed)
    write_table(out / "choices.parquet", table)
    return ["choices.parquet"]


def varied(config: Config) -> Iterator[tuple[str, float | str, Config]]:
    """(choice, value, configuration with it); the values that all others have are among them."""
    choices = config.choices
    kind = config.task.action.kind
    for choice in DISTIL:
        for value in REWARDS[kind] if choice == "reward" else getattr(choices, choice):
            yield choice, value, config.replace(distil=config.distil.replace(**{choice: value}))
    for number in choices.initial_states:
        synth = config.synth.replace(initial_states=number)
        yield "initial_states", number or "network", config.replace(synth=synth)
    for share in choices.teacher:
        steps = max(1, round(share * config.teacher.steps))
        yield "teacher", share, config.replace(teacher=config.teacher.replace(steps=steps))


def judged(config: Config, env: SyntheticEnv) -> Iterator[dict[str, Any]]:
    """The return of each of `draws` agents, which are the same for all environments of a seed."""
    settings = config.choices
    for section in config.agents.values():
        key = stream(root(config.seed), f"choices {section.name}")
        agent = agents.load(section, env.spec)
        trial = fitness.Trial(agent, tasks.load(config.task), settings.steps, settings.episodes)
        drawn = spaces.draw(stream(key, "hyperparameters"), section, settings.draws, "sampled")
        first = jax.tree.map(lambda x: x[0], drawn)
        chunk = fitness.chunk(trial, env, first)
        keys = jax.random.split(stream(key, "agents"), settings.draws)
        judge = fitness.over_draws(trial, chunk, devices_for(settings.draws))
        for draw, return_ in enumerate(np.asarray(judge(env, drawn, keys).return_)):
            hyperparameters = {f"hp_{name}": float(value[draw]) for name, value in drawn.items()}
            yield {"agent": agent.name, "draw": draw, "return_": float(return_), **hyperparameters}
