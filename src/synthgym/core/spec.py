"""What of an environment is fixed, and known without JAX."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthgym.core import settings


@dataclass(frozen=True)
class EnvSpec:
    """The fixed properties of an environment; hashable, so that it can be static under `jit`."""

    observation_size: int
    num_actions: int  # number of discrete actions; 0 where actions are continuous
    action_size: int  # dimensions of a continuous action; 0 where actions are discrete
    action_low: float  # bounds of every dimension of a continuous action
    action_high: float
    horizon: int  # steps per episode before truncation
    num_states: int = 0  # observations are one-hot vectors of so many states; 0: they are numbers
    image: tuple[int, ...] = ()  # rows, columns, channels of an observation; (): it is none

    @property
    def discrete(self) -> bool:
        return self.num_actions > 0

    @property
    def bandit(self) -> bool:
        """Whether every episode has one step, so that nothing in an environment is sequential."""
        return self.horizon == 1


def image_of(options: Mapping[str, Any]) -> tuple[int, ...]:
    """Rows, columns and channels of what a task with these options shows; (): no image."""
    return tuple(options.get("image", ()))


def num_names(task: Mapping[str, Any]) -> int:
    """How many `observation_names` a task has: for each number, or each channel of an image."""
    return int([task["observation_size"], *image_of(task["options"])][-1])


def spec_of(task: settings.Task, horizon: int | None = None) -> EnvSpec:
    """The spec that a task's settings say; `horizon` where it is not the task's own."""
    discrete = task.action.kind == "discrete"
    return EnvSpec(
        observation_size=int(task.observation_size),
        num_actions=int(task.action.size) if discrete else 0,
        action_size=0 if discrete else int(task.action.size),
        action_low=float(task.action.low),
        action_high=float(task.action.high),
        horizon=int(task.horizon if horizon is None else horizon),
        num_states=int(task.num_states),
        image=image_of(task.options),
    )
