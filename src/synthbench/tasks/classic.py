"""Classic-control tasks from gymnax (Lange 2022), whose dynamics are Gymnasium's."""

from functools import cache
from typing import Any

import gymnax
import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments.spaces import Discrete
from jaxtyping import PyTree

from synthbench.tasks.base import spec_of
from synthbench.types import Action, EnvSpec, Observation, PRNGKey, Step


class GymnaxTask(struct.PyTreeNode):
    """A gymnax environment as an `Env`. Has no leaves: everything about a real task is fixed."""

    spec: EnvSpec = struct.field(pytree_node=False)
    id: str = struct.field(pytree_node=False)

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        env, params = _gymnax(self.id, self.spec.horizon)
        observation, state = env.reset_env(key, params)
        return state, observation.astype(jnp.float32)

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        env, params = _gymnax(self.id, self.spec.horizon)
        observation, state, reward, terminated, _ = env.step_env(key, state, action, params)
        terminated = jnp.asarray(terminated, bool)
        truncated = env.is_truncated(state, params) & ~terminated
        reward = jnp.asarray(reward, jnp.float32).reshape(())
        return state, Step(observation.astype(jnp.float32), reward, terminated, truncated)


def make(task: Any) -> GymnaxTask:
    """The task of a config section.

    Raises ValueError where the section contradicts the environment.
    """
    env, params = _gymnax(task.id, int(task.horizon))
    spec = spec_of(task)
    (size,) = env.observation_space(params).shape
    kind = "discrete" if isinstance(env.action_space(params), Discrete) else "continuous"
    is_so = {
        "observation_size": (task.observation_size, size),
        "action.kind": (task.action.kind, kind),
        "action.size": (task.action.size, env.num_actions),
    }
    for setting, (said, true) in is_so.items():
        if said != true:
            file = f"conf/task/{task.name}.yaml"
            raise ValueError(f"{file}: {setting} is {said}, but that of {task.id} is {true}.")
    return GymnaxTask(spec=spec, id=task.id)


@cache
def _gymnax(name: str, horizon: int) -> tuple[Any, Any]:
    with jax.ensure_compile_time_eval():  # what is kept must not belong to a trace
        env, params = gymnax.make(name)
    return env, params.replace(max_steps_in_episode=horizon)
