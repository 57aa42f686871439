"""The networks inside agents."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from synthgym.agents.networks import MLP, DuelingMLP, orthogonal


@pytest.mark.parametrize("shape", [(64, 64), (4, 64), (64, 3), (64, 1)])
def test_rows_or_columns_are_orthonormal(shape: tuple[int, int]) -> None:
    keys = jax.random.split(jax.random.key(0), 5)
    matrices = jax.vmap(lambda key: orthogonal(3.0)(key, shape))(keys)
    for matrix in np.asarray(matrices) / 3.0:
        gram = matrix @ matrix.T if shape[0] < shape[1] else matrix.T @ matrix
        np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-5)
    assert np.abs(matrices[0] - matrices[1]).max() > 0.1


def test_orthogonal_matrices_favour_no_direction() -> None:
    """The mean of 500 random rotations is 0, that of their squares 1/n (Haar measure)."""
    keys = jax.random.split(jax.random.key(0), 500)
    matrices = np.asarray(jax.vmap(lambda key: orthogonal(1.0)(key, (3, 3)))(keys))
    np.testing.assert_allclose(matrices.mean(0), 0.0, atol=0.1)
    np.testing.assert_allclose((matrices**2).mean(0), 1 / 3, atol=0.05)
    assert 0.4 < (np.linalg.det(matrices) > 0).mean() < 0.6


def test_a_policy_begins_near_uniform() -> None:
    network = MLP((64, 64), 3, "tanh", output_scale=0.01)
    observations = jax.random.normal(jax.random.key(1), (50, 4))
    output = network.apply(network.init(jax.random.key(0), observations), observations)
    assert 0 < np.abs(output).max() < 0.1


def test_advantages_are_centred_per_state_not_per_batch() -> None:
    network = DuelingMLP((8,), 3, "tanh", head_hidden=(8,))
    observations = jax.random.normal(jax.random.key(1), (5, 4))
    params = network.init(jax.random.key(0), observations)
    # Without the advantage stream, what is left is the state value: the mean over actions.
    silent = jax.tree.map(jnp.zeros_like, params["params"]["MLP_1"])
    value = network.apply({"params": params["params"] | {"MLP_1": silent}}, observations)
    together = network.apply(params, observations)
    np.testing.assert_allclose(together.mean(-1), value[:, 0], rtol=1e-5, atol=1e-6)
    assert together.std(-1).min() > 1e-3
    alone = jnp.stack([network.apply(params, observation) for observation in observations])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)
