"""Teachers: one agent trained in the real task, whose policy is kept for others to distil from."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import PyTree

from synthbench import checkpoint as files
from synthbench.agents import base as agents
from synthbench.display import Work
from synthbench.io import write_table
from synthbench.meta.progress import PROGRESS, row, table
from synthbench.rng import root, stream
from synthbench.tasks import base as tasks
from synthbench.tasks.rollout import episode_returns
from synthbench.types import Agent

PARTS = 20  # of a training run, after each of which there is news


class Teacher(NamedTuple):
    """An agent that knows the task."""

    agent: Agent
    params: PyTree
    return_: float  # mean over test episodes, real task


def run(config: Any, inputs: Mapping[str, list[Path]], out: Path, checkpoint: Path) -> list[str]:
    """Train one agent with its tuned settings; write its policy, what it cost and earns."""
    task, teacher = tasks.load(config.task), config.teacher
    (section,) = teacher.agents.values()
    agent = agents.load(section, task.spec)
    key = stream(root(config.seed), "teacher")
    settings = {name: jnp.float32(value) for name, value in section.hyperparameters.items()}
    begun = time.monotonic()
    params, steps = _trained(agent, task, settings, key, teacher.steps, config)
    seconds = time.monotonic() - begun
    test = jax.jit(
        lambda key: episode_returns(key, task, partial(agent.act, params), teacher.episodes)
    )
    returns, lengths = map(np.asarray, test(stream(key, "test")))
    about = {"kind": "policy", "config": config, "return_": float(returns.mean())}
    files.save(out / "policy.safetensors", params, about)
    cost = row("teacher", seconds, steps, agent.updates(steps), **_fitness(returns))
    write_table(out / "progress.parquet", table([cost], PROGRESS))
    columns = {"agent": agent.name, "seed": config.seed, "return_": returns, "length": lengths}
    write_table(out / "episodes.parquet", pd.DataFrame(columns))
    return ["policy.safetensors", "progress.parquet", "episodes.parquet"]


def _trained(
    agent: Agent, task: Any, settings: Any, key: Any, num_steps: int, config: Any
) -> tuple[PyTree, int]:
    """Its parameters, as `agents.base.train` gives them, and the steps taken; with news."""
    total = agents.iterations(agent, num_steps) * agent.steps_per_iteration
    key_loop = stream(key, "loop")
    state = jax.jit(lambda key: agent.init(key, task, settings, total))(stream(key, "init"))

    @jax.jit
    def part(state: Any, indices: Any) -> Any:
        def iterate(state: Any, i: Any) -> tuple[Any, None]:
            key = jax.random.fold_in(key_loop, i)
            return agent.iterate(key, state, task, settings, total)[0], None

        return jax.lax.scan(iterate, state, indices)[0]

    indices = np.arange(total // agent.steps_per_iteration)
    size = -(-len(indices) // PARTS)
    with Work(f"teacher {agent.name}, {config.task.name} seed {config.seed}", total, "step") as w:
        for begin in range(0, len(indices), size):
            state = part(state, jnp.asarray(indices[begin : begin + size]))
            w.done(int(state.step), f"{int(state.episodes):,} episodes")
    return state.params, total


def load(path: Path, task: Any, section: Any) -> Teacher:
    """A teacher from its file; `section`: the config section of its algorithm.

    Raises ValueError where the file does not fit.
    """
    env = tasks.load(task)
    agent = agents.load(section, env.spec)
    settings = {name: jnp.float32(value) for name, value in section.hyperparameters.items()}
    like = jax.eval_shape(
        lambda: agent.init(jax.random.key(0), env, settings, agent.steps_per_iteration).params
    )
    params, about = files.load(path, like)
    return Teacher(agent, params, about["return_"])


def _fitness(returns: Any) -> dict[str, float]:
    return {
        f"fitness_{name}": float(getattr(returns, name)()) for name in ("mean", "std", "min", "max")
    }
