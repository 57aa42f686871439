"""Observations on one scale: running mean and variance of what an agent has seen.

As in OpenAI's baselines; statistics are merged in parallel (Chan, Golub & LeVeque 1983).
"""

import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float

LIMIT = 10.0  # standard deviations at which a normalised observation is clipped


class Normaliser(struct.PyTreeNode):
    """Mean and variance per dimension of `count` observations."""

    mean: Float[Array, " o"]
    variance: Float[Array, " o"]
    count: Float[Array, ""]

    def __call__(self, observation: Float[Array, "*b o"]) -> Float[Array, "*b o"]:
        """Zero mean, unit variance, within LIMIT."""
        scaled = (observation - self.mean) / jnp.sqrt(self.variance + 1e-8)
        return jnp.clip(scaled, -LIMIT, LIMIT)

    def update(self, observations: Float[Array, "*b o"]) -> "Normaliser":
        """With these observations too."""
        new = observations.reshape(-1, observations.shape[-1])
        difference, total = new.mean(0) - self.mean, self.count + len(new)
        squares = self.variance * self.count + new.var(0) * len(new)
        squares = squares + difference**2 * self.count * len(new) / total
        return Normaliser(self.mean + difference * len(new) / total, squares / total, total)


def untouched(observation_size: int) -> Normaliser:
    """A normaliser that has seen no observations yet, so that it changes nothing."""
    zeros = jnp.zeros(observation_size)
    return Normaliser(zeros, zeros + 1.0, jnp.float32(1e-4))


def normalise(
    normaliser: Normaliser | None, observation: Float[Array, "*b o"]
) -> Float[Array, "*b o"]:
    """The observation as networks see it; as it is where there is no normaliser."""
    return observation if normaliser is None else normaliser(observation)
