"""Proximal policy optimisation with clipped ratios (Schulman et al. 2017), or another drift."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Array, Float, Int, PyTree

from synthgym.agents import drift, losses
from synthgym.agents.base import (
    OPTIMISERS,
    Translated,
    begin,
    bounded,
    build,
    collect,
    iterations,
    optimiser,
)
from synthgym.agents.networks import ACTIVATIONS, MLP, check_word
from synthgym.agents.normalisation import Normaliser, normalise, untouched
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


class TrainState(struct.PyTreeNode):
    """The state that an iteration starts from."""

    networks: PyTree  # {"actor": ..., "critic": ...}
    normaliser: Normaliser | None
    optimiser: PyTree
    env_states: PyTree
    observations: Float[Array, "B o"]
    step: Int[Array, ""]  # environment steps so far
    episodes: Int[Array, ""]

    @property
    def params(self) -> PyTree:
        return self.networks, self.normaliser


class Batch(NamedTuple):
    """The samples of one update."""

    observation: Float[Array, "*b o"]
    action: Int[Array, "*b"] | Float[Array, "*b a"]
    log_prob: Float[Array, "*b"]
    value: Float[Array, "*b"]
    advantage: Float[Array, "*b"]


@dataclass(frozen=True)
class PPO:
    """PPO with separate actor and critic networks under one loss and one optimiser.

    Discrete actions: categorical policy. Continuous ones: diagonal Gaussian with a deviation that
    does not depend on the state; actions are clipped to their bounds for the environment only.
    """

    spec: EnvSpec
    num_envs: int
    num_steps: int
    num_epochs: int
    num_minibatches: int
    hidden: tuple[int, ...]
    activation: str
    normalise_observations: bool
    clip_values: bool
    test_policy: str  # sample | mode
    drift: str = "clip"  # or one of drift.DRIFTS
    optimiser: str = "adam"
    name: str = "ppo"

    @property
    def steps_per_iteration(self) -> int:
        return self.num_envs * self.num_steps

    def updates(self, num_steps: int) -> int:
        return iterations(self, num_steps) * self.num_epochs * self.num_minibatches

    def init(
        self, key: PRNGKey, env: Env, hyperparameters: Hyperparameters, num_steps: int
    ) -> TrainState:
        key_actor, key_critic, key_env = jax.random.split(key, 3)
        blank = jnp.zeros(self.spec.observation_size)
        params = {
            "actor": self._actor.init(key_actor, blank),
            "critic": self._critic.init(key_critic, blank),
        }
        if not self.spec.discrete:
            params["log_std"] = jnp.zeros(self.spec.action_size)
        optimiser = self._optimiser(hyperparameters).init(params)
        env_states, observations = begin(env, key_env, self.num_envs)
        normaliser = untouched(self.spec.observation_size) if self.normalise_observations else None
        zero = jnp.int32(0)
        return TrainState(params, normaliser, optimiser, env_states, observations, zero, zero)

    def iterate(
        self,
        key: PRNGKey,
        state: TrainState,
        env: Env,
        hyperparameters: Hyperparameters,
        num_steps: int,
    ) -> tuple[TrainState, Transition]:
        """One iteration: collect, estimate advantages, several epochs of minibatches."""
        key_collect, key_epochs = jax.random.split(key)

        def policy(key: PRNGKey, observation: Observation) -> Action:
            return self._sample(state.networks, key, normalise(state.normaliser, observation))

        env_states, observations, transitions = collect(
            Translated(env, partial(bounded, spec=self.spec)),
            policy,
            state.env_states,
            state.observations,
            key_collect,
            self.num_steps,
        )
        seen = transitions._replace(  # as the policy saw them
            observation=normalise(state.normaliser, transitions.observation),
            next_observation=normalise(state.normaliser, transitions.next_observation),
        )
        batch = self._batch(state.networks, seen, hyperparameters)

        def epoch(carry, i):
            key = jax.random.fold_in(key_epochs, i)
            order = jax.random.permutation(key, self.steps_per_iteration)
            minibatches = jax.tree.map(
                lambda x: x[order].reshape(self.num_minibatches, -1, *x.shape[1:]), batch
            )
            return jax.lax.scan(self._update(hyperparameters), carry, minibatches)

        learner = (state.networks, state.optimiser)
        (networks, optimiser), _ = jax.lax.scan(epoch, learner, jnp.arange(self.num_epochs))
        normaliser = state.normaliser
        if normaliser is not None:
            normaliser = normaliser.update(transitions.observation)
        ended = (transitions.terminated | transitions.truncated).sum()
        return TrainState(
            networks,
            normaliser,
            optimiser,
            env_states,
            observations,
            state.step + self.steps_per_iteration,
            state.episodes + ended,
        ), transitions

    def act(self, params: PyTree, key: PRNGKey, observation: Observation) -> Action:
        networks, normaliser = params
        seen = normalise(normaliser, observation)
        if self.test_policy == "mode":
            return bounded(self._mode(networks, seen), self.spec)
        return bounded(self._sample(networks, key, seen), self.spec)

    def preferences(self, params: PyTree, observation: Observation) -> Float[Array, " k"]:
        """Log-probabilities, or the mode within its bounds."""
        networks, normaliser = params
        output = self._policy(networks, normalise(normaliser, observation))
        return bounded(output, self.spec)

    def _batch(
        self, params: PyTree, transitions: Transition, hyperparameters: Hyperparameters
    ) -> Batch:
        observation, action, reward_t, next_observation, terminated_t, truncated_t = transitions
        value_tm1 = self._value(params, observation)
        if self.spec.bandit:  # no bootstrap, no trace
            advantage = reward_t - value_tm1
        else:
            advantage = losses.generalised_advantages(
                reward_t,
                terminated_t,
                truncated_t,
                value_tm1,
                self._value(params, next_observation),
                hyperparameters["gamma"],
                hyperparameters["gae_lambda"],
            )
        log_prob = self._log_prob(params, self._policy(params, observation), action)
        batch = Batch(observation, action, log_prob, value_tm1, advantage)
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), batch)

    def _update(self, hyperparameters: Hyperparameters) -> Any:
        """One gradient step on one minibatch, as the body of a scan."""

        def loss(params: PyTree, batch: Batch) -> Float[Array, ""]:
            # Applied once, for both log-probabilities and entropy: twice would be a quarter slower.
            policy = self._policy(params, batch.observation)
            log_ratio = self._log_prob(params, policy, batch.action) - batch.log_prob
            advantage = losses.normalised(batch.advantage)
            surrogate = self._policy_loss(log_ratio, advantage, hyperparameters)
            value = losses.clipped_value_loss(
                self._value(params, batch.observation),
                batch.value,
                batch.advantage + batch.value,
                hyperparameters["clip"] if self.clip_values else jnp.float32(jnp.inf),
            )
            entropy = self._entropy(params, policy).mean()
            return (
                surrogate
                + hyperparameters["value_coefficient"] * value
                - hyperparameters["entropy_coefficient"] * entropy
            )

        def update(
            carry: tuple[PyTree, PyTree], batch: Batch
        ) -> tuple[tuple[PyTree, PyTree], None]:
            params, optimiser = carry
            gradient = jax.grad(loss)(params, batch)
            change, optimiser = self._optimiser(hyperparameters).update(gradient, optimiser)
            return (jax.tree.map(jnp.add, params, change), optimiser), None

        return update

    def _policy_loss(
        self,
        log_ratio: Float[Array, "*b"],
        advantage: Float[Array, "*b"],
        hyperparameters: Hyperparameters,
    ) -> Float[Array, ""]:
        if self.drift == "clip":
            return losses.clipped_policy_loss(log_ratio, advantage, hyperparameters["clip"])
        drifts = drift.DRIFTS[self.drift](hyperparameters, log_ratio, advantage)
        return drift.policy_loss(log_ratio, advantage, drifts)

    @property
    def _actor(self) -> MLP:
        outputs = self.spec.num_actions or self.spec.action_size
        return MLP(self.hidden, outputs, self.activation, output_scale=0.01, image=self.spec.image)

    @property
    def _critic(self) -> MLP:
        return MLP(self.hidden, 1, self.activation, image=self.spec.image)

    def _optimiser(self, hyperparameters: Hyperparameters) -> optax.GradientTransformation:
        rate, norm = hyperparameters["learning_rate"], hyperparameters["max_grad_norm"]
        return optimiser(self.optimiser, rate, norm)

    def _value(self, params: PyTree, observation: Float[Array, "*b o"]) -> Float[Array, "*b"]:
        return self._critic.apply(params["critic"], observation)[..., 0]

    # The distribution over actions, discrete or continuous.

    def _sample(self, params: PyTree, key: PRNGKey, observation: Observation) -> Action:
        output = self._actor.apply(params["actor"], observation)
        if self.spec.discrete:
            return jax.random.categorical(key, output)
        noise = jax.random.normal(key, (self.spec.action_size,))
        return output + jnp.exp(params["log_std"]) * noise

    def _mode(self, params: PyTree, observation: Observation) -> Action:
        output = self._actor.apply(params["actor"], observation)
        return output.argmax(-1) if self.spec.discrete else output

    def _policy(self, params: PyTree, observation: Float[Array, "*b o"]) -> Float[Array, "*b k"]:
        """Log-probabilities of all discrete actions, or means of continuous ones."""
        output = self._actor.apply(params["actor"], observation)
        return jax.nn.log_softmax(output) if self.spec.discrete else output

    def _log_prob(
        self,
        params: PyTree,
        policy: Float[Array, "*b k"],
        action: Int[Array, "*b"] | Float[Array, "*b a"],
    ) -> Float[Array, "*b"]:
        if self.spec.discrete:
            return losses.select_action_value(policy, action)
        log_std = params["log_std"]
        z = (action - policy) * jnp.exp(-log_std)
        return (-0.5 * z**2 - log_std - 0.5 * jnp.log(2 * jnp.pi)).sum(-1)

    def _entropy(self, params: PyTree, policy: Float[Array, "*b k"]) -> Float[Array, "*b"]:
        if self.spec.discrete:
            return -(jnp.exp(policy) * policy).sum(-1)
        entropy = (params["log_std"] + 0.5 * jnp.log(2 * jnp.pi * jnp.e)).sum()
        return jnp.broadcast_to(entropy, policy.shape[:-1])


def make(agent: settings.Agent, spec: EnvSpec) -> PPO:
    """PPO from a config section, or one that differs from it in its drift.

    Raises ValueError where minibatches would not be equal, and for an unknown word.
    """
    ppo, place = build(PPO, agent, spec), f"agents.{agent.name}.static"
    check_word(ppo.activation, ACTIVATIONS, f"{place}.activation")
    check_word(ppo.optimiser, OPTIMISERS, f"{place}.optimiser")
    check_word(ppo.test_policy, ("sample", "mode"), f"{place}.test_policy")
    check_word(ppo.drift, ("clip", *drift.DRIFTS), f"{place}.drift")
    if ppo.steps_per_iteration % ppo.num_minibatches:
        raise ValueError(
            f"{place}: {ppo.num_envs} environments x {ppo.num_steps} steps cannot be "
            f"divided into {ppo.num_minibatches} equal minibatches."
        )
    return ppo
