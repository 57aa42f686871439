"""Any environment of gymnax 1.x as an `Env`, for the agents of this package."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments.environment import Environment
from gymnax.environments.spaces import Box, Discrete, Space
from jaxtyping import PyTree

from synthgym.core.types import Action, EnvSpec, Observation, PRNGKey, Step


class FromGymnax(struct.PyTreeNode):
    """An `Env` whose leaves are gymnax's parameters; batch them to have several."""

    params: PyTree
    env: Environment = struct.field(pytree_node=False)
    spec: EnvSpec = struct.field(pytree_node=False)

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        observation, state = self.env.reset_env(key, self.params)
        return state, jnp.asarray(observation, jnp.float32).reshape(-1)

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        observation, state, reward, terminated, _ = self.env.step_env(
            key, state, action, self.params
        )
        terminated = jnp.asarray(terminated, bool)
        truncated = jnp.asarray(self.env.is_truncated(state, self.params), bool) & ~terminated
        reward = jnp.asarray(reward, jnp.float32).reshape(())
        observation = jnp.asarray(observation, jnp.float32).reshape(-1)
        return state, Step(observation, reward, terminated, truncated)


def as_env(env: Environment, params: PyTree) -> FromGymnax:
    """Wrap the environment that `gymnax.make` gives as an `Env`.

    Images, [row, column, channel], are observed in one axis. Raises ValueError where observations
    are neither these nor vectors, or actions are neither one of several nor a vector with the same
    bounds for all numbers.
    """
    observations, actions = env.observation_space(params), env.action_space(params)
    shape = observations.shape if isinstance(observations, Box) else ()
    if len(shape) not in (1, 3):
        kinds = "vectors or images"
        raise ValueError(f"{env.name}: agents here need {kinds} to observe, not {observations}.")
    spec = EnvSpec(
        observation_size=math.prod(shape),
        **_actions(env.name, actions),
        horizon=int(params.max_steps_in_episode),
        image=shape if len(shape) == 3 else (),
    )
    return FromGymnax(params, env, spec)


def _actions(name: str, space: Space) -> dict[str, Any]:
    if isinstance(space, Discrete):
        numbers = {"num_actions": int(space.n), "action_size": 0}
        return numbers | {"action_low": -1.0, "action_high": 1.0}
    low, high = np.unique(space.low), np.unique(space.high)
    if not isinstance(space, Box) or len(space.shape) > 1 or len(low) + len(high) > 2:
        raise ValueError(f"{name}: agents here have no actions such as {space}.")
    numbers = {"num_actions": 0, "action_size": int(np.prod(space.shape))}
    return numbers | {"action_low": float(low[0]), "action_high": float(high[0])}
