"""Soft actor-critic: reward and entropy (Haarnoja et al. 2018; Christodoulou 2019 where discrete).

Twin critics, and a temperature that keeps the entropy of the policy at a target. Actor, critics and
temperature are updated together, each from its own part of the loss.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Array, Float, Int, PyTree

from synthgym.agents import losses
from synthgym.agents.base import optimiser
from synthgym.agents.networks import MLP, DuelingMLP, check_word
from synthgym.agents.off_policy import OffPolicy, Progress, build
from synthgym.core import settings
from synthgym.core.types import Action, EnvSpec, Hyperparameters, Observation, PRNGKey, Transition

LOG_STD = (-20.0, 2.0)  # range of the policy's log deviation, before it is squashed
NUM_CRITICS = 2


class Networks(NamedTuple):
    """The parameters that gradients change."""

    actor: PyTree
    critics: PyTree  # each leaf [critic, ...]
    log_temperature: Float[Array, ""]


class Learner(struct.PyTreeNode):
    """Networks, the slow average of the critics (not for bandits), Adam's states."""

    networks: PyTree  # Networks
    target_critics: PyTree | None
    optimisers: PyTree  # Networks

    @property
    def policy(self) -> PyTree:
        return self.networks.actor


@dataclass(frozen=True)
class SAC(OffPolicy):
    """The parts that do not depend on the kind of action."""

    dueling: bool  # of discrete actions
    hidden: tuple[int, ...]
    activation: str
    test_policy: str  # sample | mode
    name: str

    def init_learner(self, key: PRNGKey, hyperparameters: Hyperparameters) -> Learner:
        key_actor, key_critics = jax.random.split(key)
        actor = self._actor.init(key_actor, jnp.zeros(self.spec.observation_size))
        keys = jax.random.split(key_critics, NUM_CRITICS)
        blank = jnp.zeros(self.spec.observation_size + self.spec.action_size)
        critics = jax.vmap(self._critic.init, (0, None))(keys, blank)
        networks = Networks(actor, critics, jnp.float32(0.0))
        optimisers = Networks(*map(self._optimiser(hyperparameters).init, networks))
        return Learner(networks, None if self.bandit_path else critics, optimisers)

    def explore(
        self,
        policy: PyTree,
        key: PRNGKey,
        observation: Observation,
        hyperparameters: Hyperparameters,
        progress: Progress,
    ) -> Action:
        """Sampled from the policy, from the start."""
        return self._sample(policy, key, observation)

    def decide(self, policy: PyTree, key: PRNGKey, observation: Observation) -> Action:
        """Sampled, or the mode, as `test_policy` says."""
        if self.test_policy == "mode":
            return self.to_action(self._mode(policy, observation))
        return self.to_action(self._sample(policy, key, observation))

    def learn(
        self, learner: Learner, key: PRNGKey, batch: Transition, hyperparameters: Hyperparameters
    ) -> Learner:
        """One step for actor, critics and temperature, then for the slow critics."""
        key_target, key_loss = jax.random.split(key)
        target = self._target(learner, key_target, batch, hyperparameters)

        def loss(networks: Networks) -> Float[Array, ""]:
            return self._loss(networks, key_loss, batch, target, hyperparameters)

        gradients = jax.grad(loss)(learner.networks)
        update = self._optimiser(hyperparameters).update
        updated = [update(*pair) for pair in zip(gradients, learner.optimisers, strict=True)]
        changes, optimisers = (Networks(*parts) for parts in zip(*updated, strict=True))
        networks = optax.apply_updates(learner.networks, changes)
        slow = learner.target_critics
        if not self.bandit_path:
            slow = losses.polyak(slow, networks.critics, hyperparameters["tau"])
        return Learner(networks, slow, optimisers)

    def _target(
        self, learner: Learner, key: PRNGKey, batch: Transition, hyperparameters: Hyperparameters
    ) -> Float[Array, " b"]:
        """The target of the critics."""
        if self.bandit_path:
            return batch.reward
        actor, _, log_temperature = learner.networks
        worth, entropy = self._worth(actor, learner.target_critics, key, batch.next_observation)
        value_t = worth + jnp.exp(log_temperature) * entropy
        return losses.td_target(batch.reward, batch.terminated, value_t, hyperparameters["gamma"])

    def _loss(
        self,
        networks: Networks,
        key: PRNGKey,
        batch: Transition,
        target: Float[Array, " b"],
        hyperparameters: Hyperparameters,
    ) -> Float[Array, ""]:
        """The sum of three losses, none of which has a gradient for what another one trains."""
        actor, critics, log_temperature = networks
        values = self._values(critics, batch.observation, batch.action)
        critic_loss = 0.5 * ((values - target) ** 2).mean(-1).sum()
        fixed = jax.lax.stop_gradient(critics)
        worth, entropy = self._worth(actor, fixed, key, batch.observation)
        temperature = jnp.exp(log_temperature)
        actor_loss = -(worth + jax.lax.stop_gradient(temperature) * entropy).mean()
        excess = entropy.mean() - self._target_entropy(hyperparameters)
        return critic_loss + actor_loss + temperature * jax.lax.stop_gradient(excess)

    def _optimiser(self, hyperparameters: Hyperparameters) -> optax.GradientTransformation:
        rate, norm = hyperparameters["learning_rate"], hyperparameters["max_grad_norm"]
        return optimiser(self.optimiser, rate, norm)

    def _criticise(self, critics: PyTree, inputs: Float[Array, "*b i"]) -> Float[Array, "c *b k"]:
        # A copy for each critic: one batch of products, not one wide product to take apart.
        copies = jnp.broadcast_to(inputs, (NUM_CRITICS, *inputs.shape))
        return jax.vmap(self._critic.apply)(critics, copies)

    # What depends on it.

    @property
    @abstractmethod
    def _actor(self) -> MLP: ...

    @property
    @abstractmethod
    def _critic(self) -> MLP | DuelingMLP: ...

    @abstractmethod
    def _sample(self, policy: PyTree, key: PRNGKey, observation: Observation) -> Action:
        """An action, in the form in which it is stored."""

    @abstractmethod
    def _mode(self, policy: PyTree, observation: Observation) -> Action:
        """The action without chance, in the form in which it is stored."""

    @abstractmethod
    def _target_entropy(self, hyperparameters: Hyperparameters) -> Float[Array, ""]:
        """In nats, of an action in the form in which it is stored."""

    @abstractmethod
    def _worth(
        self, actor: PyTree, critics: PyTree, key: PRNGKey, observation: Float[Array, "*b o"]
    ) -> tuple[Float[Array, "*b"], Float[Array, "*b"]]:
        """The value of the policy by the lower critic; and the policy's entropy, in nats.

        Both may be estimates from one action.
        """

    @abstractmethod
    def _values(
        self, critics: PyTree, observation: Float[Array, "*b o"], action: Array
    ) -> Float[Array, "c *b"]:
        """The value of an action, in the form in which it is stored, by each critic."""


