"""Observations and rewards of a synthetic environment beside the real task; and its reward surface.

As in Ferreira et al. 2022 (Fig. 4): observations and rewards that agents get as they train in the
synthetic environment, those of the same agents tested on the real task, and what the synthetic
environment answers to the states and actions of these tests.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float

from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.core import settings
from synthgym.core.display import Work
from synthgym.core.io import write_table
from synthgym.core.job import Inputs
from synthgym.core.rng import root, stream
from synthgym.core.settings import Config
from synthgym.core.types import Transition
from synthgym.evaluation.rollout import observed
from synthgym.synth import stored
from synthgym.synth.env import SyntheticEnv
from synthgym.tasks import base as tasks
from synthgym.tasks.rollout import episodes

GRID = 61  # points per dimension of the surface
SURFACE = ("x_name", "y_name", "x", "y", "action", "reward")


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Record agents: those that it was meta-trained with, or all that it is to train."""
    (path,) = inputs["environment"]
    env = stored.load(path, config)
    names = config.task.observation_names
    values, visited = [], []
    with Work(f"{config.task.name} {config.synth.name}", len(config.agents), "algorithm") as w:
        for i, name in enumerate(sorted(config.agents)):
            training, test, answer = record(config, env, config.agents[name])
            sources = {
                "synthetic_training": training,
                "real_test": test,
                "synthetic_on_real": answer,
            }
            for source, transitions in sources.items():
                table = histogram_values(transitions, names, env.spec.bandit)
                if env.spec.bandit and source == "synthetic_on_real":
                    table = table[table.quantity == "reward"]  # nothing follows on a step
                values.append(table.assign(source=source, agent=name))
            visited.append(test.observation)
            w.done(i + 1, name)
    write_table(out / "values.parquet", pd.concat(values, ignore_index=True))
    write_table(out / "surface.parquet", surface(env, config.task, np.concatenate(visited)))
    return ["values.parquet", "surface.parquet"]


def record(
    config: Config, env: SyntheticEnv, algorithm: settings.Agent
) -> tuple[Transition, Transition, Transition]:
    """Transitions, [sample, ...]: synthetic training, real test, synthetic answers to the test.

    The answers are to the observations and actions of the test, one by one.
    """
    behaviour, task = config.behaviour, tasks.load(config.task)
    agent = agents.load(algorithm, env.spec)
    key = stream(root(config.seed), f"behaviour {agent.name}")
    drawn = spaces.draw(stream(key, "hyperparameters"), algorithm, behaviour.agents, "sampled")

    @jax.jit  # environments are arguments, so that those of a kind share compiled programs
    @partial(jax.vmap, in_axes=(None, 0, 0))
    def train_and_test(env, hyperparameters, key):
        key_train, key_test = stream(key, "train"), stream(key, "test")
        params, training = agents.train(agent, env, hyperparameters, key_train, behaviour.steps)
        policy = partial(agent.act, params)
        return training, *episodes(key_test, task, policy, behaviour.episodes)

    keys = jax.random.split(stream(key, "agents"), behaviour.agents)
    training, test, happened = train_and_test(env, drawn, keys)
    rng = np.random.default_rng(config.seed)
    training = _sample(rng, training, np.ones(training.reward.shape, bool), behaviour.samples)
    test = _sample(rng, test, np.asarray(happened), behaviour.samples)

    @jax.jit
    @partial(jax.vmap, in_axes=(None, 0, 0))
    def answer(env, observation, action):
        _, step = env.step(jax.random.key(0), env.state_at(observation), action)
        return Transition(observation, action, step.reward, step.observation, *step[2:])

    return training, test, jax.tree.map(np.asarray, answer(env, test.observation, test.action))


def histogram_values(transitions: Transition, names: Sequence[str], bandit: bool) -> pd.DataFrame:
    """Columns quantity, value: each dimension of what is observed, and the reward.

    In a bandit the context is observed, else the next state.
    """
    observations = transitions.observation if bandit else transitions.next_observation
    columns: dict[str, Any] = dict(observed(observations, names))
    columns["reward"] = transitions.reward
    return pd.DataFrame(columns).melt(var_name="quantity", value_name="value")


def surface(
    env: SyntheticEnv, task: settings.Task, visited: Float[np.ndarray, "S o"]
) -> pd.DataFrame:
    """Rewards over two observation dimensions, the others at their median.

    The grid covers the range `visited` on the real task. No row where the task names no two.
    """
    if not task.surface:
        return pd.DataFrame(columns=list(SURFACE))
    first, second = (task.observation_names.index(name) for name in task.surface)
    low, high = np.quantile(visited, [0.005, 0.995], axis=0)
    x, y = np.meshgrid(
        np.linspace(low[first], high[first], GRID), np.linspace(low[second], high[second], GRID)
    )
    observations = np.tile(np.median(visited, axis=0), (x.size, 1))
    observations[:, first], observations[:, second] = x.reshape(-1), y.reshape(-1)
    if env.spec.discrete:
        actions = jnp.arange(env.spec.num_actions)
    else:  # every dimension at its lower bound, in the middle, at its upper bound
        levels = jnp.linspace(env.spec.action_low, env.spec.action_high, 3)
        actions = jnp.tile(levels[:, None], (1, env.spec.action_size))

    @jax.jit
    @partial(jax.vmap, in_axes=(None, 0))
    def rewards(env: SyntheticEnv, observation: Float[Array, " o"]) -> Float[Array, " k"]:
        return jax.vmap(env.reward, (None, 0))(observation, actions)

    values = np.asarray(rewards(env, jnp.asarray(observations, jnp.float32)))
    points, count = values.shape
    return pd.DataFrame(
        {
            "x_name": task.surface[0],
            "y_name": task.surface[1],
            "x": np.repeat(x.reshape(-1), count),
            "y": np.repeat(y.reshape(-1), count),
            "action": np.tile(np.arange(count), points),
            "reward": values.reshape(-1),
        }
    )


def _sample(
    rng: np.random.Generator, transitions: Transition, happened: np.ndarray, count: int
) -> Transition:
    """At most `count` of the transitions that happened, without replacement; one leading axis."""
    candidates = np.flatnonzero(happened)
    chosen = rng.choice(candidates, min(count, len(candidates)), replace=False)
    axes = happened.ndim
    return jax.tree.map(lambda x: np.asarray(x).reshape(-1, *x.shape[axes:])[chosen], transitions)
