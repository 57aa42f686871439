"""Learning from a replay buffer: what DQN, DDPG, TD3 and SAC have in common.

An algorithm says how it begins, explores, learns and acts. Acting in parallel environments, the
buffer, and what is short where every episode has one step, are here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float, Int, PyTree

from synthgym.agents import base
from synthgym.agents.base import (
    OPTIMISERS,
    Translated,
    begin,
    bounded,
    collect_sequentially,
    iterations,
)
from synthgym.agents.networks import ACTIVATIONS, check_word
from synthgym.agents.normalisation import Normaliser, normalise, untouched
from synthgym.core import settings
from synthgym.core.types import (
    Action,
    Env,
    EnvSpec,
    Hyperparameters,
    Observation,
    Policy,
    PRNGKey,
    Transition,
)

T = TypeVar("T", bound="OffPolicy")


class Progress(NamedTuple):
    """How far a training run is."""

    step: Int[Array, ""]  # environment steps so far
    episodes: Int[Array, ""]  # ended so far
    num_steps: int  # of the whole run


class Experience(struct.PyTreeNode):
    """Where transitions come from and are kept: parallel environments, a ring of the last `N`."""

    env_states: PyTree
    observations: Float[Array, "B o"]
    ring: Transition  # [N, ...]


class BanditExperience(struct.PyTreeNode):
    """Experience in a contextual bandit: contexts of the whole run, actions and rewards in them.

    The replay buffer is a window over these arrays, and nothing is ever copied into it.
    """

    env_states: PyTree  # [S, ...]
    observations: Float[Array, "S o"]
    actions: Int[Array, " S"] | Float[Array, "S a"]
    rewards: Float[Array, " S"]


class TrainState(struct.PyTreeNode):
    """The state that an iteration starts from."""

    learner: PyTree
    normaliser: Normaliser | None
    experience: PyTree  # Experience or BanditExperience
    step: Int[Array, ""]
    episodes: Int[Array, ""]

    @property
    def params(self) -> PyTree:
        return self.learner.policy, self.normaliser


@dataclass(frozen=True)
class OffPolicy(ABC):
    """`num_envs` steps, then `num_updates` updates from past transitions, in turn.

    Learning begins when `warmup` transitions are there and `warmup_episodes` episodes have ended.
    """

    spec: EnvSpec
    name: str
    num_envs: int
    buffer_size: int
    warmup: int
    warmup_episodes: int
    batch_size: int
    num_updates: int
    normalise_observations: bool
    bandit_path: bool  # take the short cut that episodes of one step allow
    optimiser: str = field(default="adam", kw_only=True)

    # What an algorithm says. Observations reach it normalised where that is asked for.

    @abstractmethod
    def init_learner(self, key: PRNGKey, hyperparameters: Hyperparameters) -> PyTree:
        """Networks, their targets, optimisers: a pytree, with all that acting takes as `policy`."""

    @abstractmethod
    def explore(
        self,
        policy: PyTree,
        key: PRNGKey,
        observation: Observation,
        hyperparameters: Hyperparameters,
        progress: Progress,
    ) -> Action:
        """An action in training, in the form in which it is stored."""

    @abstractmethod
    def learn(
        self, learner: PyTree, key: PRNGKey, batch: Transition, hyperparameters: Hyperparameters
    ) -> PyTree:
        """One update. Where `bandit_path`, nothing follows on a step: no need to bootstrap."""

    @abstractmethod
    def decide(self, policy: PyTree, key: PRNGKey, observation: Observation) -> Action:
        """An action of the trained agent, as the environment takes it."""

    @abstractmethod
    def prefer(self, policy: PyTree, observation: Observation) -> Float[Array, " k"]:
        """The `preferences` for an observation as the networks see it."""

    def to_action(self, stored: Action) -> Action:
        """The environment's form of a stored action."""
        return bounded(stored, self.spec)

    def end_iteration(
        self, learner: PyTree, hyperparameters: Hyperparameters, progress: Progress
    ) -> PyTree:
        """Finish an iteration, whether it learnt or not."""
        return learner

    # The training run.

    @property
    def steps_per_iteration(self) -> int:
        return self.num_envs

    def updates(self, num_steps: int) -> int:
        """From the iteration on in which `warmup` transitions are there.

        With `warmup_episodes` it may be fewer.
        """
        first = max(1, -(-self.warmup // self.num_envs))
        return max(0, iterations(self, num_steps) - first + 1) * self.num_updates

    def init(
        self, key: PRNGKey, env: Env, hyperparameters: Hyperparameters, num_steps: int
    ) -> TrainState:
        key_learner, key_env, key_run = jax.random.split(key, 3)
        learner = self.init_learner(key_learner, hyperparameters)
        states, observations = begin(env, key_env, self.num_envs)
        normaliser = untouched(self.spec.observation_size) if self.normalise_observations else None
        action = jax.eval_shape(
            lambda key, o: self.explore(
                learner.policy, key, o, hyperparameters, Progress(jnp.int32(0), jnp.int32(0), 1)
            ),
            key_run,
            observations[0],
        )
        experience: Experience | BanditExperience
        if self.bandit_path:
            later = begin(env, key_run, num_steps - self.num_envs)
            states, observations = jax.tree.map(
                lambda *x: jnp.concatenate(x), (states, observations), later
            )
            actions = jnp.zeros((num_steps, *action.shape), action.dtype)
            experience = BanditExperience(states, observations, actions, jnp.zeros(num_steps))
        else:
            size = min(self.buffer_size, num_steps)  # of a longer ring the rest is never reached
            blank, flags = jnp.zeros((size, self.spec.observation_size)), jnp.zeros(size, bool)
            actions = jnp.zeros((size, *action.shape), action.dtype)
            ring = Transition(blank, actions, jnp.zeros(size), blank, flags, flags)
            experience = Experience(states, observations, ring)
        return TrainState(learner, normaliser, experience, jnp.int32(0), jnp.int32(0))

    def iterate(
        self,
        key: PRNGKey,
        state: TrainState,
        env: Env,
        hyperparameters: Hyperparameters,
        num_steps: int,
    ) -> tuple[TrainState, Transition]:
        """One iteration: a step in each environment, then updates, if it is time to learn."""
        key_act, key_learn = jax.random.split(key)
        progress = Progress(state.step, state.episodes, num_steps)

        def policy(key: PRNGKey, observation: Observation) -> Action:
            seen = normalise(state.normaliser, observation)
            return self.explore(state.learner.policy, key, seen, hyperparameters, progress)

        act = self._act_in_bandit if self.bandit_path else self._act
        experience, new = act(key_act, state, env, policy)
        if state.normaliser is not None:
            state = state.replace(normaliser=state.normaliser.update(new.observation))
        state = state.replace(
            experience=experience,
            step=state.step + self.num_envs,
            episodes=state.episodes + (new.terminated | new.truncated).sum(),
        )

        def update(learner: PyTree, i: Int[Array, ""]) -> tuple[PyTree, None]:
            key_batch, key_update = jax.random.split(jax.random.fold_in(key_learn, i))
            batch = self.replay(key_batch, state)
            return self.learn(learner, key_update, batch, hyperparameters), None

        def learn(learner: PyTree) -> PyTree:
            return jax.lax.scan(update, learner, jnp.arange(self.num_updates))[0]

        ready = state.step >= self.warmup
        if self.warmup_episodes:  # differs between agents of a population, so that `cond` selects
            ready = ready & (state.episodes >= self.warmup_episodes)
        learner = jax.lax.cond(ready, learn, lambda learner: learner, state.learner)
        progress = Progress(state.step, state.episodes, num_steps)
        learner = self.end_iteration(learner, hyperparameters, progress)
        return state.replace(learner=learner), jax.tree.map(lambda x: x[None], new)

    def act(self, params: PyTree, key: PRNGKey, observation: Observation) -> Action:
        policy, normaliser = params
        return self.decide(policy, key, normalise(normaliser, observation))

    def preferences(self, params: PyTree, observation: Observation) -> Float[Array, " k"]:
        policy, normaliser = params
        return self.prefer(policy, normalise(normaliser, observation))

    def replay(self, key: PRNGKey, state: TrainState) -> Transition:
        """A batch drawn uniformly, with replacement, from the last `buffer_size` transitions.

        Its observations are normalised where that is asked for.
        """
        size = jnp.minimum(state.step, self.buffer_size)
        index = state.step - 1 - jax.random.randint(key, (self.batch_size,), 0, size)
        if self.bandit_path:
            run = state.experience
            kept = (run.observations, run.actions, run.rewards)
            observation, action, reward = jax.tree.map(lambda x: x[index], kept)
            always = jnp.ones(self.batch_size, bool)
            seen = normalise(state.normaliser, observation)
            return Transition(seen, action, reward, seen, always, ~always)
        batch = jax.tree.map(lambda x: x[index % self.buffer_size], state.experience.ring)
        return batch._replace(
            observation=normalise(state.normaliser, batch.observation),
            next_observation=normalise(state.normaliser, batch.next_observation),
        )

    def _act(
        self, key: PRNGKey, state: TrainState, env: Env, policy: Policy
    ) -> tuple[Experience, Transition]:
        env_states, observations, transitions = collect_sequentially(
            Translated(env, self.to_action),
            policy,
            state.experience.env_states,
            state.experience.observations,
            key,
            1,
        )
        new = jax.tree.map(lambda x: x[0], transitions)
        position = state.step % self.buffer_size
        ring = jax.tree.map(
            lambda xs, x: jax.lax.dynamic_update_slice_in_dim(xs, x, position, 0),
            state.experience.ring,
            new,
        )
        return Experience(env_states, observations, ring), new

    def _act_in_bandit(
        self, key: PRNGKey, state: TrainState, env: Env, policy: Policy
    ) -> tuple[BanditExperience, Transition]:
        run = state.experience
        env_states, observations = jax.tree.map(
            lambda x: jax.lax.dynamic_slice_in_dim(x, state.step, self.num_envs),
            (run.env_states, run.observations),
        )
        keys = jax.random.split(key, (self.num_envs, 2))
        actions = jax.vmap(policy)(keys[:, 0], observations)
        step = jax.vmap(Translated(env, self.to_action).step)(keys[:, 1], env_states, actions)[1]
        kept = (run.actions, run.rewards)
        actions_so_far, rewards_so_far = jax.tree.map(
            lambda xs, x: jax.lax.dynamic_update_slice_in_dim(xs, x, state.step, 0),
            kept,
            (actions, step.reward),
        )
        always = jnp.ones(self.num_envs, bool)
        new = Transition(observations, actions, step.reward, observations, always, ~always)
        return run.replace(actions=actions_so_far, rewards=rewards_so_far), new


def build(kind: Callable[..., T], agent: settings.Agent, spec: EnvSpec, **defaults: object) -> T:
    """The algorithm of these settings, as in agents/base.py.

    Raises ValueError for shapes that do not fit together, and an unknown word.
    """
    built = base.build(kind, agent, spec, bandit_path=spec.bandit, **defaults)
    place = f"agents.{agent.name}.static"
    check_word(str(agent.static["activation"]), ACTIVATIONS, f"{place}.activation")
    check_word(built.optimiser, OPTIMISERS, f"{place}.optimiser")
    if built.bandit_path and not spec.bandit:
        raise ValueError(f"{place}.bandit_path: only where every episode has one step.")
    if built.buffer_size % built.num_envs:
        raise ValueError(
            f"{place}: buffer_size ({built.buffer_size}) must be a multiple of num_envs "
            f"({built.num_envs})."
        )
    return built
