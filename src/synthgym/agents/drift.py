"""How far may a policy drift from the one that acted? What takes the place of PPO's clipping.

An objective is the mean of r A - drift(r, A), for the ratio r of the probabilities of an action,
new over old, and its advantage A. A drift is never negative, and zero with zero gradient at r = 1:
then a policy that maximises it is no worse than the old one (Kuba et al. 2022, "Mirror learning").
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from synthgym.core.types import Hyperparameters, PRNGKey

ALPHA, BETA = 2.0, 0.6  # of DPO, as published
WIDTH = 128  # units of the learned drift
MARGIN = 1e-4  # the learned drift begins where its network exceeds this: so never at r = 1
FARTHEST = 20.0  # log-ratios that its network is shown; exp(2 * 45) would not be a float32

Values = Float[Array, "*b"]


def policy_loss(log_ratio: Values, advantage: Values, drift: Values) -> Float[Array, ""]:
    """The objective, negated."""
    return -(jnp.exp(log_ratio) * advantage - drift).mean()


def clipped(log_ratio: Values, advantage: Values, clip: Float[Array, ""]) -> Values:
    """PPO's: what the clipped surrogate takes from the plain one."""
    ratio = jnp.exp(log_ratio)
    return jax.nn.relu((ratio - jnp.clip(ratio, 1.0 - clip, 1.0 + clip)) * advantage)


def discovered(log_ratio: Values, advantage: Values) -> Values:
    """DPO's closed form (Lu et al. 2022, "Discovered policy optimisation")."""
    gain = jnp.expm1(log_ratio) * advantage
    loss = log_ratio * advantage
    return jnp.where(
        advantage >= 0.0,
        jax.nn.relu(gain - ALPHA * jnp.tanh(gain / ALPHA)),
        jax.nn.relu(loss - BETA * jnp.tanh(loss / BETA)),
    )


def learned(theta: PyTree, log_ratio: Values, advantage: Values) -> Values:
    """LPO's: a network of ratio and advantage (Lu et al. 2022), without PPO's drift beside it.

    Inputs x, x^2, y, y^2 and the same times A, with x = log r and y = 1 - r. All are zero at r = 1
    and nothing has a bias, so the network is zero there, and below MARGIN around it.
    """
    x = jnp.clip(log_ratio, -FARTHEST, FARTHEST)
    y = -jnp.expm1(x)
    changes = jnp.stack([x, x**2, y, y**2], axis=-1)
    inputs = jnp.concatenate([changes, changes * advantage[..., None]], axis=-1)
    output = jnp.tanh(inputs @ theta["hidden"]) @ theta["output"]
    return jax.nn.relu(output - MARGIN)


def init_theta(key: PRNGKey) -> PyTree:
    """Parameters of a learned drift that is zero everywhere: LeCun normal weights, then zeros."""
    hidden = jax.nn.initializers.lecun_normal()(key, (8, WIDTH))
    return {"hidden": hidden, "output": jnp.zeros(WIDTH)}


def _of_dpo(hyperparameters: Hyperparameters, log_ratio: Values, advantage: Values) -> Values:
    return discovered(log_ratio, advantage)


def _of_lpo(hyperparameters: Hyperparameters, log_ratio: Values, advantage: Values) -> Values:
    if "drift" not in hyperparameters:
        raise ValueError(
            "lpo has no drift: give the parameters of a learned one (agents/drift.py)."
        )
    return learned(hyperparameters["drift"], log_ratio, advantage)


# What an agent's `drift` means, besides "clip"; what is learned comes with the hyperparameters.
DRIFTS: Mapping[str, Callable[[Hyperparameters, Values, Values], Values]] = {
    "dpo": _of_dpo,
    "learned": _of_lpo,
}
