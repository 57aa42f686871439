"""Deterministic policy gradients: TD3 (Fujimoto et al. 2018), and DDPG, which it grew from.

DDPG (Lillicrap et al. 2016) is TD3 without what TD3 added: one critic, no delay, no smoothing
(conf/agent/ddpg.yaml).
"""

from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Array, Float, Int, PyTree, UInt32

from synthgym.agents import losses
from synthgym.agents.base import optimiser
from synthgym.agents.networks import MLP, check_word
from synthgym.agents.off_policy import OffPolicy, Progress, build
from synthgym.core import settings
from synthgym.core.types import Action, EnvSpec, Hyperparameters, Observation, PRNGKey, Transition

WORDS = {
    # Standard deviation of the noise in units of the action, or of half the width of its bounds.
    "noise_unit": ("action", "bounds"),
    # What is tested: the actor, or the actor with the noise of training.
    "test_policy": ("mode", "noisy"),
}

T = TypeVar("T", bound="TD3")


class Policy(struct.PyTreeNode):
    """The actor, and how much noise is added to what it does in training."""

    actor: PyTree
    noise: Float[Array, ""]  # standard deviation
    seed: UInt32[Array, ""]  # of noise that is held


class Learner(struct.PyTreeNode):
    """Actor and critics [critic, ...], their targets (not for bandits), Adam's states."""

    policy: PyTree  # Policy
    critics: PyTree
    target_actor: PyTree | None
    target_critics: PyTree | None
    actor_optimiser: PyTree
    critic_optimiser: PyTree
    updates: Int[Array, ""]  # of the critics


