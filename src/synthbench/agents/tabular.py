"""Q-learning and SARSA with a table (Watkins 1989; Rummery & Niranjan 1994).

As Ferreira et al. 2022 use them: epsilon-greedy, one update per step, and on demand a bonus for
what was rarely done.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Bool, Float, Int, PyTree

from synthbench.agents import losses
from synthbench.agents.base import begin
from synthbench.agents.networks import check_word
from synthbench.tasks.base import step_and_reset
from synthbench.types import Action, Env, EnvSpec, Hyperparameters, Observation, PRNGKey, Transition

# What follows on a step is worth as much as the best action there (Q-learning), as the one that is
# taken next (SARSA), or as one that is drawn for this purpose and then, as published by Ferreira et
# al., is not the one taken.
TARGETS = ("greedy", "taken", "resampled")


class Experience(struct.PyTreeNode):
    """Parallel environments, and what is to be done next in each."""

    env_states: PyTree
    observations: Float[Array, "B o"]
    actions: Int[Array, " B"]


class BanditExperience(struct.PyTreeNode):
    """The same for a contextual bandit: the states of the whole run, and each action's reward."""

    states: Int[Array, " S"]
    rewards: Float[Array, "S a"]


class Visit(NamedTuple):
    """A step, by the number of its state."""

    state: Int[Array, "*b"]
    action: Int[Array, "*b"]
    reward: Float[Array, "*b"]
    next_state: Int[Array, "*b"]
    next_action: Int[Array, "*b"]  # what the target asks for, unless it is greedy
    terminated: Bool[Array, "*b"]


class TrainState(struct.PyTreeNode):
    """What an iteration starts from."""

    params: Float[Array, "s a"]  # the value of each action in each state
    visits: Int[Array, "s a"]
    experience: Any  # Experience or BanditExperience
    step: Int[Array, ""]  # environment steps so far
    episodes: Int[Array, ""]


