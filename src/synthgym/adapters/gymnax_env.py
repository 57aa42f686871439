"""A trained environment as one of gymnax 1.x."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jaxtyping import Array, Bool, Float, PyTree

from synthgym import zoo
from synthgym.core.types import Action, Observation, PRNGKey
from synthgym.synth.env import State, SyntheticEnv, network


@struct.dataclass
class EnvParams(environment.EnvParams):
    """The networks: batch them to have a population of environments."""

    max_steps_in_episode: PyTree = 1  # a number, or batched with the rest
    theta: PyTree = None


class GymnaxEnv(environment.Environment[State, EnvParams]):
    """The environment that `gymnax.make("Synthetic-CartPole-v1")` gives.

    digest: says which environment it is. One made of the same file is equal, so that it need not be
    compiled again; another is not, as its parameters may be constants of a compiled program.
    """

    def __init__(self, env: SyntheticEnv, name: str, digest: str):
        self._env, self._name, self._digest = env.replace(theta=None), name, digest
        self._default = EnvParams(max_steps_in_episode=env.spec.horizon, theta=env.theta)

    @property
    def default_params(self) -> EnvParams:
        return self._default

    @property
    def name(self) -> str:
        return self._name

    @property
    def num_actions(self) -> int:
        return self._env.spec.num_actions or self._env.spec.action_size

    def __hash__(self) -> int:
        return hash((self._name, self._digest))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GymnaxEnv):
            return False
        return (self._name, self._digest) == (other._name, other._digest)

    def reset_env(self, key: PRNGKey, params: EnvParams) -> tuple[Observation, State]:
        state, observation = self._with(params).reset(key)
        return observation, state

    def step_env(
        self, key: PRNGKey, state: State, action: Action, params: EnvParams
    ) -> tuple[Observation, State, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        action = jnp.asarray(action)
        if not self._env.spec.discrete:
            action = action.reshape(self._env.spec.action_size)
        state, step = self._with(params).step(key, state, action)
        discount = jnp.where(step.terminated, 0.0, 1.0)
        return step.observation, state, step.reward, step.terminated, {"discount": discount}

    def get_obs(
        self, state: State, params: EnvParams | None = None, key: PRNGKey | None = None
    ) -> Observation:
        return state.observation

    def is_terminated(self, state: State, params: EnvParams) -> Bool[Array, ""]:
        begun = jnp.asarray(state.time) > 0
        if self._env.spec.bandit:
            return begun
        done = network(self._env, "done").apply({"params": params.theta["done"]}, state.observation)
        return begun & (done[0] > 0.0)

    def is_truncated(self, state: State, params: EnvParams) -> Bool[Array, ""]:
        """By the time limit; not where the episode ended by itself."""
        return (state.time >= params.max_steps_in_episode) & ~self.is_terminated(state, params)

    def action_space(self, params: EnvParams | None = None) -> spaces.Space:
        spec = self._env.spec
        if spec.discrete:
            return spaces.Discrete(spec.num_actions)
        return spaces.Box(spec.action_low, spec.action_high, (spec.action_size,), jnp.float32)

    def observation_space(self, params: EnvParams | None = None) -> spaces.Box:
        return spaces.Box(-jnp.inf, jnp.inf, (self._env.spec.observation_size,), jnp.float32)

    def state_space(self, params: EnvParams) -> spaces.Dict:
        time = spaces.Discrete(self._env.spec.horizon + 1)
        return spaces.Dict({"observation": self.observation_space(params), "time": time})

    def _with(self, params: EnvParams) -> SyntheticEnv:
        return self._env.replace(theta=params.theta)


def make(
    name: str,
    variant: str | None = None,
    version: str | None = None,
    path: str | Path | None = None,
) -> GymnaxEnv:
    """The environment of the zoo with that name, or of that name or `Synthetic` in a file: `path`.

    Other arguments and errors as those of `zoo.load`.
    """
    source, card = zoo.found(name, variant, version, path)
    return GymnaxEnv(zoo.load(source, variant, version), card["name"], card["sha256"])
