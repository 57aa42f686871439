"""Curiosity: a reward for what an agent did not foresee (Pathak et al. 2017, "ICM").

A model learns features of observations from which the action between two of them can be told
(inverse), and foresees the features that an action leads to (forward). As in Ferreira et al. 2022
its error is added to the reward of each batch that an off-policy agent learns from. The forward
network here has plain hidden layers, where theirs has blocks with residuals.
"""

import importlib
from dataclasses import dataclass, fields
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Array, Float, PyTree

from synthbench.agents import losses
from synthbench.agents.networks import MLP
from synthbench.agents.off_policy import OffPolicy, Progress
from synthbench.config import typed
from synthbench.types import Action, EnvSpec, Hyperparameters, Observation, PRNGKey, Transition

NETWORKS = ("features", "inverse", "forward")
OWN = ("learner", "feature_size", "model_hidden")  # static settings that are not the learner's


class Learner(struct.PyTreeNode):
    """What the agent learns, and what its model of the environment does."""

    agent: Any
    model: PyTree
    optimiser: PyTree

    @property
    def policy(self) -> PyTree:
        return self.agent.policy


@dataclass(frozen=True)
class Curious(OffPolicy):
    """An off-policy agent that is paid for what its model gets wrong."""

    agent: Any  # an OffPolicy
    feature_size: int
    model_hidden: int  # width of hidden layers

    def init_learner(self, key: PRNGKey, hyperparameters: Hyperparameters) -> Learner:
        key_agent, *keys = jax.random.split(key, 1 + len(NETWORKS))
        feature, pair = jnp.zeros(self.feature_size), jnp.zeros(2 * self.feature_size)
        with_action = jnp.concatenate([feature, jnp.zeros(self._action_size)])
        blank = (jnp.zeros(self.spec.observation_size), pair, with_action)
        model = {
            name: self._network(name).init(key_network, inputs)
            for name, key_network, inputs in zip(NETWORKS, keys, blank, strict=True)
        }
        optimiser = optax.adam(hyperparameters["model_learning_rate"]).init(model)
        return Learner(self.agent.init_learner(key_agent, hyperparameters), model, optimiser)

    def learn(
        self, learner: Learner, key: PRNGKey, batch: Transition, hyperparameters: Hyperparameters
    ) -> Learner:
        """One update of the agent, with the bonus, and one of the model."""

        def loss(model: PyTree) -> tuple[Float[Array, ""], Float[Array, " b"]]:
            forward, inverse = self.errors(model, batch)
            share = hyperparameters["forward_share"]
            return (1 - share) * inverse.mean() + share * forward.mean(), forward

        gradient, error = jax.grad(loss, has_aux=True)(learner.model)
        paid = batch._replace(reward=batch.reward + hyperparameters["curiosity"] * error)
        agent = self.agent.learn(learner.agent, key, paid, hyperparameters)
        adam = optax.adam(hyperparameters["model_learning_rate"])
        change, optimiser = adam.update(gradient, learner.optimiser)
        return Learner(agent, optax.apply_updates(learner.model, change), optimiser)

    def errors(
        self, model: PyTree, batch: Transition
    ) -> tuple[Float[Array, " b"], Float[Array, " b"]]:
        """Of the forward network (mean square over features), of the inverse one.

        That is a cross-entropy for discrete actions, a mean square for continuous ones.
        """

        def apply(name: str, inputs: Float[Array, "b i"]) -> Float[Array, "b k"]:
            return self._network(name).apply(model[name], inputs)

        before = apply("features", batch.observation)
        after = apply("features", batch.next_observation)
        guess = apply("inverse", jnp.concatenate([before, after], axis=-1))
        if self.spec.discrete:
            action = jax.nn.one_hot(batch.action, self.spec.num_actions)
            inverse = -losses.select_action_value(jax.nn.log_softmax(guess), batch.action)
        else:
            action = batch.action
            inverse = ((guess - action) ** 2).mean(-1)
        foreseen = apply("forward", jnp.concatenate([before, action], axis=-1))
        return ((foreseen - after) ** 2).mean(-1), inverse

    def _network(self, name: str) -> MLP:
        outputs = self._action_size if name == "inverse" else self.feature_size
        return MLP((self.model_hidden, self.model_hidden), outputs, "leaky_relu")

    @property
    def _action_size(self) -> int:
        return self.spec.num_actions or self.spec.action_size

    # All else is as the agent does it.

    def explore(
        self,
        policy: PyTree,
        key: PRNGKey,
        observation: Observation,
        hyperparameters: Hyperparameters,
        progress: Progress,
    ) -> Action:
        return self.agent.explore(policy, key, observation, hyperparameters, progress)

    def decide(self, policy: PyTree, key: PRNGKey, observation: Observation) -> Action:
        return self.agent.decide(policy, key, observation)

    def prefer(self, policy: PyTree, observation: Observation) -> Float[Array, " k"]:
        return self.agent.prefer(policy, observation)

    def to_action(self, stored: Action) -> Action:
        return self.agent.to_action(stored)

    def end_iteration(
        self, learner: Learner, hyperparameters: Hyperparameters, progress: Progress
    ) -> Learner:
        agent = self.agent.end_iteration(learner.agent, hyperparameters, progress)
        return learner.replace(agent=agent)


def make(agent: Any, spec: EnvSpec) -> Curious:
    """A curious agent from a config section, whose `static.learner` is the module of its agent.

    Raises ValueError for contextual bandits, where nothing follows on an action.
    """
    if spec.bandit:
        raise ValueError(f"{agent.name}: in a contextual bandit there is nothing to be foreseen.")
    own = {name: agent.static[name] for name in OWN}
    theirs = {name: value for name, value in agent.static.items() if name not in OWN}
    module = importlib.import_module(own.pop("learner"))
    learner = module.make(typed({**agent, "static": theirs}), spec)
    common = {field.name: getattr(learner, field.name) for field in fields(OffPolicy)}
    return Curious(**common, **own, agent=learner)
