"""An agent that compiles in no time, for tests of what is done with agents.

As an agent in a config section: `module: learners`.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float, Int, PyTree

from synthgym.agents.base import begin, collect
from synthgym.core import settings
from synthgym.core.types import (
    Action,
    Env,
    EnvSpec,
    Hyperparameters,
    Observation,
    PRNGKey,
    Transition,
)


class Learnt(struct.PyTreeNode):
    """What a `Learner` knows."""

    params: Float[Array, "i n"]
    env_states: PyTree
    observations: Float[Array, "B o"]
    step: Int[Array, ""]
    episodes: Int[Array, ""]


@dataclass(frozen=True)
class Learner:
    """Adds `rate` times reward times what was seen to the row of the action, which it guesses."""

    spec: EnvSpec
    num_envs: int
    name: str

    @property
    def steps_per_iteration(self) -> int:
        return self.num_envs

    def updates(self, num_steps: int) -> int:
        return num_steps // self.num_envs

    def init(
        self, key: PRNGKey, env: Env, hyperparameters: Hyperparameters, num_steps: int
    ) -> Learnt:
        params = jnp.zeros((self.spec.observation_size + 1, self.spec.num_actions))
        return Learnt(params, *begin(env, key, self.num_envs), jnp.int32(0), jnp.int32(0))

    def iterate(
        self,
        key: PRNGKey,
        state: Learnt,
        env: Env,
        hyperparameters: Hyperparameters,
        num_steps: int,
    ) -> tuple[Learnt, Transition]:
        def guess(key: PRNGKey, observation: Observation) -> Action:
            return jax.random.randint(key, (), 0, self.spec.num_actions)

        states, observations, seen = collect(
            env, guess, state.env_states, state.observations, key, 1
        )
        chosen = jax.nn.one_hot(seen.action, self.spec.num_actions)
        credit = seen.reward[..., None, None] * seen_with_one(seen.observation)[..., None]
        change = hyperparameters["rate"] * (credit * chosen[..., None, :]).sum((0, 1))
        ended = (seen.terminated | seen.truncated).sum()
        step, episodes = state.step + self.num_envs, state.episodes + ended
        return Learnt(state.params + change, states, observations, step, episodes), seen

    def act(self, params: PyTree, key: PRNGKey, observation: Observation) -> Action:
        return self.preferences(params, observation).argmax(-1)

    def preferences(self, params: PyTree, observation: Observation) -> Float[Array, " k"]:
        return seen_with_one(observation) @ params


def seen_with_one(observation: Float[Array, "*b o"]) -> Float[Array, "*b i"]:
    return jnp.concatenate([observation, jnp.ones_like(observation[..., :1])], axis=-1)


def make(agent: settings.Agent, spec: EnvSpec) -> Learner:
    """The agent of such settings."""
    num_envs = agent.static["num_envs"]
    assert isinstance(num_envs, int)
    return Learner(spec, num_envs, agent.name)


def section(name: str, extra: str) -> settings.Agent:
    """Settings; `extra` is a hyperparameter that does nothing."""
    return settings.Agent.read(
        {
            "name": name,
            "module": "learners",
            "actions": ["discrete"],
            "observations": ["vector", "one_hot"],
            "static": {"num_envs": 4},
            "hyperparameters": {"rate": 1.0, extra: 0.0},
            "search": {"rate": {"uniform": [0.5, 1.5]}, extra: {"choice": [1.0, 2.0]}},
        }
    )
