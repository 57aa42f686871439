"""Synthetic environments: networks play a task (Ferreira et al. 2022; Liesen et al. 2024).

Four heads, each a network of its own: initial state from a latent z, reward of (state, action),
change of the state by (state, action), and whether an episode ends in a state. With a
horizon of one step only the first two are there: a contextual bandit. In place of the first network
there may be a table of initial states, each as likely as the others.

Where the states of a task are numbered, what a network says of a state is read as the one at the
largest number, and the transition network says the next state, not a change (as Ferreira et al. do;
but their episodes begin where those of the real task do, and ours where the first network says).
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float, PyTree

from synthgym.core import checkpoint, settings
from synthgym.core.spec import spec_of
from synthgym.core.types import Action, EnvSpec, Observation, PRNGKey, Step
from synthgym.synth.heads import heads
from synthgym.synth.networks import ACTIVATIONS, MLP

FLOAT = jnp.float32  # also where JAX is told to take 64 bits: parameters have 32


def one_of_them(key: PRNGKey, shape: tuple[int]) -> Float[Array, " o"]:
    """One-hot, each as likely as the others."""
    return jax.nn.one_hot(jax.random.randint(key, (), 0, *shape, jnp.int32), *shape, dtype=FLOAT)


def softmax_of_normal(key: PRNGKey, shape: tuple[int]) -> Float[Array, " o"]:
    """Positive, of sum one."""
    return jax.nn.softmax(jax.random.normal(key, shape, FLOAT))


LATENTS: Mapping[str, Callable[[PRNGKey, tuple[int]], Float[Array, " o"]]] = {
    "normal": partial(jax.random.normal, dtype=FLOAT),
    # Of variance one.
    "uniform": partial(jax.random.uniform, dtype=FLOAT, minval=-(3**0.5), maxval=3**0.5),
    "categorical": one_of_them,
    "softmax": softmax_of_normal,
}


class State(struct.PyTreeNode):
    """Where an episode is."""

    observation: Float[Array, " o"]
    time: PyTree  # steps since the episode began


class SyntheticEnv(struct.PyTreeNode):
    """An `Env` whose leaves are its parameters theta; batch them to have a population."""

    theta: PyTree
    spec: EnvSpec = struct.field(pytree_node=False)
    hidden: tuple[int, ...] = struct.field(pytree_node=False)
    activation: str = struct.field(pytree_node=False)
    initial_states: int = struct.field(pytree_node=False, default=0)  # in the table; 0: a network
    latent: str = struct.field(pytree_node=False, default="normal")  # what that network is given

    def reset(self, key: PRNGKey) -> tuple[State, Observation]:
        if self.initial_states:
            row = jax.random.randint(key, (), 0, self.initial_states, jnp.int32)
            observation = self.theta["initial_state"]["table"][row]
        else:
            latent = LATENTS[self.latent](key, (self.spec.observation_size,))
            observation = self._apply("initial_state", latent)
        observation = self._shown(observation)
        return self.state_at(observation), observation

    def step(self, key: PRNGKey, state: State, action: Action) -> tuple[State, Step]:
        """The key is not used: given the state, everything is deterministic."""
        reward = self.reward(state.observation, action)
        if self.spec.bandit:
            step = Step(state.observation, reward, jnp.bool_(True), jnp.bool_(False))
            return State(state.observation, state.time + 1), step
        inputs = self.pair(state.observation, action)
        observation = self._shown(self._moved(state.observation, self._apply("transition", inputs)))
        time = state.time + 1
        terminated = self._apply("done", observation)[0] > 0.0
        truncated = (time >= self.spec.horizon) & ~terminated
        return State(observation, time), Step(observation, reward, terminated, truncated)

    def state_at(self, observation: Observation) -> State:
        """The state that shows this observation, at the beginning of an episode."""
        return State(observation, jnp.int32(0))

    def reward(self, observation: Observation, action: Action) -> Float[Array, ""]:
        """Reward of an action in a state; linear output, so unbounded."""
        return self._apply("reward", self.pair(observation, action))[0]

    def pair(self, observation: Observation, action: Action) -> Float[Array, " i"]:
        """The input of the reward and transition networks."""
        if self.spec.discrete:
            action = jax.nn.one_hot(action, self.spec.num_actions, dtype=FLOAT)
        return jnp.concatenate([observation, jnp.asarray(action, FLOAT)])

    def _moved(
        self, observation: Float[Array, " o"], output: Float[Array, " o"]
    ) -> Float[Array, " o"]:
        """The state that follows, from the output of the transition network."""
        return output if self.spec.num_states else observation + output

    def _shown(self, observation: Float[Array, " o"]) -> Observation:
        """The numbers as they are; of a numbered state, its one-hot vector."""
        if not self.spec.num_states:
            return observation
        return jax.nn.one_hot(observation.argmax(), self.spec.num_states, dtype=FLOAT)

    def _apply(self, head: str, inputs: Float[Array, " i"]) -> Float[Array, " k"]:
        return network(self, head).apply({"params": self.theta[head]}, inputs)


def make(synth: settings.Synth, task: settings.Task, theta: PyTree = None) -> SyntheticEnv:
    """The synthetic environment of these settings.

    It has no parameters unless `theta` is given; see `init_theta` and `env.replace(theta=...)`.
    Raises ValueError for an unknown activation or latent.
    """
    latent = synth.latent if "latent" in synth else "normal"
    if latent not in LATENTS:
        known = ", ".join(LATENTS)
        raise ValueError(f"synth.latent must be one of {known}, not {latent!r}.")
    if synth.activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"synth.activation must be one of {known}, not {synth.activation!r}.")
    return SyntheticEnv(
        theta=theta,
        spec=spec_of(task, horizon=synth.horizon),
        hidden=tuple(synth.hidden),
        activation=synth.activation,
        initial_states=int(synth.initial_states),
        latent=latent,
    )


def load(path: Path, synth: settings.Synth, task: settings.Task) -> SyntheticEnv:
    """A trained environment from its file.

    Raises ValueError where the file does not fit the settings.
    """
    env = make(synth, task)
    like = jax.eval_shape(lambda: init_theta(jax.random.key(0), env))
    return env.replace(theta=checkpoint.load(path, like)[0])


def init_theta(key: PRNGKey, env: SyntheticEnv) -> PyTree:
    """Parameters as the networks are initialised: LeCun normal weights, zero biases.

    A table of initial states: N(0, I).
    """
    keys = jax.random.split(key, len(heads(env.spec)))
    return {head: init_head(k, env, head) for k, head in zip(keys, heads(env.spec), strict=True)}


def init_head(key: PRNGKey, env: SyntheticEnv, head: str) -> PyTree:
    """Fresh parameters of one head."""
    if head == "initial_state" and env.initial_states:
        shape = (env.initial_states, env.spec.observation_size)
        return {"table": jax.random.normal(key, shape)}
    return network(env, head).init(key, jnp.zeros(heads(env.spec)[head][0]))["params"]


def network(env: SyntheticEnv, head: str) -> MLP:
    """The network that plays a part: initial_state, reward, transition or done."""
    return MLP(env.hidden, heads(env.spec)[head][1], env.activation)
