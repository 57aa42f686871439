"""The rewards that an agent gets with a reward network, for every state and action of a task.

For tasks whose states are numbered (Ferreira et al. 2022, learned rewards on the cliff's map).
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float, Int

from synthgym.core.io import write_table
from synthgym.core.job import Inputs
from synthgym.core.settings import Config
from synthgym.evaluation.arm import place_of
from synthgym.synth import reward
from synthgym.synth.reward import RewardNetwork


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Write rewards.parquet: a row for each state and action, for each network of a kind."""
    (agent,) = config.agents.values()
    tables = []
    for path in inputs["environment"]:
        env = reward.load(path, config.synth, config.task)
        gamma = jnp.float32(agent.hyperparameters["gamma"])
        rewards = np.asarray(learned_rewards(env.with_discount(gamma)))
        states, actions = rewards.shape
        columns = {
            "task": config.task.name,
            "network": config.synth.reward,
            "network_seed": place_of(path)[1],
            "state": np.repeat(np.arange(states), actions),
            "action": np.tile(np.arange(actions), states),
            "reward": rewards.reshape(-1),
        }
        tables.append(pd.DataFrame(columns))
    write_table(out / "rewards.parquet", pd.concat(tables, ignore_index=True))
    return ["rewards.parquet"]


def learned_rewards(env: RewardNetwork) -> Float[Array, "s a"]:
    """Reward of each action in each state, at the beginning of an episode."""

    def reward(observation: Float[Array, " o"], action: Int[Array, ""]) -> Float[Array, ""]:
        return env.step(jax.random.key(0), env.state_at(observation), action)[1].reward

    actions = jnp.arange(env.spec.num_actions)
    states = jnp.eye(env.spec.num_states)
    of_state = jax.vmap(reward, (None, 0))
    return jax.jit(jax.vmap(of_state, (0, None)))(states, actions)
