"""A trained environment as one of Gymnasium, alone or as a vector; without JAX."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from jaxtyping import Bool, Float, UInt8

from synthgym import zoo
from synthgym.adapters.deck import Deck
from synthgym.adapters.pictures import Painter, missing
from synthgym.core.spec import EnvSpec
from synthgym.synth.in_numpy import NumpyEnv

Info = dict[str, Any]
Picture = UInt8[np.ndarray, "h w 3"]
WHOLE = (int, np.int64)
FIRST = "Call reset before using step method."


class Drawn:
    """Draws the real task in the state that an observation shows."""

    _painter: Painter | None = None

    def __init__(self, task_id: str, render_mode: str | None):
        if render_mode not in (None, *metadata(task_id)["render_modes"]):
            why = missing(task_id) or "there is rgb_array only."
            raise ValueError(f"render_mode={render_mode!r} is not possible: {why}")
        self.render_mode, self._task_id = render_mode, task_id

    def picture(self, observation: Float[np.ndarray, " o"]) -> Picture:
        self._painter = self._painter or Painter(self._task_id)
        return self._painter(observation)

    def put_away(self) -> None:
        if self._painter:
            self._painter.close()
            self._painter = None

    def __getstate__(self) -> Info:
        return {**vars(self), "_painter": None}  # what pygame has open cannot be copied


class GymnasiumEnv(Drawn, gymnasium.Env[np.ndarray, Any]):
    """The environment that `gymnasium.make("synthgym:Synthetic-CartPole-v1")` gives.

    `render_mode="rgb_array"` draws the real task in the state that the observation shows.
    """

    def __init__(self, env: NumpyEnv, task_id: str, render_mode: str | None = None):
        super().__init__(task_id, render_mode)
        self.metadata = metadata(task_id)
        self.action_space, self.observation_space = action_space(env.spec), observations(env)
        self._env, self._deck = env, Deck(env)
        self._observation: Float[np.ndarray, " o"] | None = None
        self._prospects = np.empty(0, np.float32)
        self._time = 0

    def reset(
        self, *, seed: int | None = None, options: Info | None = None
    ) -> tuple[np.ndarray, Info]:
        if seed is not None:
            super().reset(seed=seed)
        observations, prospects = self._deck.deal(self.np_random, 1)
        self._observation, self._prospects, self._time = observations[0], prospects[0], 0
        return observations[0].copy(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, Info]:
        before, env = self._observation, self._env
        assert before is not None, FIRST
        action = valid(self.action_space, action)
        if env.spec.bandit:
            return before.copy(), float(env.reward(self._prospects, action)), True, False, {}
        reward = float(env.reward(env.prospects(before), action))
        self._observation, terminated = env.follow(before, action)
        self._time += 1
        truncated = self._time >= env.spec.horizon and not terminated
        return self._observation.copy(), reward, bool(terminated), truncated, {}

    def render(self) -> Picture | None:
        if self.render_mode is None or self._observation is None:
            return None
        return self.picture(self._observation)

    def close(self) -> None:
        self.put_away()


class GymnasiumVectorEnv(Drawn, VectorEnv[np.ndarray, Any, np.ndarray]):
    """The environment that `gymnasium.make_vec` gives: `B` in one step.

    An episode that ends is followed by the next as `autoreset_mode` says: in the next step, whose
    action counts for nothing and whose reward is 0; in the same step, and the observation in which
    it ended is in `info["final_obs"]`; or when `reset(options={"reset_mask": ...})` says so.
    """

    def __init__(
        self,
        env: NumpyEnv,
        task_id: str,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ):
        super().__init__(task_id, render_mode)
        self._mode = AutoresetMode(autoreset_mode)
        self.metadata = {**metadata(task_id), "autoreset_mode": self._mode}
        self.num_envs = num_envs
        self.single_action_space = action_space(env.spec)
        self.single_observation_space = observations(env)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._env, self._deck = env, Deck(env)
        self._limit = min(env.spec.horizon, max_episode_steps or env.spec.horizon)
        self._observations: Float[np.ndarray, "B o"] | None = None
        self._prospects = np.empty((num_envs, 0), np.float32)
        self._times, self._done = np.zeros(num_envs, int), np.zeros(num_envs, bool)

    def reset(
        self, *, seed: int | None = None, options: Info | None = None
    ) -> tuple[Float[np.ndarray, "B o"], Info]:
        super().reset(seed=seed)
        every = np.ones(self.num_envs, bool)
        which = (options or {}).get("reset_mask", every)
        assert isinstance(which, np.ndarray), f"reset_mask must be an array, not {type(which)}"
        assert which.dtype == bool, f"reset_mask must be of bool, not {which.dtype}"
        assert which.shape == (self.num_envs,), f"reset_mask has shape {which.shape}"
        assert which.any(), "reset_mask must name an environment"
        return self._begin(which if self._observations is not None else every).copy(), {}

    def step(
        self, actions: Any
    ) -> tuple[Float[np.ndarray, "B o"], np.ndarray, np.ndarray, np.ndarray, Info]:
        now, env, idle = self._observations, self._env, self._done
        assert now is not None, FIRST
        actions = valid(self.action_space, actions)
        assert self._mode != AutoresetMode.DISABLED or not idle.any(), (
            "some episodes have ended: call reset with a reset_mask"
        )
        self._times += 1
        if env.spec.bandit:
            rewards = env.reward(self._prospects, actions)
            ended: Any = np.ones(self.num_envs, bool)
        else:
            rewards = env.reward(env.prospects(now), actions)
            now, ended = env.follow(now, actions)
            self._observations = now
        terminated: np.ndarray = ended
        truncated, rewards = (self._times >= self._limit) & ~terminated, rewards.astype(float)
        info: Info = {}
        if self._mode == AutoresetMode.NEXT_STEP and idle.any():
            for each in (rewards, terminated, truncated):
                each[idle] = 0
            now = self._begin(idle)
        self._done = terminated | truncated
        if self._mode == AutoresetMode.SAME_STEP and (info := final(now, self._done)):
            now = self._begin(self._done)
        return now.copy(), rewards, terminated, truncated, info

    def _begin(self, which: Bool[np.ndarray, " B"]) -> Float[np.ndarray, "B o"]:
        """Begin these episodes; the observations of all."""
        first, prospects = self._deck.deal(self.np_random, int(which.sum()))
        if self._observations is None or len(first) == self.num_envs:
            self._observations, self._prospects = first, prospects
        else:
            self._observations, self._prospects = self._observations.copy(), self._prospects.copy()
            self._observations[which], self._prospects[which] = first, prospects
        self._times[which], self._done = 0, self._done & ~which
        return self._observations

    def render(self) -> tuple[Picture, ...] | None:
        if self.render_mode is None or self._observations is None:
            return None
        return tuple(self.picture(observation) for observation in self._observations)

    def close_extras(self, **kwargs: Any) -> None:
        self.put_away()


def final(observations: Float[np.ndarray, "B o"], done: Bool[np.ndarray, " B"]) -> Info:
    """Info of Gymnasium's vector environments on the episodes that ended in this step."""
    if not done.any():
        return {}
    ended = np.empty(len(done), dtype=object)
    for i in np.flatnonzero(done):
        ended[i] = observations[i].copy()
    return {"final_obs": ended, "_final_obs": done, "final_info": {}, "_final_info": done}


