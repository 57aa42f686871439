"""Reward networks: the real task with a learned reward (Ferreira et al. 2022).

A network Phi takes the place of the task's reward (exclusive kinds) or is added to it (additive
ones): as it is, or as the difference of a potential, which leaves the optimal policy what it was
(Ng, Harada & Russell 1999). States, ends and observations are the task's own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Bool, Float, PyTree

from synthgym.core import checkpoint, settings
from synthgym.core.types import Action, Env, EnvSpec, Informed, Observation, PRNGKey, Step
from synthgym.synth.networks import ACTIVATIONS, MLP
from synthgym.tasks import base as tasks

HEAD = "reward"  # the only network; its name in theta


class Kind(NamedTuple):
    """How the network makes a reward. s: state, s' the next one, i: what the task says of it."""

    additive: bool  # to the task's reward; else in place of it
    potential: bool  # gamma Phi(s') - Phi(s); else Phi(s')
    observes: bool = True  # Phi gets the observation
    informed: bool = False  # Phi gets the info vector

    @property
    def linear(self) -> bool:
        """A weighted sum of the info vector, which is all that it gets."""
        return not self.observes


KINDS: Mapping[str, Kind] = {  # with the numbers of the published code
    "exclusive_potential": Kind(additive=False, potential=True),  # 1
    "additive_potential": Kind(additive=True, potential=True),  # 2
    "exclusive_potential_info": Kind(additive=False, potential=True, informed=True),  # 3
    "additive_potential_info": Kind(additive=True, potential=True, informed=True),  # 4
    "exclusive_non_potential": Kind(additive=False, potential=False),  # 5
    "additive_non_potential": Kind(additive=True, potential=False),  # 6
    "exclusive_non_potential_info": Kind(additive=False, potential=False, informed=True),  # 7
    "additive_non_potential_info": Kind(additive=True, potential=False, informed=True),  # 8
    "exclusive_weighted_info": Kind(False, potential=False, observes=False, informed=True),  # 101
    "additive_weighted_info": Kind(True, potential=False, observes=False, informed=True),  # 102
}


class State(NamedTuple):
    """Where an episode is."""

    task: PyTree  # the state of the real task
    inputs: Float[Array, " i"]  # what the network sees of it


class RewardNetwork(struct.PyTreeNode):
    """An `Env` around a real task; its leaves are the parameters theta, and the agent's discount.

    `terminal_potential`: what the potential of a terminal state is. `zero`, without which shaping
    does change what is optimal (Grzes 2017), as terminal states may differ; or what the `network`
    says, as in the code of Ferreira et al. 2022. An exclusive potential with `zero` rewards all
    policies alike, by -Phi of the first state: it can do nothing but set an agent's beginning.
    Where time is up, the state is no terminal one: the network's potential counts.
    """

    theta: PyTree
    task: PyTree  # an Env
    gamma: Float[Array, ""] | None = None  # of the agent that trains here; see `with_discount`
    reward: str = struct.field(pytree_node=False, default="additive_potential")  # of KINDS
    hidden: tuple[int, ...] = struct.field(pytree_node=False, default=())
    activation: str = struct.field(pytree_node=False, default="tanh")
    terminal_potential: str = struct.field(pytree_node=False, default="zero")

    @property
    def spec(self) -> EnvSpec:
        return self.task.spec

    @property
    def kind(self) -> Kind:
        return KINDS[self.reward]

    def with_discount(self, gamma: Float[Array, ""]) -> "RewardNetwork":
        """Return the environment for an agent that discounts with `gamma`."""
        return self.replace(gamma=gamma)

    def reset(self, key: PRNGKey) -> tuple[State, Observation]:
        state, observation = self.task.reset(key)
        return State(state, self._inputs(state, observation)), observation

    def step(self, key: PRNGKey, state: State, action: Action) -> tuple[State, Step]:
        """The real task's step, but for its reward."""
        new, step = self.task.step(key, state.task, action)
        inputs = self._inputs(new, step.observation)
        learned = self.learned(state.inputs, inputs, step.terminated)
        reward = step.reward + learned if self.kind.additive else learned
        return State(new, inputs), step._replace(reward=reward)

    def state_at(self, observation: Observation) -> State:
        """The state that shows this observation, at the beginning of an episode.

        Of a task that can say so, and for kinds without the info vector.
        """
        return State(self.task.state_at(observation), observation)

    def learned(
        self, before: Float[Array, " i"], after: Float[Array, " i"], terminated: Bool[Array, ""]
    ) -> Float[Array, ""]:
        """The learned part of a reward, from what the network sees before and after a step.

        Raises ValueError where a potential is not told the agent's discount.
        """
        following = self.output(after)
        if not self.kind.potential:
            return following
        if self.gamma is None:
            raise ValueError(f"{self.reward} needs the agent's discount: call with_discount.")
        if self.terminal_potential == "zero":
            following = jnp.where(terminated, 0.0, following)
        return self.gamma * following - self.output(before)

    def output(self, inputs: Float[Array, " i"]) -> Float[Array, ""]:
        """Phi; unbounded."""
        if self.kind.linear:
            return self.theta[HEAD]["weights"] @ inputs
        return network(self).apply({"params": self.theta[HEAD]}, inputs)[0]

    def _inputs(self, state: PyTree, observation: Observation) -> Float[Array, " i"]:
        parts = [observation] if self.kind.observes else []
        return jnp.concatenate([*parts, self.task.info(state)] if self.kind.informed else parts)


