"""A synthetic MDP by supervised learning: it predicts what agents met as they learned in the task.

The model-based baseline of Ferreira et al. 2022. There the network that ends episodes was left as
it was initialised, and inputs came in another order than in training; here all networks are fitted
(synth/distil.py), and used as fitted. The data are the whole trainings of agents in the task, from
their first random steps to the end.
"""

import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.core import checkpoint as files
from synthgym.core import parallel
from synthgym.core.display import say
from synthgym.core.io import write_table
from synthgym.core.job import Inputs, device
from synthgym.core.rng import root, stream
from synthgym.core.settings import Config, plain
from synthgym.core.types import Transition
from synthgym.meta.progress import PROGRESS, cost, row, table
from synthgym.synth import distil
from synthgym.synth import env as synth
from synthgym.tasks import base as tasks


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Write environment.safetensors and progress.parquet."""
    begun, settings, key = time.monotonic(), config.model, stream(root(config.seed), "model")
    seen, first, updates = experience(config)
    say(f"{len(seen.reward):,} steps of {settings.agents} agents, {len(first):,} episodes")
    fit = distil.Fit(settings.fit_steps, settings.fit_batch_size, settings.fit_learning_rate)
    env = synth.make(config.synth, config.task)
    env, errors = distil.mdp(stream(key, "mdp"), env, seen, first, fit)
    say("error of each network: " + ", ".join(f"{head} {x:.3f}" for head, x in errors.items()))
    updates += len(errors) * settings.fit_steps
    took = row("model", time.monotonic() - begun, len(seen.reward), updates, device=device())
    rows = [took | {f"error_{head}": error for head, error in errors.items()}]
    write_table(out / "progress.parquet", table(rows, PROGRESS))
    about = {"kind": "synthetic environment", "config": plain(config), "cost": cost(rows)}
    files.save(out / "environment.safetensors", env.theta, about)
    return ["environment.safetensors", "progress.parquet"]


def experience(config: Config) -> tuple[Transition, Float[Array, "E o"], int]:
    """All steps of the agents' trainings, [step]; where episodes began; updates that it took."""
    settings, key, task = config.model, stream(root(config.seed), "model"), tasks.load(config.task)
    (algorithm,) = config.agents.values()
    agent = agents.load(algorithm, task.spec)
    drawn = spaces.draw(stream(key, "hyperparameters"), algorithm, settings.agents, "sampled")
    keys = jax.random.split(stream(key, "agents"), settings.agents)

    def train(own):
        hyperparameters, key = own
        return agents.train(agent, task, hyperparameters, key, settings.steps)[1]

    setting = jax.tree.map(lambda x: x[0], drawn)
    sizes = agents.footprint(agent, task, setting, settings.steps)
    at_once = parallel.chunk(*sizes, count=settings.agents)
    trained = jax.jit(lambda own: jax.lax.map(train, own, batch_size=at_once))((drawn, keys))
    seen = jax.tree.map(np.asarray, trained)  # [agent, iteration, step, environment]
    ended = _in_order(seen.terminated | seen.truncated)
    begins = np.concatenate([np.ones_like(ended[:, :1]), ended[:, :-1]], axis=1)
    first = _in_order(seen.observation)[begins]
    flat = jax.tree.map(lambda x: _in_order(x).reshape(-1, *x.shape[4:]), seen)
    return flat, jnp.asarray(first), settings.agents * agent.updates(settings.steps)


def _in_order(x: np.ndarray) -> np.ndarray:
    """[agent, iteration, step, environment, ...] -> [agent and environment, step, ...]."""
    agents_, iterations, steps, envs = x.shape[:4]
    moved = np.moveaxis(x, 3, 1)
    return moved.reshape(agents_ * envs, iterations * steps, *x.shape[4:])