@dataclass(frozen=True)
class Tabular:
    """One step in each of `num_envs` environments, then an update for each, in turn.

    A state is the position of the largest number in its observation. Of actions that are worth
    the same, the first is the best one.
    """

    spec: EnvSpec
    num_envs: int
    target: str  # one of TARGETS
    bandit_path: bool  # take the short cut that episodes of one step allow
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
        experience: Any
        if self.bandit_path:
            experience = self._whole_run(key_env, env, num_steps)
        else:
            states, observations = begin(env, key_env, self.num_envs)
            epsilon = self._epsilon(hyperparameters, zero)
            actions = self._explore(key_act, table, observations.argmax(-1), epsilon)
            experience = Experience(states, observations, actions)
        return TrainState(table, jnp.zeros(size, jnp.int32), experience, zero, zero)

    def iterate(
        self,
        key: PRNGKey,
        state: TrainState,
        env: Env,
        hyperparameters: Hyperparameters,
        num_steps: int,
    ) -> tuple[TrainState, Transition]:
        """One step in each environment, one update for each."""
        act = self._act_in_bandit if self.bandit_path else self._act
        experience, visits, new = act(key, state, env, hyperparameters)

        def update(tables: tuple[Any, Any], visit: Visit) -> tuple[Any, None]:
            return self._update(*tables, visit=visit, hyperparameters=hyperparameters), None

        (table, counts), _ = jax.lax.scan(update, (state.params, state.visits), visits)
        return TrainState(
            table,
            counts,
            experience,
            state.step + self.num_envs,
            state.episodes + (new.terminated | new.truncated).sum(),
        ), jax.tree.map(lambda x: x[None], new)

    def act(self, params: PyTree, key: PRNGKey, observation: Observation) -> Action:
        """Greedy."""
        return params[observation.argmax(-1)].argmax(-1)

    # Acting: in parallel environments, or where every episode has one step.

    def _act(
        self, key: PRNGKey, state: TrainState, env: Env, hyperparameters: Hyperparameters
    ) -> tuple[Experience, Visit, Transition]:
        key_act, key_step, key_next, key_first = jax.random.split(key, 4)
        before = state.experience
        observation, action = before.observations, before.actions
        at = observation.argmax(-1)
        if self.target != "taken":
            epsilon = self._epsilon(hyperparameters, state.episodes)
            action = self._explore(key_act, state.params, at, epsilon)
        keys = jax.random.split(key_step, self.num_envs)
        advance = jax.vmap(step_and_reset, (None, 0, 0, 0))
        env_states, observations, step = advance(env, keys, before.env_states, action)
        new = Transition(
            observation, action, step.reward, step.observation, step.terminated, step.truncated
        )
        ended = step.terminated | step.truncated
        epsilon = self._epsilon(hyperparameters, state.episodes + ended.sum())
        to = step.observation.argmax(-1)
        # Where time is up, too, there is something that would be done next.
        drawn = self._explore(key_next, state.params, to, epsilon)
        first = self._explore(key_first, state.params, observations.argmax(-1), epsilon)
        experience = Experience(env_states, observations, jnp.where(ended, first, drawn))
        return experience, Visit(at, action, step.reward, to, drawn, step.terminated), new

    def _whole_run(self, key: PRNGKey, env: Env, num_steps: int) -> BanditExperience:
        key_reset, key_step = jax.random.split(key)
        states, observations = begin(env, key_reset, num_steps)

        def answers(key: PRNGKey, state: PyTree) -> Float[Array, " a"]:
            step = jax.vmap(env.step, (None, None, 0))
            return step(key, state, jnp.arange(self.spec.num_actions))[1].reward

        rewards = jax.vmap(answers)(jax.random.split(key_step, num_steps), states)
        return BanditExperience(observations.argmax(-1), rewards)

    def _act_in_bandit(
        self, key: PRNGKey, state: TrainState, env: Env, hyperparameters: Hyperparameters
    ) -> tuple[BanditExperience, Visit, Transition]:
        at, rewards = jax.tree.map(
            lambda x: jax.lax.dynamic_slice_in_dim(x, state.step, self.num_envs),
            (state.experience.states, state.experience.rewards),
        )
        key_act = jax.random.split(key, 4)[0]  # as in `_act`
        epsilon = self._epsilon(hyperparameters, state.episodes)
        action = self._explore(key_act, state.params, at, epsilon)
        reward = losses.select_action_value(rewards, action)
        observation = jax.nn.one_hot(at, self.spec.num_states)
        always = jnp.ones(self.num_envs, bool)
        return (
            state.experience,
            Visit(at, action, reward, at, action, always),
            Transition(observation, action, reward, observation, always, ~always),
        )

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

    # Learning.

    def _update(
        self,
        table: Float[Array, "s a"],
        visits: Int[Array, "s a"],
        visit: Visit,
        hyperparameters: Hyperparameters,
    ) -> tuple[Float[Array, "s a"], Int[Array, "s a"]]:
        """A step towards the target (Sutton & Barto 2018, eqs. 6.7 and 6.8)."""
        here = (visit.state, visit.action)
        visits = visits.at[here].add(1)
        reward = visit.reward + hyperparameters["count_bonus"] / jnp.sqrt(visits[here])
        following = table[visit.next_state]
        value = following.max() if self.target == "greedy" else following[visit.next_action]
        target = losses.td_target(reward, visit.terminated, value, hyperparameters["gamma"])
        change = hyperparameters["learning_rate"] * (target - table[here])
        return table.at[here].add(change), visits


def make(agent: Any, spec: EnvSpec) -> Tabular:
    """Q-learning or SARSA from a config section.

    Raises ValueError for continuous actions, for observations that are not one-hot vectors, and for
    an unknown word.
    """
    here = f"agents.{agent.name}.static"
    if not spec.discrete:
        number = f"{spec.action_size} continuous {'one' if spec.action_size == 1 else 'ones'}"
        raise ValueError(f"{agent.name} needs discrete actions, not {number}. Use ppo or sac.")
    if not spec.num_states:
        raise ValueError(
            f"{agent.name} needs observations that are one-hot vectors of a state, not "
            f"{spec.observation_size} numbers. Use dqn or ppo."
        )
    tabular = Tabular(spec=spec, name=agent.name, **{"bandit_path": spec.bandit, **agent.static})
    check_word(tabular.target, TARGETS, f"{here}.target")
    if tabular.bandit_path and not spec.bandit:
        raise ValueError(f"{here}.bandit_path: only where every episode has one step.")
    return tabular
