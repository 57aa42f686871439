"""What every task needs: loading by name of module, and stepping with automatic reset."""

import importlib
import operator
from collections.abc import Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from synthgym.core.types import Action, Env, EnvSpec, Observation, PRNGKey, Step


def load(task: Any) -> Env:
    """The task that a config section describes (`module`, `id`, ...)."""
    return importlib.import_module(task.module).make(task)


def spec_of(task: Any, horizon: int | None = None) -> EnvSpec:
    """The spec in a task's config section; `horizon` where it is not the task's own."""
    discrete = task.action.kind == "discrete"
    return EnvSpec(
        observation_size=int(task.observation_size),
        num_actions=int(task.action.size) if discrete else 0,
        action_size=0 if discrete else int(task.action.size),
        action_low=float(task.action.low),
        action_high=float(task.action.high),
        horizon=int(task.horizon if horizon is None else horizon),
        num_states=int(task.num_states),
    )


def check(task: Any, true: Mapping[str, Any], options: Collection[str] = ()) -> None:
    """Refuse a config section that contradicts its environment, or has options unknown to it.

    `true`: what the environment says of settings such as `action.size`. Raises ValueError.
    """
    file = f"conf/task/{task.name}.yaml"
    for setting, value in true.items():
        said = operator.attrgetter(setting)(task)
        if said != value:
            raise ValueError(f"{file}: {setting} is {said}, but that of {task.id} is {value}.")
    for option in task.options:
        if option not in options:
            known = ", ".join(options) or "none"
            raise ValueError(f"{file}: {task.id} has no option {option}; there is {known}.")


def select(condition: Any, when_true: PyTree, when_false: PyTree) -> PyTree:
    """`jnp.where` over two trees of one structure, for a scalar condition."""
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), when_true, when_false)


def step_and_reset(
    env: Env, key: PRNGKey, state: PyTree, action: Action
) -> tuple[PyTree, Observation, Step]:
    """Act once; where that ends the episode, begin the next.

    Returns the state and observation to act on next, and the step as it was: its observation is
    the final one where an episode ended.
    """
    key_step, key_reset = jax.random.split(key)
    state, step = env.step(key_step, state, action)
    first_state, first_observation = env.reset(key_reset)
    done = step.terminated | step.truncated
    return (
        select(done, first_state, state),
        jnp.where(done, first_observation, step.observation),
        step,
    )
