"""The networks inside an agent."""

import math
from collections.abc import Callable, Collection, Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from synthgym.core.types import PRNGKey

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "tanh": jnp.tanh,
    "relu": nn.relu,
    "leaky_relu": nn.leaky_relu,
    "swish": nn.swish,
}


def check_word(word: str, words: Collection[str], place: str) -> None:
    """Refuse, by a ValueError, what is not among `words`."""
    if word not in words:
        raise ValueError(f"{place} must be one of {', '.join(words)}, not {word!r}.")


def orthogonal(scale: float) -> Callable[..., Float[Array, "i k"]]:
    """Initialiser: `scale` times a matrix with orthonormal rows or columns (Saxe et al. 2014).

    The orthogonal factor of a Gaussian matrix, by Newton-Schulz iteration (Higham 2008, sec. 8.3).
    Not by `flax.linen.initializers.orthogonal`: with jaxlib 0.10.2, batched QR factorisations that
    run at the same time can wait for each other for ever on a CPU with few cores.
    """

    def init(key: PRNGKey, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        matrix = jax.random.normal(key, shape, dtype)
        wide = shape[0] < shape[1]
        x = matrix.T if wide else matrix
        x = x / jnp.linalg.norm(x)  # the iteration converges for singular values in (0, sqrt 3)
        x, _ = jax.lax.scan(lambda x, _: (1.5 * x - 0.5 * x @ (x.T @ x), None), x, length=64)
        return scale * (x.T if wide else x)

    return init


class Seen(nn.Module):
    """Features of an image, [row, column, channel] in one axis: filters over windows, ReLU.

    Filters and windows as in the networks of Young & Tian 2019 (MinAtar). A matrix product over
    copied windows: `flax.linen.Conv` is no faster on a CPU, and slower over a population of
    weights. What the inputs have beyond the image, as an action, is left as it is, behind it.
    Without an image, so are all inputs.
    """

    image: tuple[int, ...]  # rows, columns, channels; or empty
    filters: int = 16
    window: int = 3  # rows and columns

    @nn.compact
    def __call__(self, x: Float[Array, "... i"]) -> Float[Array, "... k"]:
        if not self.image:
            return x
        pixels, rest = jnp.split(x, [math.prod(self.image)], axis=-1)
        pixels = pixels.reshape(*x.shape[:-1], *self.image)
        rows, columns = (length - self.window + 1 for length in self.image[:2])
        shifted = [
            pixels[..., i : i + rows, j : j + columns, :]
            for i in range(self.window)
            for j in range(self.window)
        ]
        filters = nn.Dense(self.filters, kernel_init=orthogonal(2**0.5))
        features = nn.relu(filters(jnp.concatenate(shifted, axis=-1)))
        return jnp.concatenate([features.reshape(*x.shape[:-1], -1), rest], axis=-1)


class MLP(nn.Module):
    """Hidden layers with one activation, then a linear layer; orthogonal weights, zero biases.

    `output_scale` is the gain of the last layer: small for a policy, so that it begins near uniform
    (as in OpenAI's baselines). `layer_norm`: layer normalisation (Ba et al. 2016) between hidden
    layers, so not after the first (as in the code of Ferreira et al. 2022). `image`: the shape of
    that which inputs begin with, see `Seen`.
    """

    hidden: Sequence[int]
    outputs: int
    activation: str
    output_scale: float = 1.0
    layer_norm: bool = False
    image: tuple[int, ...] = ()

    @nn.compact
    def __call__(self, x: Float[Array, "... i"]) -> Float[Array, "... k"]:
        x = Seen(self.image)(x)
        for i, width in enumerate(self.hidden):
            x = nn.Dense(width, kernel_init=orthogonal(2**0.5))(x)
            if self.layer_norm and i > 0:
                x = nn.LayerNorm()(x)
            x = ACTIVATIONS[self.activation](x)
        last = orthogonal(self.output_scale)
        return nn.Dense(self.outputs, kernel_init=last)(x)


class DuelingMLP(nn.Module):
    """Action values as state value plus advantage, centred per state (Wang et al. 2016, eq. 9).

    `head_hidden`: hidden layers of both heads, behind the common ones. `centred_over_batch`: by the
    mean over all states and actions instead, so that the values of a state depend on what it is
    batched with (as in the code of Ferreira et al. 2022). `image`: as of MLP.
    """

    hidden: Sequence[int]
    outputs: int
    activation: str
    head_hidden: Sequence[int] = ()
    centred_over_batch: bool = False
    image: tuple[int, ...] = ()

    @nn.compact
    def __call__(self, x: Float[Array, "... i"]) -> Float[Array, "... k"]:
        x = Seen(self.image)(x)
        for width in self.hidden:
            x = nn.Dense(width, kernel_init=orthogonal(2**0.5))(x)
            x = ACTIVATIONS[self.activation](x)
        value = MLP(self.head_hidden, 1, self.activation)(x)
        advantage = MLP(self.head_hidden, self.outputs, self.activation)(x)
        axes = None if self.centred_over_batch else -1
        return value + advantage - advantage.mean(axes, keepdims=True)