def valid(space: spaces.Space[Any], action: Any) -> Any:
    """The action, clipped to its bounds where it is continuous, as in Gymnasium's own tasks.

    Raises AssertionError for a discrete one that the space does not have, as those do.
    """
    if isinstance(space, spaces.Discrete) and type(action) in WHOLE and 0 <= action < space.n:
        return action  # at once, as `contains` takes half of a step
    if isinstance(space, spaces.Box):
        return np.asarray(action, np.float32).reshape(space.shape).clip(space.low, space.high)
    assert space.contains(action), f"{action!r} ({type(action)}) invalid"
    return np.asarray(action, np.int64)  # True is 1, not a mask


def metadata(task_id: str) -> Info:
    """Kinds of pictures that can be drawn here, and how many a second."""
    return {"render_modes": [] if missing(task_id) else ["rgb_array"], "render_fps": 30}


def action_space(spec: EnvSpec) -> spaces.Space[Any]:
    """As that of the real task."""
    if spec.discrete:
        return spaces.Discrete(spec.num_actions)
    return spaces.Box(spec.action_low, spec.action_high, (spec.action_size,), np.float32)


def observations(env: NumpyEnv) -> spaces.Box:
    """Like those of the real task; bounds are known of one-hot vectors and of a bandit's table.

    What never varies there, as masses, has room on both sides: nobody divides by a width of 0.
    """
    low, high, table = -np.inf, np.inf, env.table()
    if env.spec.num_states:
        low, high = 0.0, 1.0
    elif env.spec.bandit and table is not None:
        least, most = table.min(0), table.max(0)
        room = (most <= least).astype(np.float32)
        return spaces.Box(least - room, most + room, dtype=np.float32)
    return spaces.Box(low, high, (env.spec.observation_size,), np.float32)


def make(
    name: str,
    variant: str | None = None,
    version: str | None = None,
    render_mode: str | None = None,
    path: str | Path | None = None,
) -> GymnasiumEnv:
    """The environment of the zoo with that name, or of that name or `Synthetic` in a file: `path`.

    Other arguments and errors as those of `zoo.load`.
    """
    return GymnasiumEnv(*found(name, variant, version, path), render_mode)


def make_vec(
    name: str,
    num_envs: int = 1,
    variant: str | None = None,
    version: str | None = None,
    path: str | Path | None = None,
    **settings: Any,
) -> GymnasiumVectorEnv:
    """The same as a vector; `settings` as those of `GymnasiumVectorEnv`."""
    return GymnasiumVectorEnv(*found(name, variant, version, path), num_envs, **settings)


def found(
    name: str, variant: str | None, version: str | None, path: str | Path | None
) -> tuple[NumpyEnv, str]:
    """The environment, and its task's ID. Errors as those of `zoo.found`."""
    source, card = zoo.found(name, variant, version, path)
    return zoo.in_numpy(source, variant, version), card["task"]["id"]
