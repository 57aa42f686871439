"""Curiosity: a reward for what an agent did not foresee (Pathak et al. 2017, "ICM").

A model learns features of observations from which the action between two of them can be told
(inverse), and foresees the features that an action leads to (forward). As in Ferreira et al. 2022
its error is added to the reward: of each batch that an off-policy agent learns from, of all that
PPO collects in an iteration. The forward network here has plain hidden layers, where theirs has
blocks with residuals.
"""

from dataclasses import dataclass, fields
from functools import partial

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Array, Float, Int, PyTree

from synthgym.agents import losses, ppo
from synthgym.agents.base import bounded, load
from synthgym.agents.networks import MLP
from synthgym.agents.off_policy import OffPolicy, Progress
from synthgym.core import settings
from synthgym.core.types import (
    Action,
    Agent,
    Env,
    EnvSpec,
    Hyperparameters,
    Observation,
    PRNGKey,
    Step,
    Transition,
)

NETWORKS = ("features", "inverse", "forward")
# Static settings that are not the learner's: of all, of a curious PPO.
OWN, OF_PPO = ("learner", "feature_size", "model_hidden"), ("model_epochs",)


@dataclass(frozen=True)
class Model:
    """A model that foresees an environment. Its networks are a tree, which a learner has."""

    spec: EnvSpec
    feature_size: int
    hidden: int  # width of hidden layers

    def init(self, key: PRNGKey, hyperparameters: Hyperparameters) -> tuple[PyTree, PyTree]:
        """Networks, and the state of their optimiser."""
        feature, pair = jnp.zeros(self.feature_size), jnp.zeros(2 * self.feature_size)
        with_action = jnp.concatenate([feature, jnp.zeros(self._action_size)])
        blank = (jnp.zeros(self.spec.observation_size), pair, with_action)
        keys = jax.random.split(key, len(NETWORKS))
        networks = {
            name: self._network(name).init(key_network, inputs)
            for name, key_network, inputs in zip(NETWORKS, keys, blank, strict=True)
        }
        return networks, self._optimiser(hyperparameters).init(networks)

    def update(
        self,
        networks: PyTree,
        optimiser: PyTree,
        batch: Transition,
        hyperparameters: Hyperparameters,
    ) -> tuple[PyTree, PyTree, Float[Array, "*b"]]:
        """One gradient step; also the errors of the forward network before it."""

        def loss(networks: PyTree) -> tuple[Float[Array, ""], Float[Array, "*b"]]:
            forward, inverse = self.errors(networks, batch)
            share = hyperparameters["forward_share"]
            return (1 - share) * inverse.mean() + share * forward.mean(), forward

        gradient, error = jax.grad(loss, has_aux=True)(networks)
        change, optimiser = self._optimiser(hyperparameters).update(gradient, optimiser)
        return optax.apply_updates(networks, change), optimiser, error

    def errors(
        self, networks: PyTree, batch: Transition
    ) -> tuple[Float[Array, "*b"], Float[Array, "*b"]]:
        """Errors of the forward network (mean square over features) and of the inverse one.

        That is a cross-entropy for discrete actions, a mean square for continuous ones.
        """

        def apply(name: str, inputs: Float[Array, "*b i"]) -> Float[Array, "*b k"]:
            return self._network(name).apply(networks[name], inputs)

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
        return MLP((self.hidden, self.hidden), outputs, "leaky_relu")

    def _optimiser(self, hyperparameters: Hyperparameters) -> optax.GradientTransformation:
        return optax.adam(hyperparameters["model_learning_rate"])

    @property
    def _action_size(self) -> int:
        return self.spec.num_actions or self.spec.action_size


class Learner(struct.PyTreeNode):
    """The state of the agent's learner, and of its model of the environment."""

    agent: PyTree
    model: PyTree
    optimiser: PyTree

    @property
    def policy(self) -> PyTree:
        return self.agent.policy


@dataclass(frozen=True)
class Curious(OffPolicy):
    """An off-policy agent that is paid for what its model gets wrong."""

    agent: OffPolicy
    model: Model

    def init_learner(self, key: PRNGKey, hyperparameters: Hyperparameters) -> Learner:
        key_agent, key_model = jax.random.split(key)
        agent = self.agent.init_learner(key_agent, hyperparameters)
        return Learner(agent, *self.model.init(key_model, hyperparameters))

    def learn(
        self, learner: Learner, key: PRNGKey, batch: Transition, hyperparameters: Hyperparameters
    ) -> Learner:
        """One update of the agent, with the bonus, and one of the model."""
        before = (learner.model, learner.optimiser)
        networks, optimiser, error = self.model.update(*before, batch, hyperparameters)
        paid = batch._replace(reward=batch.reward + hyperparameters["curiosity"] * error)
        agent = self.agent.learn(learner.agent, key, paid, hyperparameters)
        return Learner(agent, networks, optimiser)

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


