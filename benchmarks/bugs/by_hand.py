"""Probe environments as people write them by hand (Jones 2021): values and actions of one seed.

Each asks whether the agent makes the right choice, or where there is none, whether it believes the
right value, to within a tolerance. https://andyljones.com/posts/rl-debugging.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from benchmarks.bugs.trained import Trained

STEPS, GAMMA, TOLERANCE = 2048, 0.5, 0.25
Reward = Callable[[float, float], float]  # for what was observed, and +1 or -1, what was chosen


@dataclass(frozen=True)
class Kind:
    """A probe of one or two steps."""

    observed: tuple[float, ...]  # drawn from, or if it has two steps, one after the other
    reward: Reward  # after the last step
    steps: int = 1
    choice: bool = False  # else whatever is done is the same


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "one reward": Kind((0.0,), lambda seen, chosen: 1.0),
        "reward as observed": Kind((-1.0, 1.0), lambda seen, chosen: seen),
        "reward after two steps": Kind((0.0, 1.0), lambda seen, chosen: 1.0, steps=2),
        "one choice": Kind((0.0,), lambda seen, chosen: chosen, choice=True),
        "choice as observed": Kind((-1.0, 1.0), lambda seen, chosen: seen * chosen, choice=True),
    }
)


class Probe(gymnasium.Env[np.ndarray, Any]):
    """One of them; a continuous action is +1 where it is above 0."""

    def __init__(self, name: str, continuous: bool):
        self.kind = KINDS[name]
        self.observation_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.action_space: spaces.Space[Any] = (
            spaces.Box(-1.0, 1.0, (1,), np.float32)
            if continuous
            else spaces.Discrete(2 if self.kind.choice else 1)
        )
        self._seen, self._step = 0.0, 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        kind, self._step = self.kind, 0
        first = kind.observed[0]
        self._seen = first if kind.steps == 2 else float(self.np_random.choice(kind.observed))
        return np.array([self._seen], np.float32), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self._step += 1
        over = self._step == self.kind.steps
        reward = self.kind.reward(self._seen, self.chosen(action)) if over else 0.0
        if not over:
            self._seen = self.kind.observed[self._step]
        return np.array([self._seen], np.float32), reward, over, False, {}

    def chosen(self, action: Any) -> float:
        """+1 or -1."""
        discrete = isinstance(self.action_space, spaces.Discrete)
        return 1.0 if np.asarray(action).reshape(())[()] > (0.5 if discrete else 0.0) else -1.0


def passes(train: Callable[..., Trained], continuous: bool, seed: int) -> bool:
    """Whether an agent passes all of them; ends with the first that it does not."""
    return all(right(train, name, continuous, seed) for name in KINDS)


def right(train: Callable[..., Trained], name: str, continuous: bool, seed: int) -> bool:
    """Whether all actions are right; or where there is no choice, all values."""
    kind, env = KINDS[name], Probe(name, continuous)
    trained = train(env, seed, STEPS, GAMMA)
    for step, seen in enumerate(kind.observed):
        observation = np.array([seen], np.float32)
        if kind.choice:
            if kind.reward(seen, env.chosen(trained.act(observation))) != 1.0:
                return False
            continue
        due = kind.reward(seen, 1.0) * GAMMA ** (1 - step if kind.steps == 2 else 0)
        if not abs(trained.value(observation) - due) <= TOLERANCE:  # nor where it is no number
            return False
    return True
