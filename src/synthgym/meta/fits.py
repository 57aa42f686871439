"""What agents do in a bandit, as simply as can be: a fresh network is fitted to what contexts pay.

Differentiable, so that a gradient reaches contexts and targets (grade.py). Of one network; `vmap`
for several. Each fit draws its network and its settings from a key.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, PyTree

from synthgym.agents.networks import orthogonal
from synthgym.core.rng import stream
from synthgym.core.settings import Fit
from synthgym.core.types import PRNGKey

LAST = "Dense_2"  # the linear layer of `Network`


class Network(nn.Module):
    """Two hidden layers of tanh or, where `rectified`, ReLU: a traced choice, so one program."""

    width: int
    outputs: int

    @nn.compact
    def __call__(self, x: Float[Array, "*b o"], rectified: Bool[Array, ""]) -> Float[Array, "*b k"]:
        for _ in range(2):
            x = nn.Dense(self.width, kernel_init=orthogonal(2**0.5))(x)
            x = jnp.where(rectified, nn.relu(x), jnp.tanh(x))
        return nn.Dense(self.outputs, kernel_init=orthogonal(1.0))(x)


class Fitted(NamedTuple):
    """A network after its fit: a function of observations."""

    params: PyTree
    change: PyTree  # along which it is linear, or None
    rectified: Bool[Array, ""]
    shift: Float[Array, " o"]  # subtracted from observations
    size: Float[Array, " o"]  # and divided by


class Drawn(NamedTuple):
    """A fresh network, and the settings of its fit."""

    network: Fitted
    learning_rate: Float[Array, ""]
    steps: Array  # of Adam


def draw(
    key: PRNGKey, fit: Fit, contexts: Float[Array, "K o"], outputs: int
) -> tuple[Network, Drawn]:
    """Draw a network and how long and how fast it learns.

    The scale of its last layer is between that of policies (0.01) and of action values (1). Where
    `normalise` says so, it sees contexts in standard deviations from their mean, as agents do that
    normalise what they observe.
    """
    network = Network(fit.width, outputs)
    zeros, ones = jnp.zeros(contexts.shape[1]), jnp.ones(contexts.shape[1])
    shift, size = zeros, ones
    if fit.normalise:
        shift, size = contexts.mean(0), jnp.sqrt(contexts.var(0) + 1e-8)
    rectified = jax.random.bernoulli(stream(key, "activation"))
    params = network.init(stream(key, "init"), zeros, rectified)["params"]
    scale = _log_uniform(stream(key, "scale"), (0.01, 1.0))
    params = {**params, LAST: {**params[LAST], "kernel": scale * params[LAST]["kernel"]}}
    low, high = fit.steps
    return network, Drawn(
        Fitted(params, None, rectified, shift, size),
        _log_uniform(stream(key, "learning_rate"), fit.learning_rate),
        jax.random.randint(stream(key, "steps"), (), low, high + 1),
    )


def apply(fit: Fit, fitted: Fitted, observation: Float[Array, "*b o"], outputs: int) -> Array:
    """The outputs of a fitted network."""
    network = Network(fit.width, outputs)
    seen = (observation - fitted.shift) / fitted.size

    def of(params: PyTree) -> Array:
        return network.apply({"params": params}, seen, fitted.rectified)

    if fitted.change is None:
        return of(fitted.params)
    value, change = jax.jvp(of, (fitted.params,), (fitted.change,))
    return value + change


def regression(
    key: PRNGKey, fit: Fit, contexts: Float[Array, "K o"], targets: Float[Array, "K k"]
) -> Fitted:
    """Adam on the squared error; its last `window` steps can be differentiated."""
    network, drawn = draw(key, fit, contexts, targets.shape[1])
    start = drawn.network
    # Not a root of zero, whose slope is infinite: of units that do nothing.
    optimiser = optax.scale_by_adam(eps_root=1e-10)

    def step(carry: tuple[PyTree, PyTree], x: Array, y: Array) -> tuple[PyTree, PyTree]:
        params, state = carry

        def loss(params: PyTree) -> Float[Array, ""]:
            return ((network.apply({"params": params}, x, start.rectified) - y) ** 2).mean()

        change, state = optimiser.update(jax.grad(loss)(params), state)
        rate = drawn.learning_rate
        return jax.tree.map(lambda p, d: p - rate * d, params, change), state

    seen = (contexts - start.shift) / start.size
    frozen = jax.lax.stop_gradient((seen, targets))
    carry = (start.params, optimiser.init(start.params))
    carry = jax.lax.fori_loop(0, drawn.steps - fit.window, lambda _, c: step(c, *frozen), carry)
    carry = jax.lax.stop_gradient(carry)
    carry, _ = jax.lax.scan(
        lambda c, _: (step(c, seen, targets), None), carry, None, length=fit.window
    )
    return start._replace(params=carry[0])


def linearised(
    key: PRNGKey, fit: Fit, contexts: Float[Array, "K o"], targets: Float[Array, "K k"]
) -> Fitted:
    """The network's first-order expansion at its initialisation, after a whole training.

    Ridge regression with the tangent kernel (Jacot et al. 2018; distilling data so: Nguyen et al.
    2021), so there is no loop to differentiate.
    """
    network, drawn = draw(key, fit, contexts, targets.shape[1])
    start = drawn.network
    flat, unravel = ravel_pytree(start.params)
    seen = (contexts - start.shift) / start.size

    def of(flat: Array) -> Array:
        return network.apply({"params": unravel(flat)}, seen, start.rectified).reshape(-1)

    jacobian = jax.jacrev(of)(flat)
    kernel = jacobian @ jacobian.T
    ridge = fit.ridge * jnp.trace(kernel) / len(kernel)
    residual = targets.reshape(-1) - of(flat)
    weights = jnp.linalg.solve(kernel + ridge * jnp.eye(len(kernel)), residual)
    return start._replace(change=unravel(jacobian.T @ weights))


FITS: Mapping[str, Callable[..., Fitted]] = {"regression": regression, "linearised": linearised}


def _log_uniform(key: PRNGKey, bounds: tuple[float, ...]) -> Float[Array, ""]:
    low, high = jnp.log(jnp.asarray(bounds))
    return jnp.exp(jax.random.uniform(key, (), minval=low, maxval=high))