@dataclass(frozen=True)
class TD3(OffPolicy):
    """TD3 for continuous actions."""

    num_critics: int
    policy_delay: int  # updates of the critics for each of the actor and the targets
    target_smoothing: bool  # noise on the action that targets are computed for
    noise_unit: str
    noise_steps: int  # steps for which what is random about exploration is held
    test_policy: str
    hidden: tuple[int, ...]
    activation: str
    name: str

    def init_learner(self, key: PRNGKey, hyperparameters: Hyperparameters) -> Learner:
        key_actor, key_critics, key_seed = jax.random.split(key, 3)
        actor = self._actor.init(key_actor, jnp.zeros(self.spec.observation_size))
        pair = jnp.zeros(self.spec.observation_size + self._action_size)
        keys = jax.random.split(key_critics, self.num_critics)
        critics = jax.vmap(self._critic.init, (0, None))(keys, pair)
        optimiser = self._optimiser(hyperparameters)
        return Learner(
            policy=self._policy(actor, jax.random.bits(key_seed), hyperparameters),
            critics=critics,
            target_actor=None if self.bandit_path else actor,
            target_critics=None if self.bandit_path else critics,
            actor_optimiser=optimiser.init(actor),
            critic_optimiser=optimiser.init(critics),
            updates=jnp.int32(0),
        )

    def explore(
        self,
        policy: PyTree,
        key: PRNGKey,
        observation: Observation,
        hyperparameters: Hyperparameters,
        progress: Progress,
    ) -> Action:
        """Uniform during the warm-up; then what the actor does, with noise.

        Held for `noise_steps` steps, noise is correlated in time, as Lillicrap et al.'s is.
        """
        if self.noise_steps > 1:
            key = jax.random.fold_in(jax.random.key(policy.seed), progress.step // self.noise_steps)
        key_random, key_noise = jax.random.split(key)
        warming_up = progress.step < self.warmup
        if self.warmup_episodes:
            warming_up = warming_up | (progress.episodes < self.warmup_episodes)
        noisy = self._noisy(policy, key_noise, observation)
        return jnp.where(warming_up, self._random(key_random), noisy)

    def decide(self, policy: PyTree, key: PRNGKey, observation: Observation) -> Action:
        """The actor's action; noisy where that is asked for."""
        noisy = self.test_policy == "noisy"
        stored = self._noisy(policy, key, observation) if noisy else self._mode(policy, observation)
        return self.to_action(stored)

    def prefer(self, policy: PyTree, observation: Observation) -> Float[Array, " k"]:
        """The actor's action."""
        return self.to_action(self._mode(policy, observation))

    def learn(
        self, learner: Learner, key: PRNGKey, batch: Transition, hyperparameters: Hyperparameters
    ) -> Learner:
        """Update the critics; each `policy_delay` updates, the actor and the targets too."""
        key_target, key_actor = jax.random.split(key)
        target = self._target(learner, key_target, batch, hyperparameters)
        learner = self._update_critics(learner, batch, target, hyperparameters)

        def update_actor(learner: Learner) -> Learner:
            learner = self._update_actor(learner, key_actor, batch, hyperparameters)
            return learner if self.bandit_path else self._update_targets(learner, hyperparameters)

        if self.policy_delay == 1:
            return update_actor(learner)
        # The same for all agents of a population, so that under `vmap` no work is done in vain.
        due = learner.updates % self.policy_delay == 0
        return jax.lax.cond(due, update_actor, lambda learner: learner, learner)

    def _target(
        self, learner: Learner, key: PRNGKey, batch: Transition, hyperparameters: Hyperparameters
    ) -> Float[Array, " b"]:
        if self.bandit_path:
            return batch.reward
        key_action, key_noise = jax.random.split(key)
        policy = learner.policy.replace(actor=learner.target_actor)
        action = self._propose(policy, key_action, batch.next_observation)
        if self.target_smoothing:
            noise = hyperparameters["target_noise"] * jax.random.normal(key_noise, action.shape)
            clip = hyperparameters["target_noise_clip"]
            action = self._within_bounds(action + jnp.clip(noise, -clip, clip))
        value_t = self._values(learner.target_critics, batch.next_observation, action).min(0)
        return losses.td_target(batch.reward, batch.terminated, value_t, hyperparameters["gamma"])

    def _update_critics(
        self,
        learner: Learner,
        batch: Transition,
        target: Float[Array, " b"],
        hyperparameters: Hyperparameters,
    ) -> Learner:
        def loss(critics: PyTree) -> Float[Array, ""]:
            errors = target - self._values(critics, batch.observation, batch.action)
            return 0.5 * (errors**2).mean(-1).sum()

        gradient = jax.grad(loss)(learner.critics)
        change, optimiser = self._optimiser(hyperparameters).update(
            gradient, learner.critic_optimiser
        )
        return learner.replace(
            critics=optax.apply_updates(learner.critics, change),
            critic_optimiser=optimiser,
            updates=learner.updates + 1,
        )

    def _update_actor(
        self, learner: Learner, key: PRNGKey, batch: Transition, hyperparameters: Hyperparameters
    ) -> Learner:
        """Towards what the first critic values most."""
        first = jax.tree.map(lambda x: x[:1], learner.critics)

        def loss(actor: PyTree) -> Float[Array, ""]:
            policy = learner.policy.replace(actor=actor)
            action = self._propose(policy, key, batch.observation)
            return -self._values(first, batch.observation, action).mean()

        gradient = jax.grad(loss)(learner.policy.actor)
        change, optimiser = self._optimiser(hyperparameters).update(
            gradient, learner.actor_optimiser
        )
        actor = optax.apply_updates(learner.policy.actor, change)
        return learner.replace(
            policy=learner.policy.replace(actor=actor), actor_optimiser=optimiser
        )

    def _update_targets(self, learner: Learner, hyperparameters: Hyperparameters) -> Learner:
        tau = hyperparameters["tau"]
        return learner.replace(
            target_actor=losses.polyak(learner.target_actor, learner.policy.actor, tau),
            target_critics=losses.polyak(learner.target_critics, learner.critics, tau),
        )

    def _noisy(self, policy: PyTree, key: PRNGKey, observation: Observation) -> Action:
        key_action, key_noise = jax.random.split(key)
        action = self._propose(policy, key_action, observation)
        noise = policy.noise * jax.random.normal(key_noise, action.shape)
        return self._within_bounds(action + noise)

    def _values(
        self, critics: PyTree, observation: Float[Array, "*b o"], action: Float[Array, "*b a"]
    ) -> Float[Array, "c *b"]:
        """The value of an action in a state, by each critic."""
        pair = jnp.concatenate([observation, action], axis=-1)
        # A copy for each critic: one batch of products, not one wide product to take apart.
        pairs = jnp.broadcast_to(pair, (len(jax.tree.leaves(critics)[0]), *pair.shape))
        return jax.vmap(self._critic.apply)(critics, pairs)[..., 0]

    @property
    def _actor(self) -> MLP:
        return self._network(self._action_size, 0.01)

    @property
    def _critic(self) -> MLP:
        return self._network(1, 1.0)

    def _optimiser(self, hyperparameters: Hyperparameters) -> optax.GradientTransformation:
        rate, norm = hyperparameters["learning_rate"], hyperparameters["max_grad_norm"]
        return optimiser(self.optimiser, rate, norm)

    # What is different where actions are discrete (agents/discrete_td3.py).

    @property
    def _action_size(self) -> int:
        """Numbers in an action as it is stored, which is what critics get."""
        return self.spec.action_size

    def _network(self, outputs: int, output_scale: float) -> MLP:
        return MLP(self.hidden, outputs, self.activation, output_scale, image=self.spec.image)

    def _policy(
        self, actor: PyTree, seed: UInt32[Array, ""], hyperparameters: Hyperparameters
    ) -> PyTree:
        unit = self._half_width if self.noise_unit == "bounds" else 1.0
        return Policy(actor, unit * hyperparameters["noise"], seed)

    def _mode(self, policy: PyTree, observation: Float[Array, "*b o"]) -> Float[Array, "*b a"]:
        """The actor's action when nothing is random."""
        squashed = jnp.tanh(self._actor.apply(policy.actor, observation))
        middle = (self.spec.action_high + self.spec.action_low) / 2
        return middle + self._half_width * squashed

    def _propose(
        self, policy: PyTree, key: PRNGKey, observation: Float[Array, "*b o"]
    ) -> Float[Array, "*b a"]:
        """The actor's action before any noise; its gradient is that of the policy."""
        return self._mode(policy, observation)

    def _random(self, key: PRNGKey) -> Action:
        low, high = self.spec.action_low, self.spec.action_high
        return jax.random.uniform(key, (self._action_size,), minval=low, maxval=high)

    def _within_bounds(self, action: Float[Array, "*b a"]) -> Float[Array, "*b a"]:
        return jnp.clip(action, self.spec.action_low, self.spec.action_high)

    @property
    def _half_width(self) -> float:
        return (self.spec.action_high - self.spec.action_low) / 2


def make(agent: settings.Agent, spec: EnvSpec) -> TD3:
    """TD3 (or DDPG) from a config section.

    Raises ValueError for discrete actions, an unknown word, and shapes that do not fit together.
    """
    if spec.discrete:
        raise ValueError(f"{agent.name} needs continuous actions, not {spec.num_actions} choices.")
    return checked(build(TD3, agent, spec))


def checked(td3: T) -> T:
    """The agent; raises ValueError where its words and counts make no sense."""
    place = f"agents.{td3.name}.static"
    for setting, words in WORDS.items():
        check_word(getattr(td3, setting), words, f"{place}.{setting}")
    for setting in ("num_critics", "policy_delay", "noise_steps"):
        if getattr(td3, setting) < 1:
            raise ValueError(f"{place}.{setting} must be at least 1, not {getattr(td3, setting)}.")
    if td3.noise_steps > 1 and td3.num_envs > 1:
        raise ValueError(f"{place}.noise_steps: must be 1 where num_envs is not.")
    return td3
