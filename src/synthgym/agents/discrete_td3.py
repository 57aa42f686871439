"""TD3 for discrete actions (Ferreira et al. 2022).

The actor's logits become a vector by the Gumbel-softmax trick (Jang et al. 2017), so that the
gradient of the critics reaches them. That vector, with noise, is the action that is stored and that
critics value; its largest element is what is done.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, UInt32

from synthgym.agents import losses
from synthgym.agents.networks import MLP
from synthgym.agents.off_policy import build
from synthgym.agents.td3 import TD3, Learner, Policy, checked
from synthgym.core import settings
from synthgym.core.types import Action, EnvSpec, Hyperparameters, Observation, PRNGKey, Transition


class DiscretePolicy(Policy):
    """Its actor gives logits."""

    temperature: Float[Array, ""]


@dataclass(frozen=True)
class DiscreteTD3(TD3):
    """TD3 whose action is a point of the simplex, plus noise; greedy when tested."""

    hard: bool  # the actor's sample is a corner of the simplex; its gradient that of the soft one
    layer_norm: bool

    def to_action(self, stored: Action) -> Action:
        return stored.argmax(-1)

    def prefer(self, policy: PyTree, observation: Observation) -> Float[Array, " k"]:
        """Logits."""
        return self._mode(policy, observation)

    def learn(
        self, learner: Learner, key: PRNGKey, batch: Transition, hyperparameters: Hyperparameters
    ) -> Learner:
        """As TD3, while the temperature falls."""
        learner = super().learn(learner, key, batch, hyperparameters)
        temperature = losses.linear_schedule(
            hyperparameters["temperature_start"],
            hyperparameters["temperature_end"],
            hyperparameters["temperature_updates"],
            learner.updates,
            1,
        )
        return learner.replace(policy=learner.policy.replace(temperature=temperature))

    @property
    def _action_size(self) -> int:
        return self.spec.num_actions

    def _network(self, outputs: int, output_scale: float) -> MLP:
        image = self.spec.image
        return MLP(self.hidden, outputs, self.activation, output_scale, self.layer_norm, image)

    def _policy(
        self, actor: PyTree, seed: UInt32[Array, ""], hyperparameters: Hyperparameters
    ) -> PyTree:
        temperature = jnp.asarray(hyperparameters["temperature_start"], jnp.float32)
        return DiscretePolicy(actor, hyperparameters["noise"], seed, temperature)

    def _mode(self, policy: PyTree, observation: Float[Array, "*b o"]) -> Float[Array, "*b a"]:
        """The logits: their largest is the likeliest."""
        return self._actor.apply(policy.actor, observation)

    def _propose(
        self, policy: PyTree, key: PRNGKey, observation: Float[Array, "*b o"]
    ) -> Float[Array, "*b a"]:
        """A sample of the Gumbel-softmax distribution."""
        logits = self._actor.apply(policy.actor, observation)
        soft = jax.nn.softmax((logits + jax.random.gumbel(key, logits.shape)) / policy.temperature)
        if not self.hard:
            return soft
        corner = jax.nn.one_hot(soft.argmax(-1), self.spec.num_actions)
        return corner + soft - jax.lax.stop_gradient(soft)

    def _random(self, key: PRNGKey) -> Action:
        index = jax.random.randint(key, (), 0, self.spec.num_actions)
        return jax.nn.one_hot(index, self.spec.num_actions)

    def _within_bounds(self, action: Float[Array, "*b a"]) -> Float[Array, "*b a"]:
        """As published: noise may lead out of the simplex."""
        return action


def make(agent: settings.Agent, spec: EnvSpec) -> DiscreteTD3:
    """Discrete TD3 from a config section.

    Raises ValueError for continuous actions, an unknown word, and shapes that do not fit together.
    """
    if not spec.discrete:
        raise ValueError(
            f"{agent.name} needs discrete actions, not {spec.action_size} continuous ones."
        )
    return checked(build(DiscreteTD3, agent, spec, noise_unit="action", noise_steps=1))