class Paid(struct.PyTreeNode):
    """An environment that pays for what a model gets wrong, beside its own reward."""

    env: PyTree  # an Env
    networks: PyTree  # of the model
    curiosity: Float[Array, ""]
    model: Model = struct.field(pytree_node=False)

    @property
    def spec(self) -> EnvSpec:
        return self.env.spec

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        state, observation = self.env.reset(key)
        return (state, observation), observation

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        inner, before = state
        inner, step = self.env.step(key, inner, action)
        seen = Transition(before, action, step.reward, step.observation, *step[2:])
        bonus = self.curiosity * self.model.errors(self.networks, seen)[0]
        return (inner, step.observation), step._replace(reward=step.reward + bonus)


class TrainState(struct.PyTreeNode):
    """The state that an iteration of a curious PPO starts from."""

    agent: ppo.TrainState
    model: PyTree
    optimiser: PyTree

    @property
    def params(self) -> PyTree:
        return self.agent.params

    @property
    def step(self) -> Int[Array, ""]:
        return self.agent.step

    @property
    def episodes(self) -> Int[Array, ""]:
        return self.agent.episodes


@dataclass(frozen=True)
class CuriousPPO:
    """PPO that is paid for what its model gets wrong, as the model is before an iteration.

    The model then learns from what was collected, all of it in each update. It sees observations as
    they are, also where the agent normalises them.
    """

    name: str
    agent: ppo.PPO
    model: Model
    model_epochs: int

    @property
    def spec(self) -> EnvSpec:
        return self.agent.spec

    @property
    def steps_per_iteration(self) -> int:
        return self.agent.steps_per_iteration

    def updates(self, num_steps: int) -> int:
        """Those of the agent alone."""
        return self.agent.updates(num_steps)

    def init(
        self, key: PRNGKey, env: Env, hyperparameters: Hyperparameters, num_steps: int
    ) -> TrainState:
        key_agent, key_model = jax.random.split(key)
        networks, optimiser = self.model.init(key_model, hyperparameters)
        paid = Paid(env, networks, hyperparameters["curiosity"], self.model)
        agent = self.agent.init(key_agent, paid, hyperparameters, num_steps)
        return TrainState(agent, networks, optimiser)

    def iterate(
        self,
        key: PRNGKey,
        state: TrainState,
        env: Env,
        hyperparameters: Hyperparameters,
        num_steps: int,
    ) -> tuple[TrainState, Transition]:
        """One iteration of PPO, then some updates of the model."""
        paid = Paid(env, state.model, hyperparameters["curiosity"], self.model)
        agent, seen = self.agent.iterate(key, state.agent, paid, hyperparameters, num_steps)
        within = jax.vmap(jax.vmap(partial(bounded, spec=self.spec)))
        done = seen._replace(action=within(seen.action))
        bonus = hyperparameters["curiosity"] * self.model.errors(state.model, done)[0]

        def update(model: tuple[PyTree, PyTree], _: None) -> tuple[tuple[PyTree, PyTree], None]:
            return self.model.update(*model, done, hyperparameters)[:2], None

        begin = (state.model, state.optimiser)
        model, _ = jax.lax.scan(update, begin, length=self.model_epochs)
        return TrainState(agent, *model), seen._replace(reward=seen.reward - bonus)

    def act(self, params: PyTree, key: PRNGKey, observation: Observation) -> Action:
        return self.agent.act(params, key, observation)

    def preferences(self, params: PyTree, observation: Observation) -> Float[Array, " k"]:
        return self.agent.preferences(params, observation)


def make(agent: settings.Agent, spec: EnvSpec) -> Agent:
    """A curious agent from a config section, whose `static.learner` is the module of its agent.

    Raises ValueError for contextual bandits, where nothing follows on an action.
    """
    if spec.bandit:
        raise ValueError(f"{agent.name}: in a contextual bandit there is nothing to be foreseen.")
    own = {name: agent.static[name] for name in (*OWN, *OF_PPO) if name in agent.static}
    learners = {name: value for name, value in agent.static.items() if name not in own}
    learner = load(agent.replace(module=own["learner"], static=learners), spec)
    model = Model(spec, _count(own["feature_size"]), _count(own["model_hidden"]))
    if isinstance(learner, ppo.PPO):
        return CuriousPPO(agent.name, learner, model, _count(own["model_epochs"]))
    assert isinstance(learner, OffPolicy)
    common = {field.name: getattr(learner, field.name) for field in fields(OffPolicy)}
    return Curious(**common, agent=learner, model=model)


def _count(value: settings.Value) -> int:
    assert isinstance(value, int)
    return value
