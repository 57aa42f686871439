"""Tasks: loading by name of module, checking of settings, stepping with automatic reset."""

import importlib
import operator
from collections.abc import Collection, Mapping
from typing import Protocol, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, PyTree

from synthgym.core import settings
from synthgym.core.types import Action, Env, Observation, PRNGKey, Step


class Module(Protocol):
    """A module that provides tasks."""

    def make(self, task: settings.Task) -> Env: ...


def load(task: settings.Task) -> Env:
    """The task of these settings."""
    return cast(Module, importlib.import_module(task.module)).make(task)


def check(task: settings.Task, true: Mapping[str, object], options: Collection[str] = ()) -> None:
    """Refuse settings that contradict their environment, or options that it does not have.

    `true`: what the environment says of settings such as `action.size`. Raises ValueError.
    """
    file = f"conf/task/{task.name}.yaml"
    for setting, value in true.items():
        configured = operator.attrgetter(setting)(task)
        if configured != value:
            raise ValueError(
                f"{file}: {setting} is {configured}, but that of {task.id} is {value}."
            )
    for option in task.options:
        if option not in options:
            known = ", ".join(options) or "none"
            raise ValueError(f"{file}: {task.id} has no option {option}; there is {known}.")


def select(condition: Bool[Array, ""], when_true: PyTree, when_false: PyTree) -> PyTree:
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
