"""The networks inside agents."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import struct
from jaxtyping import PyTree

from probes import section
from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.agents.networks import MLP, DuelingMLP, Seen, orthogonal
from synthgym.core.types import Action, EnvSpec, Observation, PRNGKey, Step


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


@pytest.mark.parametrize("image", [(10, 10, 4), (5, 7, 2)])
def test_features_of_an_image_are_those_of_a_convolution(image: tuple[int, ...]) -> None:
    """The same weights in Flax's own layer give the same numbers."""
    network, pictures = Seen(image), jax.random.normal(jax.random.key(1), (2, 3, *image))
    flat = pictures.reshape(2, 3, -1)
    params = network.init(jax.random.key(0), flat)
    weights = params["params"]["Dense_0"]
    kernel = weights["kernel"].reshape(3, 3, image[-1], 16)
    theirs = nn.Conv(16, (3, 3), padding="VALID")
    expected = theirs.apply({"params": {**weights, "kernel": kernel}}, pictures)
    features = network.apply(params, flat)
    np.testing.assert_allclose(features, nn.relu(expected).reshape(2, 3, -1), atol=1e-5)


def test_what_is_no_image_is_seen_as_it_is() -> None:
    """An action behind an image; and all inputs, where there is no image."""
    inputs = jax.random.normal(jax.random.key(1), (5, 3 * 4 * 2 + 6))
    network = Seen((3, 4, 2))
    features = network.apply(network.init(jax.random.key(0), inputs), inputs)
    assert features.shape == (5, 1 * 2 * 16 + 6)
    np.testing.assert_array_equal(features[:, -6:], inputs[:, -6:])
    blind = Seen(())
    assert blind.apply(blind.init(jax.random.key(0), inputs), inputs) is inputs


class Dark(struct.PyTreeNode):
    """Nothing is seen, and nothing done."""

    spec: EnvSpec = struct.field(pytree_node=False)

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        return jnp.int32(0), jnp.zeros(self.spec.observation_size)

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        observation = jnp.zeros(self.spec.observation_size)
        return state, Step(observation, jnp.float32(0.0), jnp.bool_(True), jnp.bool_(False))


SPEC = EnvSpec(4 * 3 * 2, 3, 0, -1.0, 1.0, 5, image=(4, 3, 2))
CONTINUOUS = dataclasses.replace(SPEC, num_actions=0, action_size=2)


@pytest.mark.parametrize(
    ("name", "spec"),
    [(name, SPEC) for name in ("ppo", "dqn", "ddqn", "dueling_ddqn", "sac", "discrete_td3", "es")]
    + [(name, CONTINUOUS) for name in ("ppo", "sac", "ddpg", "td3")],
)
@pytest.mark.parametrize("convolution", [True, False])
def test_every_agent_sees_images(name: str, spec: EnvSpec, convolution: bool) -> None:
    """In all of its networks; or in none of them, where that is asked for."""
    agent = agents.load(section("agent", name, static={"convolution": convolution}), spec)

    def begin(key: jax.Array) -> PyTree:
        hyperparameters = spaces.default(section("agent", name))
        steps = agent.steps_per_iteration
        return agent.init(key, Dark(spec=spec), hyperparameters, steps).params

    params = jax.eval_shape(begin, jax.random.key(0))
    shapes = {
        jax.tree_util.keystr(path): x.shape
        for path, x in jax.tree_util.tree_leaves_with_path(params)
        if "kernel" in jax.tree_util.keystr(path)
    }
    assert any("Seen_0" in path for path in shapes) == convolution
    assert any(spec.observation_size in shape for shape in shapes.values()) != convolution
