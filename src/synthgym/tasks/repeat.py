"""A task of another module in which every action is taken several times in a row.

As in Ferreira et al. 2022 in MountainCarContinuous: who acts at random gets further. In a plan,
`task: {module: synthgym.tasks.repeat, options: {of: synthgym.tasks.classic, repeat: 2}}`. A
step of such a task is an action, that is up to `repeat` steps of the task itself; its horizon in
the configuration stays that of the task itself.
"""

import dataclasses

import jax
from flax import struct
from jaxtyping import Array, Float, PyTree

from synthgym.core import settings
from synthgym.core.types import Action, EnvSpec, Informed, Observation, PRNGKey, Step
from synthgym.tasks.base import load, select

OPTIONS = ("of", "repeat")


class Repeated(struct.PyTreeNode):
    """An environment whose steps are `repeat` of `task`, or fewer where the episode ends."""

    task: PyTree  # an Env
    repeat: int = struct.field(pytree_node=False)

    @property
    def spec(self) -> EnvSpec:
        """The task's, but that an episode has as many steps as actions."""
        spec: EnvSpec = self.task.spec
        return dataclasses.replace(spec, horizon=-(-spec.horizon // self.repeat))

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        state, observation = self.task.reset(key)
        return state, observation

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        """Repeat the action until the episode ends; rewards add up."""
        keys = jax.random.split(key, self.repeat)
        carry = self.task.step(keys[0], state, action)

        def again(carry: tuple[PyTree, Step], key: PRNGKey) -> tuple[tuple[PyTree, Step], None]:
            state, so_far = carry
            new, step = self.task.step(key, state, action)
            step = step._replace(reward=so_far.reward + step.reward)
            return select(so_far.terminated | so_far.truncated, carry, (new, step)), None

        (state, step), _ = jax.lax.scan(again, carry, keys[1:])
        return state, step

    @property
    def info_names(self) -> tuple[str, ...]:
        return self.task.info_names if isinstance(self.task, Informed) else ()

    def info(self, state: PyTree) -> Float[Array, " i"]:
        """The task's, of the last step."""
        return self.task.info(state)


def make(task: settings.Task) -> Repeated:
    """The task of a config section.

    Raises ValueError where `options` lack the module or how often, or have what it does not know.
    """
    place = f"task {task.name}: options"
    if "of" not in task.options or "repeat" not in task.options:
        raise ValueError(f"{place} must say `of` (the task's own module) and `repeat` (how often).")
    module, repeat = str(task.options["of"]), task.options["repeat"]
    if not isinstance(repeat, int) or repeat < 1:
        raise ValueError(f"{place}.repeat must be 1 or more, not {repeat}.")
    own = {name: value for name, value in task.options.items() if name not in OPTIONS}
    return Repeated(load(task.replace(module=module, options=own)), repeat)
