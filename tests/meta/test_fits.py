"""Fits: networks learn the targets, and a gradient says how targets and contexts change them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from synthgym.core.settings import Fit
from synthgym.meta import fits

CONTEXTS = jnp.array([[0.0, 1.0], [1.0, -1.0], [-1.0, 0.5]])
TARGETS = jnp.array([[1.0, -1.0], [0.5, 0.0], [-0.5, 1.0]])
ELSEWHERE = jnp.array([[0.3, 0.3]])


def settings(**changes: Any) -> Fit:
    values = {"name": "regression", "width": 8, "normalise": False, "steps": [5, 5], "window": 5}
    values |= {"learning_rate": [0.01, 0.01], "ridge": 1e-4}
    return Fit.read({**values, **changes})


def outputs(fit: Fit, contexts: jax.Array, targets: jax.Array, at: jax.Array) -> jax.Array:
    fitted = fits.FITS[fit.name](jax.random.key(3), fit, contexts, targets)
    return fits.apply(fit, fitted, at, targets.shape[1])


@pytest.mark.parametrize(
    "fit",
    [
        settings(steps=[600, 600]),
        settings(name="linearised"),
        settings(name="linearised", normalise=True),
    ],
    ids=["regression", "linearised", "normalised"],
)
def test_a_network_learns_what_contexts_pay(fit: Fit) -> None:
    np.testing.assert_allclose(outputs(fit, CONTEXTS, TARGETS, CONTEXTS), TARGETS, atol=0.05)


@pytest.mark.parametrize("name", ["regression", "linearised"])
@pytest.mark.parametrize("which", [0, 1], ids=["contexts", "targets"])
def test_the_gradient_is_the_slope_of_what_a_network_says_elsewhere(name: str, which: int) -> None:
    fit = settings(name=name)

    def says(array: jax.Array) -> jax.Array:
        tables = [CONTEXTS, TARGETS]
        tables[which] = array
        return outputs(fit, tables[0], tables[1], ELSEWHERE).sum()

    array = [CONTEXTS, TARGETS][which]
    direction = jax.random.normal(jax.random.key(0), array.shape)
    slope = (jax.grad(says)(array) * direction).sum()
    small = 2e-3
    by_differences = (says(array + small * direction) - says(array - small * direction)) / 2 / small
    np.testing.assert_allclose(slope, by_differences, rtol=0.05, atol=1e-3)


def test_only_the_window_is_differentiated() -> None:
    """With the steps before it frozen, a change of the targets has less effect."""

    def size(window: int) -> jax.Array:
        def says(targets: jax.Array) -> jax.Array:
            return outputs(
                settings(steps=[20, 20], window=window), CONTEXTS, targets, ELSEWHERE
            ).sum()

        return jnp.linalg.norm(jax.grad(says)(TARGETS))

    assert 0 < size(2) < size(20)


def test_fits_differ_in_their_networks() -> None:
    fit = settings(steps=[5, 9], learning_rate=[0.001, 0.01])
    keys = jax.random.split(jax.random.key(0), 8)
    drawn = jax.vmap(lambda key: fits.draw(key, fit, CONTEXTS, 2)[1])(keys)
    assert len(np.unique(drawn.learning_rate)) == 8
    assert set(np.asarray(drawn.steps)) <= {5, 6, 7, 8, 9}
    assert len(set(np.asarray(drawn.network.rectified))) == 2
