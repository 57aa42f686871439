"""Runs that diverged: whatever of theirs is not finite counts as the worst there is."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

WORST = -math.inf


def or_worst(value: float) -> float:
    """A value of which higher is better; `WORST` where it is not finite."""
    return value if math.isfinite(value) else WORST


def as_worst(scores: Float[Array, " n"]) -> Float[Array, " n"]:
    """Scores, those that are not finite as the lowest that is; zeros where none is."""
    good = jnp.isfinite(scores)
    lowest = jnp.min(scores, where=good, initial=jnp.inf)
    return jnp.where(good, scores, jnp.where(good.any(), lowest, 0.0))