class DiscreteSAC(SAC):
    """Expectations over all actions, in place of samples (Christodoulou 2019)."""

    @property
    def _actor(self) -> MLP:
        outputs, image = self.spec.num_actions, self.spec.image
        return MLP(self.hidden, outputs, self.activation, output_scale=0.01, image=image)

    @property
    def _critic(self) -> MLP | DuelingMLP:
        network = DuelingMLP if self.dueling else MLP
        outputs, image = self.spec.num_actions, self.spec.image
        return network(self.hidden, outputs, self.activation, image=image)

    def _sample(self, policy: PyTree, key: PRNGKey, observation: Observation) -> Action:
        return jax.random.categorical(key, self._actor.apply(policy, observation))

    def _mode(self, policy: PyTree, observation: Observation) -> Action:
        return self.prefer(policy, observation).argmax(-1)

    def prefer(self, policy: PyTree, observation: Observation) -> Float[Array, " k"]:
        """Logits."""
        return self._actor.apply(policy, observation)

    def _target_entropy(self, hyperparameters: Hyperparameters) -> Float[Array, ""]:
        return hyperparameters["target_entropy_ratio"] * jnp.log(self.spec.num_actions)

    def _worth(
        self, actor: PyTree, critics: PyTree, key: PRNGKey, observation: Float[Array, "*b o"]
    ) -> tuple[Float[Array, "*b"], Float[Array, "*b"]]:
        log_probs = jax.nn.log_softmax(self._actor.apply(actor, observation))
        probs = jnp.exp(log_probs)
        values = self._criticise(critics, observation).min(0)
        return (probs * values).sum(-1), -(probs * log_probs).sum(-1)

    def _values(
        self, critics: PyTree, observation: Float[Array, "*b o"], action: Int[Array, "*b"]
    ) -> Float[Array, "c *b"]:
        values = self._criticise(critics, observation)
        return losses.select_action_value(values, jnp.broadcast_to(action, values.shape[:-1]))


