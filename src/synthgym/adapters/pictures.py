"""Pictures of real tasks in the state that an observation shows, drawn by Gymnasium.

Its classic-control tasks can be put into any state and drawn, with pygame, which is an extra:
`synthgym[watch]`.
"""

import importlib.util
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, UInt8

from synthgym.core.extras import installation

State = Float[np.ndarray, " s"]

# Gymnasium's ID -> the state that its drawing wants, of an observation.
STATES: Mapping[str, Callable[[Float[np.ndarray, " o"]], State]] = MappingProxyType(
    {
        "CartPole-v0": lambda o: o,
        "CartPole-v1": lambda o: o,
        "MountainCar-v0": lambda o: o,
        "MountainCarContinuous-v0": lambda o: o,
        "Pendulum-v1": lambda o: np.array([np.arctan2(o[1], o[0]), o[2]]),
        "Acrobot-v1": lambda o: np.array(
            [np.arctan2(o[1], o[0]), np.arctan2(o[3], o[2]), o[4], o[5]]
        ),
    }
)
VERSIONS = {"CartPole-v0": "CartPole-v1"}  # which looks the same, and is not out of date


def missing(task_id: str) -> str | None:
    """Why a task cannot be drawn, in a sentence; None where it can."""
    if task_id not in STATES:
        return f"Gymnasium has no picture of {task_id} that its observation determines."
    for module in ("gymnasium", "pygame"):
        if importlib.util.find_spec(module) is None:
            return f"a picture needs {module}, which is not here: {installation('watch')}."
    return None


class Painter:
    """Draws states of a task. Raises ValueError where `missing` says why it cannot."""

    def __init__(self, task_id: str):
        if why := missing(task_id):
            raise ValueError(why)
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # into memory, not onto a screen
        os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
        import gymnasium

        self._state = STATES[task_id]
        self._env = gymnasium.make(VERSIONS.get(task_id, task_id), render_mode="rgb_array")
        self._env.reset(seed=0)

    def __call__(self, observation: Float[np.ndarray, " o"]) -> UInt8[np.ndarray, "h w 3"]:
        """The picture: height, width, and red, green, blue from 0 to 255."""
        inner = self._env.unwrapped
        inner.state = self._state(np.asarray(observation, float))  # type: ignore[attr-defined]
        picture = inner.render()
        assert isinstance(picture, np.ndarray)
        return picture

    def close(self) -> None:
        self._env.close()
