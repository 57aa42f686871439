"""The networks inside a synthetic environment."""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": nn.relu,
    "leaky_relu": nn.leaky_relu,
    # The slope of a PReLU (He et al. 2015) where Ferreira et al. 2022 left it: at its beginning.
    "prelu": partial(nn.leaky_relu, negative_slope=0.25),
    "tanh": jnp.tanh,
    "swish": nn.swish,
}


class MLP(nn.Module):
    """Hidden layers with one activation, then a linear layer; Flax's default initialisation."""

    hidden: Sequence[int]
    outputs: int
    activation: str

    @nn.compact
    def __call__(self, x: Float[Array, "... i"]) -> Float[Array, "... {self.outputs}"]:
        for width in self.hidden:
            x = ACTIVATIONS[self.activation](nn.Dense(width)(x))
        return nn.Dense(self.outputs)(x)
