"""NumPy and JAX say the same of every kind of environment."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import section
from synthgym.synth import env as synth
from synthgym.synth import exact, in_numpy, networks
from synthgym.synth.base import module_of
from synthgym.synth.in_numpy import NumpyEnv

KINDS = ["bandit", "table_bandit", "exact_bandit", "mdp"]
NEAR = {"rtol": 2e-5, "atol": 2e-5}


def both(kind: str, task: str, **changes: Any) -> tuple[Any, NumpyEnv]:
    """One environment in JAX and in NumPy; biases are not zero."""
    settings = section("synth", kind, **changes)
    module = module_of(settings)
    env: Any = module.make(settings, section("task", task))
    theta = module.init_theta(jax.random.key(0), env)
    keys = iter(jax.random.split(jax.random.key(1), len(jax.tree.leaves(theta))))
    theta = jax.tree.map(lambda x: x + 0.3 * jax.random.normal(next(keys), x.shape), theta)
    if "done" in theta:  # zero biases: some of the states are terminal, others are not
        theta["done"] = module.init_theta(jax.random.key(0), env)["done"]
    env = env.replace(theta=theta)
    return env, in_numpy.of(env)


@pytest.mark.parametrize("task", ["cartpole", "pendulum", "cliff"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_that_of_jax(kind: str, task: str) -> None:
    changes: Any = {"initial_states": 64} if "table" in kind or "exact" in kind else {}
    env, same = both(kind, task, **changes)
    generator, spec = np.random.default_rng(0), env.spec
    table = same.table()
    observations = same.first(generator, 64) if table is None else table
    if spec.discrete:
        actions = generator.integers(spec.num_actions, size=64)
    else:
        actions = generator.uniform(-2, 2, (64, spec.action_size)).astype(np.float32)
    step = jax.jit(jax.vmap(lambda o, a: env.step(jax.random.key(0), env.state_at(o), a)[1]))
    expected = step(observations, actions)
    prospects = same.prospects(observations)
    np.testing.assert_allclose(same.reward(prospects, actions), expected.reward, **NEAR)
    one = same.reward(same.prospects(observations[3]), actions[3])
    np.testing.assert_allclose(one, expected.reward[3], **NEAR)
    if not spec.bandit:
        following, terminated = same.follow(observations, actions)
        np.testing.assert_allclose(following, expected.observation, **NEAR)
        np.testing.assert_array_equal(terminated, expected.terminated)
        assert 0 < terminated.sum() < 64


@pytest.mark.parametrize("activation", networks.ACTIVATIONS)
def test_activations_are_those_of_jax(activation: str) -> None:
    x = np.array([-100.0, -2.0, -0.1, 0.0, 0.5, 3.0, 100.0], np.float32)
    y = in_numpy.ACTIVATIONS[activation](x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, networks.ACTIVATIONS[activation](jnp.asarray(x)), **NEAR)


@pytest.mark.parametrize("latent", synth.LATENTS)
def test_latents_are_distributed_as_in_jax(latent: str) -> None:
    drawn = in_numpy.LATENTS[latent](np.random.default_rng(0), (20_000, 3))
    assert (drawn.shape, drawn.dtype) == ((20_000, 3), np.float32)
    keys = jax.random.split(jax.random.key(0), 20_000)
    expected = jax.vmap(lambda key: synth.LATENTS[latent](key, (3,)))(keys)
    for power in (1, 2, 4):
        tolerance = 0.04 * float((expected**power).std())  # six standard errors
        means = [np.mean(x**power, 0) for x in (drawn, np.asarray(expected))]
        np.testing.assert_allclose(*means, atol=tolerance)


def test_first_observations_are_made_of_latents_as_in_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    latents = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    monkeypatch.setitem(in_numpy.LATENTS, "normal", lambda generator, shape: latents)
    env, same = both("bandit", "cartpole")
    network = synth.network(env, "initial_state")
    expected = network.apply({"params": env.theta["initial_state"]}, jnp.asarray(latents))
    np.testing.assert_allclose(same.first(np.random.default_rng(0), 5), expected, **NEAR)


def test_nothing_is_known_here_alone() -> None:
    assert in_numpy.ACTIVATIONS.keys() == networks.ACTIVATIONS.keys()
    assert in_numpy.LATENTS.keys() == synth.LATENTS.keys()
    assert exact.__name__ == in_numpy.EXACT


def test_contexts_that_are_alike_pay_as_the_first_of_them() -> None:
    env, _ = both("exact_bandit", "cartpole", initial_states=3)
    twice = env.theta["initial_state"]["table"].at[2].set(env.theta["initial_state"]["table"][0])
    env = env.replace(theta=env.theta | {"initial_state": {"table": twice}})
    same = in_numpy.of(env)
    worth = same.prospects(np.asarray(twice[2]))
    np.testing.assert_array_equal(worth, env.theta["reward"]["table"][0])
