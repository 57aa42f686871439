"""A trained environment as one of Gymnasium, alone or as a vector."""

from pathlib import Path
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, PyTree, UInt8

from synthgym import zoo
from synthgym.adapters.pictures import Painter, missing
from synthgym.core.types import EnvSpec, PRNGKey
from synthgym.synth.env import SyntheticEnv
from synthgym.tasks.base import step_and_reset

Info = dict[str, Any]


class GymnasiumEnv(gymnasium.Env[np.ndarray, Any]):
    """The environment that `gymnasium.make("synthgym:Synthetic-CartPole-v1")` gives.

    `render_mode="rgb_array"` draws the real task in the state that the observation shows.
    """

    def __init__(self, env: SyntheticEnv, task_id: str, render_mode: str | None = None):
        self.metadata = metadata(task_id)
        if render_mode not in (None, *self.metadata["render_modes"]):
            why = missing(task_id) or "there is rgb_array only."
            raise ValueError(f"render_mode={render_mode!r} is not possible: {why}")
        self.render_mode, self._task_id = render_mode, task_id
        self.action_space, self.observation_space = action_space(env.spec), observations(env.spec)
        self._painter: Painter | None = None
        self._reset, self._step = jax.jit(env.reset), jax.jit(env.step)
        self._key: PRNGKey | None = None
        self._state: PyTree = None

    def reset(
        self, *, seed: int | None = None, options: Info | None = None
    ) -> tuple[np.ndarray, Info]:
        super().reset(seed=seed)
        if seed is not None or self._key is None:
            self._key = key_of(self.np_random)
        self._key, key = jax.random.split(self._key)
        self._state, observation = self._reset(key)
        return np.asarray(observation), {}

    def step(self, action: ArrayLike) -> tuple[np.ndarray, float, bool, bool, Info]:
        # Nothing that follows a state is random in a synthetic environment, so any key will do.
        self._state, step = self._step(self._key, self._state, jnp.asarray(action))
        return (
            np.asarray(step.observation),
            float(step.reward),
            bool(step.terminated),
            bool(step.truncated),
            {},
        )

    def render(self) -> UInt8[np.ndarray, "h w 3"] | None:
        if self.render_mode is None or self._state is None:
            return None
        self._painter = self._painter or Painter(self._task_id)
        return self._painter(np.asarray(self._state.observation))

    def close(self) -> None:
        if self._painter:
            self._painter.close()
            self._painter = None


class GymnasiumVectorEnv(VectorEnv[np.ndarray, Any, np.ndarray]):
    """The environment that `gymnasium.make_vec` gives: `B` in one compiled step.

    An episode that ends is followed by the next in the same step; the observation in which it ended
    is in `info["final_obs"]`.
    """

    def __init__(self, env: SyntheticEnv, num_envs: int):
        self.metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs, self.render_mode = num_envs, None
        self.single_action_space = action_space(env.spec)
        self.single_observation_space = observations(env.spec)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._key: PRNGKey | None = None
        self._states: PyTree = None

        def reset(key: PRNGKey) -> tuple[PRNGKey, PyTree]:
            key, key_reset = jax.random.split(key)
            return key, jax.vmap(env.reset)(jax.random.split(key_reset, num_envs))

        def step(key: PRNGKey, states: PyTree, actions: Array) -> tuple[PRNGKey, PyTree]:
            key, key_step = jax.random.split(key)
            keys = jax.random.split(key_step, num_envs)
            return key, jax.vmap(step_and_reset, (None, 0, 0, 0))(env, keys, states, actions)

        self._reset, self._step = jax.jit(reset), jax.jit(step)

    def reset(
        self, *, seed: int | None = None, options: Info | None = None
    ) -> tuple[np.ndarray, Info]:
        super().reset(seed=seed)
        if seed is not None or self._key is None:
            self._key = key_of(self.np_random)
        self._key, (self._states, observations) = self._reset(self._key)
        return np.asarray(observations), {}

    def step(
        self, actions: ArrayLike
    ) -> tuple[Float[np.ndarray, "B o"], np.ndarray, np.ndarray, np.ndarray, Info]:
        self._key, (self._states, observations, step) = self._step(
            self._key, self._states, jnp.asarray(actions)
        )
        terminated, truncated = np.asarray(step.terminated), np.asarray(step.truncated)
        info = final(np.asarray(step.observation), terminated | truncated)
        rewards = np.asarray(step.reward, np.float64)
        return np.asarray(observations), rewards, terminated, truncated, info


def final(observations: Float[np.ndarray, "B o"], done: Bool[np.ndarray, " B"]) -> Info:
    """Info of Gymnasium's vector environments on the episodes that ended in this step."""
    if not done.any():
        return {}
    ended = np.empty(len(done), dtype=object)
    for i in np.flatnonzero(done):
        ended[i] = observations[i]
    return {"final_obs": ended, "_final_obs": done, "final_info": {}, "_final_info": done}


def metadata(task_id: str) -> Info:
    """Kinds of pictures that can be drawn here, and how many a second."""
    return {"render_modes": [] if missing(task_id) else ["rgb_array"], "render_fps": 30}


def action_space(spec: EnvSpec) -> spaces.Space[Any]:
    """As that of the real task."""
    if spec.discrete:
        return spaces.Discrete(spec.num_actions)
    return spaces.Box(spec.action_low, spec.action_high, (spec.action_size,), np.float32)


def observations(spec: EnvSpec) -> spaces.Box:
    """Like those of the real task, but without bounds: networks put them out."""
    return spaces.Box(-np.inf, np.inf, (spec.observation_size,), np.float32)


def key_of(generator: np.random.Generator) -> PRNGKey:
    """A key of JAX from Gymnasium's seeded generator."""
    return jax.random.key(int(generator.integers(2**31)))


def make(
    name: str,
    variant: str | None = None,
    version: str | None = None,
    render_mode: str | None = None,
    path: str | Path | None = None,
) -> GymnasiumEnv:
    """The environment of the zoo with that name, or one of that name in a file: `path`.

    Other arguments and errors as those of `zoo.load`.
    """
    source = named(name, path)
    task_id = zoo.card(source, variant, version)["task"]["id"]
    return GymnasiumEnv(zoo.load(source, variant, version), task_id, render_mode)


def make_vec(
    name: str,
    num_envs: int = 1,
    variant: str | None = None,
    version: str | None = None,
    render_mode: str | None = None,
    path: str | Path | None = None,
) -> GymnasiumVectorEnv:
    """The same as a vector; it has no pictures."""
    if render_mode is not None:
        raise ValueError(f"a vector has no pictures: make {name} alone with render_mode.")
    return GymnasiumVectorEnv(zoo.load(named(name, path), variant, version), num_envs)


def named(name: str, path: str | Path | None) -> str | Path:
    """The name, or the path of a file whose environment is called so. Raises ValueError."""
    if path is None:
        return name
    if (found := zoo.card(Path(path))["name"]) != name:
        raise ValueError(f"{path} is {found}, not {name}.")
    return Path(path)
