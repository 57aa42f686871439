"""How much noise does a synthetic environment bear?

After Ferreira et al. 2022, where it is in the code only.

Agents are trained while Gaussian noise disturbs one of the observations that they get, or the
reward, and judged on the real task, which nothing disturbs. What an agent gets is disturbed, not
the state that the environment goes on from. Noise is as large as `intensity` times the standard
deviation of that quantity in trainings that nothing disturbs.
"""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from flax import struct
from jaxtyping import Array, Float, PyTree

from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.core.display import Work
from synthgym.core.io import write_table
from synthgym.core.job import Inputs
from synthgym.core.rng import root, stream
from synthgym.core.settings import Config
from synthgym.core.types import (
    Action,
    Env,
    EnvSpec,
    Hyperparameters,
    Observation,
    PRNGKey,
    Step,
    Transition,
)
from synthgym.evaluation.arm import place_of
from synthgym.synth.base import module_of
from synthgym.tasks import base as tasks
from synthgym.tasks.rollout import episode_returns

REWARD = "reward"


class Noisy(struct.PyTreeNode):
    """An environment of which agents get disturbed observations and rewards."""

    env: PyTree  # an Env
    scale: Float[Array, " q"]  # standard deviation for each observation, then for the reward

    @property
    def spec(self) -> EnvSpec:
        return self.env.spec

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        key_reset, key_noise = jax.random.split(key)
        state, observation = self.env.reset(key_reset)
        return state, observation + self._noise(key_noise)[:-1]

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        key_step, key_noise = jax.random.split(key)
        state, step = self.env.step(key_step, state, action)
        noise = self._noise(key_noise)
        disturbed = {
            "observation": step.observation + noise[:-1],
            "reward": step.reward + noise[-1],
        }
        return state, step._replace(**disturbed)

    def _noise(self, key: PRNGKey) -> Float[Array, " q"]:
        return self.scale * jax.random.normal(key, self.scale.shape)


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Write noise.parquet: a row for each environment, quantity, intensity and agent."""
    quantities = [*config.task.observation_names, REWARD]
    paths, levels = sorted(inputs["environment"], key=place_of), config.noise.intensities
    trial, tables = Trial(config), []
    title = f"noise in {config.task.name} {config.synth.name}"
    with Work(title, len(paths) * len(quantities) * len(levels), "level") as work:
        for path in paths:
            environment, seed = place_of(path)
            env = module_of(config.synth).load(path, config.synth, config.task)
            spread = trial.spread(env)
            for i, quantity in enumerate(quantities):
                for level in levels:
                    scale = jnp.zeros(len(quantities)).at[i].set(level * spread[i])
                    returns = trial(Noisy(env, scale))
                    place = {"task": config.task.name, "environment": environment}
                    rows = {"intensity": level, "draw": range(len(returns)), "return_": returns}
                    about = {"environment_seed": seed, "quantity": quantity}
                    tables.append(pd.DataFrame({**place, **about, **rows}))
                    work.done(work.count + 1, f"{quantity} {level:g}: return {returns.mean():.1f}")
    write_table(out / "noise.parquet", pd.concat(tables, ignore_index=True))
    return ["noise.parquet"]


class Trial:
    """Agents with default hyperparameters, the same for every disturbance; compiled once."""

    def __init__(self, config: Config):
        settings, task = config.noise, tasks.load(config.task)
        (algorithm,) = config.agents.values()
        self.key = stream(root(0), "noise")
        self.drawn = spaces.draw(self.key, algorithm, settings.agents, "default")
        agent = agents.load(algorithm, task.spec)

        def trained(
            env: Env, hyperparameters: Hyperparameters, key: PRNGKey
        ) -> tuple[PyTree, Transition]:
            return agents.train(agent, env, hyperparameters, stream(key, "train"), settings.steps)

        def tested(env: Env, hyperparameters: Hyperparameters, key: PRNGKey) -> Float[Array, ""]:
            policy = partial(agent.act, trained(env, hyperparameters, key)[0])
            returns, _ = episode_returns(stream(key, "test"), task, policy, settings.episodes)
            return returns.mean()

        self.train = jax.jit(jax.vmap(trained, (None, 0, 0)))
        self.test = jax.jit(jax.vmap(tested, (None, 0, 0)))
        self.keys = jax.random.split(stream(self.key, "agents"), settings.agents)

    def __call__(self, env: Noisy) -> np.ndarray:
        """Mean return on the real task of each agent."""
        return np.asarray(self.test(env, self.drawn, self.keys))

    def spread(self, env: Env) -> np.ndarray:
        """Standard deviation of each observation, and of the reward, in undisturbed trainings."""
        _, seen = self.train(env, self.drawn, self.keys)
        observations = np.asarray(seen.next_observation).reshape(-1, env.spec.observation_size)
        values = np.column_stack([observations, np.asarray(seen.reward).reshape(-1)])
        # One that is hardly trained may grow without bounds.
        finite = [column[np.isfinite(column)].astype(float) for column in values.T]
        return np.array([column.std() if len(column) else 0.0 for column in finite])
