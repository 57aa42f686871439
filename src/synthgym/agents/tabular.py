"""Q-learning and SARSA with a table (Watkins 1989; Rummery & Niranjan 1994).

As Ferreira et al. 2022 use them: epsilon-greedy, one update per step, and on demand a bonus for
what was rarely done.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Bool, Float, Int, PyTree

from synthgym.agents import losses
from synthgym.agents.base import begin, build
from synthgym.agents.networks import check_word
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
from synthgym.tasks.base import step_and_reset

# What follows on a step is worth as much as the best action there (Q-learning), as the one that is
# taken next (SARSA), or as one that is drawn for this purpose and then, as published by Ferreira et
# al., is not the one taken.
TARGETS = ("greedy", "taken", "resampled")


class Visit(NamedTuple):
    """A step, by the number of its state."""

    state: Int[Array, "*b"]
    action: Int[Array, "*b"]
    reward: Float[Array, "*b"]
    next_state: Int[Array, "*b"]
    next_action: Int[Array, "*b"]  # what the target asks for, unless it is greedy
    terminated: Bool[Array, "*b"]


class TrainState(struct.PyTreeNode):
    """The state that an iteration starts from."""

    params: Float[Array, "s a"]  # the value of each action in each state
    visits: Int[Array, "s a"]
    env_states: PyTree
    observations: Float[Array, "B o"]
    actions: Int[Array, " B"]  # what is done next, where that is decided already
    step: Int[Array, ""]  # environment steps so far
    episodes: Int[Array, ""]


@dataclass(frozen=True)
class Tabular:
    """One step in each of `num_envs` environments, then an update for each, in turn.

    A state is the position of the largest number in its observation. Of actions that are worth
    the same, the first is the best one. Where every episode has one step there is no short cut: to
    have all contexts at once made that 1.1 times as fast.
    """

    spec: EnvSpec
    num_envs: int
    target: str  # one of TARGETS
    name: str

    @property
    def steps_per_iteration(self) -> int:
        return self.num_envs

    def updates(self, num_steps: int) -> int:
        """One per step, whole iterations only."""
        return -(-num_steps // self.num_envs) * self.num_envs

    def init(
        self, key: PRNGKey, env: Env, hyperparameters: Hyperparameters, num_steps: int
    ) -> TrainState:
        key_env, key_act = jax.random.split(key)
        size = (self.spec.num_states, self.spec.num_actions)
        table, zero = jnp.zeros(size), jnp.int32(0)
        states, observations = begin(env, key_env, self.num_envs)
        epsilon = self._epsilon(hyperparameters, zero)
        actions = self._explore(key_act, table, observations.argmax(-1), epsilon)
        visits = jnp.zeros(size, jnp.int32)
        return TrainState(table, visits, states, observations, actions, zero, zero)

    def iterate(
        self,
        key: PRNGKey,
        state: TrainState,
        env: Env,
        hyperparameters: Hyperparameters,
        num_steps: int,
    ) -> tuple[TrainState, Transition]:
        """One step in each environment, one update for each."""
        key_act, key_step, key_next, key_first = jax.random.split(key, 4)
        observation, action = state.observations, state.actions
        at = observation.argmax(-1)
        if self.target != "taken":
            epsilon = self._epsilon(hyperparameters, state.episodes)
            action = self._explore(key_act, state.params, at, epsilon)
        env_states, observations, step = jax.vmap(step_and_reset, (None, 0, 0, 0))(
            env, jax.random.split(key_step, self.num_envs), state.env_states, action
        )
        ended = step.terminated | step.truncated
        episodes = state.episodes + ended.sum()
        epsilon = self._epsilon(hyperparameters, episodes)
        to = step.observation.argmax(-1)
        # Where time is up, too, there is something that would be done next.
        drawn = self._explore(key_next, state.params, to, epsilon)
        first = self._explore(key_first, state.params, observations.argmax(-1), epsilon)

        def update(
            tables: tuple[PyTree, PyTree], visit: Visit
        ) -> tuple[tuple[PyTree, PyTree], None]:
            return self._update(*tables, visit=visit, hyperparameters=hyperparameters), None

        seen = Visit(at, action, step.reward, to, drawn, step.terminated)
        (table, visits), _ = jax.lax.scan(update, (state.params, state.visits), seen)
        state = TrainState(
            params=table,
            visits=visits,
            env_states=env_states,
            observations=observations,
            actions=jnp.where(ended, first, drawn),
            step=state.step + self.num_envs,
            episodes=episodes,
        )
        new = Transition(
            observation, action, step.reward, step.observation, step.terminated, step.truncated
        )
        return state, jax.tree.map(lambda x: x[None], new)

    def act(self, params: PyTree, key: PRNGKey, observation: Observation) -> Action:
        """Greedy."""
        return params[observation.argmax(-1)].argmax(-1)

    def preferences(self, params: PyTree, observation: Observation) -> Float[Array, " k"]:
        """Action values."""
        return params[observation.argmax(-1)]

    def _explore(
        self,
        key: PRNGKey,
        table: Float[Array, "s a"],
        states: Int[Array, " B"],
        epsilon: Float[Array, ""],
    ) -> Int[Array, " B"]:
        """Epsilon-greedy."""
        key_whether, key_which = jax.random.split(key)
        random = jax.random.randint(key_which, states.shape, 0, self.spec.num_actions)
        explores = jax.random.uniform(key_whether, states.shape) < epsilon
        return jnp.where(explores, random, table[states].argmax(-1))

    def _epsilon(
        self, hyperparameters: Hyperparameters, episodes: Int[Array, ""]
    ) -> Float[Array, ""]:
        """The share of random actions after so many episodes (of all environments together)."""
        fallen = hyperparameters["epsilon_start"] * hyperparameters["epsilon_decay"] ** episodes
        return jnp.maximum(fallen, hyperparameters["epsilon_end"])

    def _update(
        self,
        table: Float[Array, "s a"],
        visits: Int[Array, "s a"],
        visit: Visit,
        hyperparameters: Hyperparameters,
    ) -> tuple[Float[Array, "s a"], Int[Array, "s a"]]:
        """A step towards the target (Sutton & Barto 2018, eqs. 6.7 and 6.8)."""
        pair = (visit.state, visit.action)
        visits = visits.at[pair].add(1)
        reward = visit.reward + hyperparameters["count_bonus"] / jnp.sqrt(visits[pair])
        following = table[visit.next_state]
        value = following.max() if self.target == "greedy" else following[visit.next_action]
        target = losses.td_target(reward, visit.terminated, value, hyperparameters["gamma"])
        change = hyperparameters["learning_rate"] * (target - table[pair])
        return table.at[pair].add(change), visits


def make(agent: settings.Agent, spec: EnvSpec) -> Tabular:
    """Q-learning or SARSA from a config section.

    Raises ValueError for continuous actions, for observations that are not one-hot vectors, and for
    an unknown word.
    """
    if not spec.discrete:
        number = f"{spec.action_size} continuous {'one' if spec.action_size == 1 else 'ones'}"
        raise ValueError(f"{agent.name} needs discrete actions, not {number}. Use ppo or sac.")
    if not spec.num_states:
        raise ValueError(
            f"{agent.name} needs observations that are one-hot vectors of a state, not "
            f"{spec.observation_size} numbers. Use dqn or ppo."
        )
    tabular = build(Tabular, agent, spec)
    check_word(tabular.target, TARGETS, f"agents.{agent.name}.static.target")
    return tabular
