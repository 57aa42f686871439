"""How many steps a client of Gymnasium takes in a second: random actions, one core, any task.

A single environment, whose episodes the client begins, and vectors, which do that themselves.
"""

import time
from typing import Any

import gymnasium
import numpy as np

PLACES = (
    "CartPole-v1",
    "Synthetic-CartPole-v1/distilled",
    "Synthetic-CartPole-v1/evolved",
    "Synthetic-CartPole-v1/graded",
    "Synthetic-CartPole-v1/world_model",
    "Pendulum-v1",
    "Synthetic-Pendulum-v1/distilled",
)
SIZES = (1, 16, 128)  # of vectors
ROUND = 100  # steps between two looks at the clock


def rates(place: str, at_least: float = 0.5) -> dict[str, float]:
    """Steps per second: alone, and in vectors of each size."""
    name, _, variant = place.partition("/")
    words: dict[str, Any] = {"variant": variant} if variant else {}
    found = {"alone": alone(gymnasium.make(name, **words), at_least)}
    for size in SIZES:
        found[str(size)] = together(gymnasium.make_vec(name, size, **words), at_least)
    return found


def alone(env: Any, at_least: float) -> float:
    """Of an environment that is reset whenever an episode ends."""
    actions = _actions(env)

    def step(action: Any) -> None:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()

    return _rate(step, actions, at_least)


def together(env: Any, at_least: float) -> float:
    """Of a vector, over all of its environments."""
    return env.num_envs * _rate(env.step, _actions(env), at_least)


def _actions(env: Any) -> list[Any]:
    env.reset(seed=0)
    env.action_space.seed(0)
    return [env.action_space.sample() for _ in range(ROUND)]


def _rate(step: Any, actions: list[Any], at_least: float) -> float:
    """Calls per second, of the median round; the first is not counted."""
    seconds: list[float] = []
    begun = time.perf_counter()
    while time.perf_counter() - begun < at_least or len(seconds) < 3:
        before = time.perf_counter()
        for action in actions:
            step(action)
        seconds.append(time.perf_counter() - before)
    return len(actions) / float(np.median(seconds[1:]))
