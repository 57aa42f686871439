"""Named streams of random numbers: one root key per job, one stream per purpose.

What a stream gives does not depend on what was drawn before, or in which order.
"""

import zlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from synthgym.core.types import PRNGKey


def root(seed: int) -> PRNGKey:
    """The key that all randomness of a job comes from."""
    return jax.random.key(seed)


def stream(key: PRNGKey, name: str) -> PRNGKey:
    """The key of a purpose, such as "train". Equal names give equal keys, so use each name once."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def together(keys: Sequence[Key[Array, "..."]]) -> Key[Array, "S ..."]:
    """Stacked; `jnp.stack` would do, but for JAX's check of reuse, to which it uses them up."""
    return jax.random.wrap_key_data(jnp.stack([jax.random.key_data(key) for key in keys]))
