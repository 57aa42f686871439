"""Bandits that are tables: so many contexts, and what each of them pays, written down.

In other bandits (`env.py`) a network predicts the reward. Here a context pays exactly what its row
says, and whatever is observed pays as the nearest context does.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from synthgym.core import checkpoint, settings
from synthgym.core.types import Action, Observation, PRNGKey, Step
from synthgym.synth import env as predicted
from synthgym.synth.distil import REWARDS, Preferences, negative_squared_distance
from synthgym.tasks.rollout import uniform_action

TRIED = 1024  # actions, to find the best


class State(predicted.State):
    """Where an episode is, and which row of the tables that is."""

    row: PyTree


class ExactBandit(predicted.SyntheticEnv):
    """A bandit whose theta is {"initial_state": {"table": [K, o]}, "reward": {"table": [K, k]}}.

    Discrete actions: `k` rewards, one of each. Continuous ones: the action that is best, from which
    the reward is the squared distance, negated.
    """

    def reset(self, key: PRNGKey) -> tuple[State, Observation]:
        row = jax.random.randint(key, (), 0, self.initial_states, jnp.int32)
        observation = self._contexts[row]
        return State(observation, jnp.int32(0), row), observation

    def state_at(self, observation: Observation) -> State:
        """The state that shows this observation: in the row of the nearest context."""
        row = ((self._contexts - observation) ** 2).sum(-1).argmin().astype(jnp.int32)
        return State(observation, jnp.int32(0), row)

    def step(self, key: PRNGKey, state: predicted.State, action: Action) -> tuple[State, Step]:
        """Pay what the row says; the episode is over. The key is not used."""
        assert isinstance(state, State)
        pays = self._pays(state.row, action)
        step = Step(state.observation, pays, jnp.bool_(True), jnp.bool_(False))
        return State(state.observation, state.time + 1, state.row), step

    def reward(self, observation: Observation, action: Action) -> Float[Array, ""]:
        """Reward of an action in the context that is nearest to the observation."""
        return self._pays(self.state_at(observation).row, action)

    @property
    def _contexts(self) -> Float[Array, "K o"]:
        table: Array = self.theta["initial_state"]["table"]
        return table

    def _pays(self, row: PyTree, action: Action) -> Float[Array, ""]:
        worth = self.theta["reward"]["table"][row]
        if self.spec.discrete:
            return worth[action]
        return negative_squared_distance(self.spec, worth, action)


def make(synth: settings.Synth, task: settings.Task, theta: PyTree = None) -> ExactBandit:
    """The bandit of these settings, without parameters unless `theta` is given.

    Raises ValueError where the settings are not those of a table.
    """
    if synth.horizon != 1 or synth.initial_states < 1:
        raise ValueError("synth: an exact bandit has horizon 1 and initial_states of 1 or more.")
    return ExactBandit(**vars(predicted.make(synth, task, theta)))


def load(path: Path, synth: settings.Synth, task: settings.Task) -> ExactBandit:
    """A bandit from its file; ValueError where the file does not fit the settings."""
    env = make(synth, task)
    like = jax.eval_shape(lambda: init_theta(jax.random.key(0), env))
    return env.replace(theta=checkpoint.load(path, like)[0])


def init_theta(key: PRNGKey, env: ExactBandit) -> PyTree:
    """Contexts and rewards from N(0, I); preferred actions within their bounds."""
    key_contexts, key_rewards = jax.random.split(key)
    spec, count = env.spec, env.initial_states
    rewards = jax.random.normal(key_rewards, (count, spec.num_actions or spec.action_size))
    if not spec.discrete:
        middle = (spec.action_high + spec.action_low) / 2
        half = (spec.action_high - spec.action_low) / 2
        rewards = middle + half * jnp.tanh(rewards)
    contexts = jax.random.normal(key_contexts, (count, spec.observation_size))
    return {"initial_state": {"table": contexts}, "reward": {"table": rewards}}


def written(
    env: ExactBandit,
    contexts: Float[Array, "K o"],
    preferences: Preferences,
    reward: str,
    indifferent: Callable[[Observation], Bool[Array, ""]],
) -> ExactBandit:
    """The bandit with these contexts, which pays what distil.REWARDS says of an agent, exactly.

    In contexts that are `indifferent` it pays nothing, where actions are discrete. Where they are
    continuous it pays by the squared distance, whatever `reward` says (plan/validate.py).
    """
    worth = jax.vmap(preferences)(contexts)
    if env.spec.discrete:
        pay = partial(REWARDS["discrete"][reward], env.spec)
        worth = jax.vmap(jax.vmap(pay, (None, 0)), (0, None))(
            worth, jnp.arange(env.spec.num_actions)
        )
        worth = jnp.where(jax.vmap(indifferent)(contexts)[:, None], 0.0, worth)
    return env.replace(theta={"initial_state": {"table": contexts}, "reward": {"table": worth}})


def read(
    key: PRNGKey, bandit: predicted.SyntheticEnv, count: int
) -> tuple[Float[Array, "K o"], Float[Array, "K k"]]:
    """Contexts of another bandit, and what it pays in them: the two tables.

    As many of its table's rows, drawn anew if there are more or fewer, or of its network's. Where
    actions are continuous, and it is no table, the best of TRIED random ones.
    """
    key_contexts, key_actions = jax.random.split(key)
    spec = bandit.spec
    if bandit.initial_states == count:
        contexts = bandit.theta["initial_state"]["table"]
    else:
        contexts = jax.vmap(bandit.reset)(jax.random.split(key_contexts, count))[1]
    if isinstance(bandit, ExactBandit):
        return contexts, bandit.theta["reward"]["table"][jax.vmap(bandit.state_at)(contexts).row]
    if spec.discrete:
        actions = jnp.arange(spec.num_actions)
    else:
        keys = jax.random.split(key_actions, TRIED)
        actions = jax.vmap(lambda key: uniform_action(spec, key, contexts[0]))(keys)
    pays = jax.vmap(jax.vmap(bandit.reward, (None, 0)), (0, None))(contexts, actions)
    return contexts, pays if spec.discrete else actions[pays.argmax(-1)]
