"""Synthetic environments in NumPy, for clients of Gymnasium, who step few of them at a time.

What `env.py` and `exact.py` say of one episode in JAX, for as many at once as there are rows. One
dispatch of JAX takes longer than networks as small as these; and where JAX is not imported, a
process can be forked and starts in a moment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Integer

from synthgym.core import settings
from synthgym.core.spec import EnvSpec, spec_of

if TYPE_CHECKING:
    from synthgym.synth.env import SyntheticEnv

Actions = Integer[np.ndarray, "*n"] | Float[np.ndarray, "*n a"] | int | np.integer
Rewards = Float[np.ndarray, "*n"] | np.floating
Observations = Float[np.ndarray, "*n o"]

EXACT = "synthgym.synth.exact"
FLOAT = np.float32


def leaky(slope: float) -> Callable[[np.ndarray], np.ndarray]:
    """Negative numbers times a slope."""
    return lambda x: np.where(x >= 0, x, slope * x)


ACTIVATIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": leaky(0.01),
    "prelu": leaky(0.25),
    "tanh": np.tanh,
    "swish": lambda x: x * (0.5 + 0.5 * np.tanh(0.5 * x)),  # exp(-x) would overflow
}


def softmax_of_normal(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Positive, of sum one."""
    weights = np.exp(generator.standard_normal(shape, FLOAT))
    return weights / weights.sum(-1, keepdims=True)


LATENTS: Mapping[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda generator, shape: generator.standard_normal(shape, FLOAT),
    "uniform": lambda generator, shape: (
        generator.random(shape, FLOAT) * FLOAT(12**0.5) - FLOAT(3**0.5)
    ),
    "categorical": lambda generator, shape: np.eye(shape[1], dtype=FLOAT)[
        generator.integers(shape[1], size=shape[0])
    ],
    "softmax": softmax_of_normal,
}


@dataclass(frozen=True)
class NumpyEnv:
    """A `SyntheticEnv` whose parameters are arrays of NumPy; `exact`: an `ExactBandit`."""

    theta: Any
    spec: EnvSpec
    hidden: tuple[int, ...]
    activation: str
    initial_states: int
    latent: str
    exact: bool

    def table(self) -> Float[np.ndarray, "K o"] | None:
        """All first observations, where they are written down."""
        return self._shown(self.theta["initial_state"]["table"]) if self.initial_states else None

    def first(self, generator: np.random.Generator, count: int) -> Float[np.ndarray, "n o"]:
        """First observations that the network makes up."""
        latents = LATENTS[self.latent](generator, (count, self.spec.observation_size))
        return self._shown(self._apply("initial_state", latents))

    def prospects(self, observations: Observations) -> Float[np.ndarray, "*n k"]:
        """What is known of rewards before the action is, all that `reward` needs.

        Discrete actions: the reward of each. Continuous ones: the best action of an exact bandit;
        else what the first layer of the network makes of the observation.
        """
        if self.exact:
            contexts = self.theta["initial_state"]["table"]
            flat = observations.reshape(-1, observations.shape[-1])
            rows = [((contexts - one) ** 2).sum(-1).argmin() for one in flat]
            worth: np.ndarray = self.theta["reward"]["table"][rows]
            return worth.reshape(*observations.shape[:-1], -1)
        of_observations, of_actions, bias = self._first_of_reward
        seen = observations @ of_observations + bias
        if not self.spec.discrete:
            return seen
        return self._onward("reward", seen[..., None, :] + of_actions)[..., 0]

    def reward(self, prospects: Float[np.ndarray, "*n k"], actions: Actions) -> Rewards:
        """Reward of actions in states with these prospects."""
        if self.spec.discrete:
            rows = (np.arange(len(prospects)),) if prospects.ndim > 1 else ()
            return prospects[*rows, actions]
        if self.exact:
            half_width = (self.spec.action_high - self.spec.action_low) / 2
            return -np.square((actions - prospects) / half_width).mean(-1)
        return self._onward("reward", prospects + actions @ self._first_of_reward[1])[..., 0]

    def follow(
        self, observations: Observations, actions: Actions
    ) -> tuple[Float[np.ndarray, "*n o"], Bool[np.ndarray, "*n"] | np.bool]:
        """The next observations of an MDP, and whether episodes terminate there."""
        if self.spec.discrete:
            actions = np.eye(self.spec.num_actions, dtype=FLOAT)[actions]
        output = self._apply("transition", np.concatenate([observations, actions], -1))
        following = self._shown(output if self.spec.num_states else observations + output)
        return following, self._apply("done", following)[..., 0] > 0

    def _shown(self, observations: Observations) -> Observations:
        if not self.spec.num_states:
            return observations
        return np.eye(self.spec.num_states, dtype=FLOAT)[observations.argmax(-1)]

    @cached_property
    def _layers(self) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
        """Weights and biases of each network."""
        names = [f"Dense_{i}" for i in range(len(self.hidden) + 1)]
        return {
            head: [(layers[name]["kernel"], layers[name]["bias"]) for name in names]
            for head, layers in self.theta.items()
            if "table" not in layers
        }

    @cached_property
    def _first_of_reward(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights of observations, weights of actions, and biases."""
        kernel, bias = self._layers["reward"][0]
        return *np.split(kernel, [self.spec.observation_size]), bias

    def _apply(self, head: str, inputs: np.ndarray) -> np.ndarray:
        kernel, bias = self._layers[head][0]
        return self._onward(head, inputs @ kernel + bias)

    def _onward(self, head: str, outputs: np.ndarray) -> np.ndarray:
        """Outputs of a network, from those of its first layer before the activation."""
        activation = ACTIVATIONS[self.activation]
        for kernel, bias in self._layers[head][1:]:
            outputs = activation(outputs) @ kernel + bias
        return outputs


def make(synth: settings.Synth, task: settings.Task, theta: Any = None) -> NumpyEnv:
    """The environment of these settings, without parameters unless they are given.

    Raises ValueError for an unknown activation, and for a table that is no bandit.
    """
    if synth.activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"synth.activation must be one of {known}, not {synth.activation!r}.")
    exact = "module" in synth and synth.module == EXACT
    if exact and (synth.horizon != 1 or synth.initial_states < 1):
        raise ValueError("synth: an exact bandit has horizon 1 and initial_states of 1 or more.")
    return NumpyEnv(
        theta=theta,
        spec=spec_of(task, horizon=synth.horizon),
        hidden=tuple(synth.hidden),
        activation=synth.activation,
        initial_states=int(synth.initial_states),
        latent=synth.latent if "latent" in synth else "normal",
        exact=exact,
    )


def of(env: "SyntheticEnv") -> NumpyEnv:
    """The same environment, from JAX."""
    import jax

    from synthgym.synth.exact import ExactBandit

    known = {**vars(env), "theta": jax.tree.map(np.asarray, env.theta)}
    return NumpyEnv(**known, exact=isinstance(env, ExactBandit))
