"""Agents that learn in milliseconds, sound and at fault, for tests of what tests agents."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np


@dataclass(frozen=True)
class QLearning:
    """Tabular Q-learning with replay of the last step only; each flag is a fault.

    gamma: in the place of the discount that it is told.
    """

    gamma: float | None = None
    through_the_end: bool = False  # bootstraps where the episode has terminated
    time_limit_ends: bool = False  # does not bootstrap where it was truncated
    after_reset: bool = False  # bootstraps from the first observation of the next episode
    least: bool = False  # bootstraps from the worst action of the next state
    late: bool = False  # stores an observation with action and reward of the step before
    rate: float = 0.1
    epsilon: float = 0.2
    looks_first: int = 10**9  # learns from so many first steps only

    def __call__(self, env: gymnasium.Env, seed: int, steps: int, gamma: float) -> Callable:
        draw, gamma = np.random.default_rng(seed), gamma if self.gamma is None else self.gamma
        q = np.zeros((*env.observation_space.shape, 2))  # type: ignore[misc]
        state, last = int(env.reset(seed=seed)[0].argmax()), (0, 0.0)
        for step in range(steps):
            explores = draw.random() < self.epsilon
            action = int(draw.integers(2) if explores else q[state].argmax())
            observation, reward, terminated, truncated, _ = env.step(action)
            then = int(observation.argmax())
            begins = int(env.reset()[0].argmax()) if terminated or truncated else then
            values = q[begins if self.after_reset else then]
            follows = values.min() if self.least else values.max()
            ends = (terminated and not self.through_the_end) or (truncated and self.time_limit_ends)
            target = float(reward) + (0.0 if ends else gamma * follows)
            a, value = last if self.late else (action, target)
            if step < self.looks_first:
                q[state, a] += self.rate * (value - q[state, a])
            last, state = (action, target), begins
        return lambda observation: q[int(observation.argmax())].argmax()


def balances(env: gymnasium.Env, seed: int) -> Callable[[Any], int]:
    """Without learning anything: pushes to where the pole falls, and back to the middle."""
    weights = np.array([0.1, 0.3, 1.0, 1.0])
    return lambda observation: int(weights @ observation > 0)