class ContinuousSAC(SAC):
    """A Gaussian squashed by tanh: actions are stored in [-1, 1], scaled for the environment."""

    def to_action(self, stored: Action) -> Action:
        low, high = self.spec.action_low, self.spec.action_high
        return (high + low) / 2 + (high - low) / 2 * stored

    @property
    def _actor(self) -> MLP:
        outputs, image = 2 * self.spec.action_size, self.spec.image
        return MLP(self.hidden, outputs, self.activation, output_scale=0.01, image=image)

    @property
    def _critic(self) -> MLP:
        return MLP(self.hidden, 1, self.activation, image=self.spec.image)

    def _gaussian(
        self, policy: PyTree, observation: Float[Array, "*b o"]
    ) -> tuple[Float[Array, "*b a"], Float[Array, "*b a"]]:
        """Mean and log deviation, before squashing."""
        mean, log_std = jnp.split(self._actor.apply(policy, observation), 2, axis=-1)
        return mean, jnp.clip(log_std, *LOG_STD)

    def _sample(self, policy: PyTree, key: PRNGKey, observation: Observation) -> Action:
        mean, log_std = self._gaussian(policy, observation)
        return jnp.tanh(mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape))

    def _mode(self, policy: PyTree, observation: Observation) -> Action:
        return jnp.tanh(self._gaussian(policy, observation)[0])

    def prefer(self, policy: PyTree, observation: Observation) -> Float[Array, " k"]:
        """The median action."""
        return self.to_action(self._mode(policy, observation))

    def _target_entropy(self, hyperparameters: Hyperparameters) -> Float[Array, ""]:
        return hyperparameters["target_entropy_per_dimension"] * self.spec.action_size

    def _worth(
        self, actor: PyTree, critics: PyTree, key: PRNGKey, observation: Float[Array, "*b o"]
    ) -> tuple[Float[Array, "*b"], Float[Array, "*b"]]:
        mean, log_std = self._gaussian(actor, observation)
        noise = jax.random.normal(key, mean.shape)
        drawn = mean + jnp.exp(log_std) * noise
        values = self._values(critics, observation, jnp.tanh(drawn)).min(0)
        return values, -squashed_log_prob(noise, drawn, log_std)

    def _values(
        self, critics: PyTree, observation: Float[Array, "*b o"], action: Float[Array, "*b a"]
    ) -> Float[Array, "c *b"]:
        return self._criticise(critics, jnp.concatenate([observation, action], axis=-1))[..., 0]


def squashed_log_prob(
    noise: Float[Array, "*b a"], x: Float[Array, "*b a"], log_std: Float[Array, "*b a"]
) -> Float[Array, "*b"]:
    """Log density of tanh(x), where x = mean + exp(log_std) noise (Haarnoja et al. 2018, eq. 21).

    From x, not from tanh(x), which is not invertible at +-1 in float32.
    """
    gaussian = -0.5 * noise**2 - log_std - 0.5 * jnp.log(2 * jnp.pi)
    log_slope = 2 * (jnp.log(2.0) - x - jax.nn.softplus(-2 * x))  # of tanh, that is 1 - tanh(x)^2
    return (gaussian - log_slope).sum(-1)


def make(agent: settings.Agent, spec: EnvSpec) -> SAC:
    """SAC from a config section.

    Raises ValueError for an unknown word, and shapes that do not fit together.
    """
    kind: type[SAC] = DiscreteSAC if spec.discrete else ContinuousSAC
    sac = build(kind, agent, spec)
    check_word(sac.test_policy, ("sample", "mode"), f"agents.{agent.name}.static.test_policy")
    return sac
