"""Spaces of hyperparameters: what `search:` in an agent's config means."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from synthgym.core import settings
from synthgym.core.rng import stream
from synthgym.core.types import PRNGKey


def draw(
    key: PRNGKey, agent: settings.Agent, num_draws: int, mode: str
) -> dict[str, Float[Array, " D"]]:
    """`num_draws` settings of the agent's hyperparameters.

    `mode`: "sampled" (each one that has a search space independently from it) or "default" (all as
    configured). Adding a hyperparameter does not change what
    is drawn for the others, nor does another number of draws change the first ones.
    """
    values = {name: jnp.full(num_draws, float(x)) for name, x in agent.hyperparameters.items()}
    if mode == "default":
        return values
    if mode != "sampled":
        raise ValueError(f"hyperparameters must be 'sampled' or 'default', not {mode!r}.")
    for name, space in agent.search.items():
        values[name] = sample(stream(key, name), space, num_draws)
    return values


def default(agent: settings.Agent) -> dict[str, Float[Array, ""]]:
    """The agent's hyperparameters as configured, as traced numbers."""
    return {name: jnp.float32(value) for name, value in agent.hyperparameters.items()}


def shapes(agent: settings.Agent, mode: str) -> list[settings.Agent]:
    """The agent's settings in each of the shapes that settings in this `mode` may have.

    A shape cannot be traced as a hyperparameter is: each is a compilation of its own.
    """
    differences = agent.shapes if mode == "sampled" and "shapes" in agent else ()
    if not differences:
        return [agent]
    return [agent.replace(static={**agent.static, **shape}) for shape in differences]


def sample(key: PRNGKey, space: settings.Space, num_draws: int) -> Float[Array, " D"]:
    """Draw from `{kind: values}`: a `choice` of several, or one of `[low, high]`.

    The latter are `uniform`, `log_uniform` and `int`; `int` may draw both bounds. Raises ValueError
    for any other kind.
    """
    ((kind, values),) = space.items()
    numbers = jnp.asarray(values, jnp.float32)
    if kind == "choice":
        return jax.random.choice(key, numbers, (num_draws,))
    if kind not in ("uniform", "log_uniform", "int"):
        raise ValueError(f"Unknown space {kind!r}; use choice, uniform, log_uniform or int.")
    low, high = numbers
    if kind == "uniform":
        return jax.random.uniform(key, (num_draws,), minval=low, maxval=high)
    if kind == "log_uniform":
        logarithms = jax.random.uniform(
            key, (num_draws,), minval=jnp.log(low), maxval=jnp.log(high)
        )
        return jnp.clip(jnp.exp(logarithms), low, high)  # float32 may round past a bound
    integers = jnp.floor(jax.random.uniform(key, (num_draws,), minval=low, maxval=high + 1))
    return jnp.minimum(integers, high)  # float32 may round up to high + 1