def make(synth: settings.Synth, task: settings.Task, theta: PyTree = None) -> RewardNetwork:
    """The reward network of these settings.

    It has no parameters unless `theta` is given. Raises ValueError for an unknown activation or
    kind, and where a kind needs an info vector that the task does not have.
    """
    words = (("activation", synth.activation, ACTIVATIONS), ("reward", synth.reward, KINDS))
    for setting, word, known in words:
        if word not in known:
            names = ", ".join(known)
            raise ValueError(f"synth.{setting} must be one of {names}, not {word!r}.")
    name = str(synth.reward)
    real = tasks.load(task)
    if KINDS[name].informed and not informs(real):
        raise ValueError(
            f"synth.reward: {name} needs an info vector, which {task.name} does not have. "
            f"Use {name.removesuffix('_info')}."
            if KINDS[name].observes
            else f"synth.reward: {name} is a weighted sum of an info vector, which "
            f"{task.name} does not have. Use another kind."
        )
    return RewardNetwork(
        theta=theta,
        task=real,
        reward=name,
        hidden=tuple(synth.hidden),
        activation=synth.activation,
        terminal_potential=str(synth.terminal_potential),
    )


def informs(task: Env) -> bool:
    """Whether a task says more about a state than what is observed."""
    return isinstance(task, Informed) and bool(task.info_names)


def load(path: Path, synth: settings.Synth, task: settings.Task) -> RewardNetwork:
    """A trained network from its file.

    Raises ValueError where the file does not fit the settings.
    """
    env = make(synth, task)
    like = jax.eval_shape(lambda: init_theta(jax.random.key(0), env))
    return env.replace(theta=checkpoint.load(path, like)[0])


def init_theta(key: PRNGKey, env: RewardNetwork) -> PyTree:
    """Parameters as the network is initialised: LeCun normal weights, zero biases.

    Those of a weighted sum: N(0, 1/i) for i numbers in the info vector.
    """
    size = jax.eval_shape(lambda: env.reset(jax.random.key(0))[0].inputs).shape[0]
    if env.kind.linear:
        return {HEAD: {"weights": jax.random.normal(key, (size,)) / jnp.sqrt(size)}}
    return {HEAD: network(env).init(key, jnp.zeros(size))["params"]}


def network(env: RewardNetwork) -> MLP:
    """Phi, where it is no weighted sum."""
    return MLP(env.hidden, 1, env.activation)
