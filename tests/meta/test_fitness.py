"""The fitness of a candidate does not depend on where and beside whom it is computed."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh

from probes import defaults, parts, section, tiny
from synthgym.agents import base as agents
from synthgym.core.parallel import devices_for
from synthgym.core.types import Transition
from synthgym.meta import fitness
from synthgym.synth import env as synth
from synthgym.tasks import base as tasks

POPULATION = 6
TASK = section("task", "cartpole", horizon=30)
PPO = tiny("ppo")


@pytest.fixture(scope="module")
def trial() -> fitness.Trial:
    env = synth.make(section("synth", "bandit"), TASK)
    return fitness.Trial(agents.load(PPO, env.spec), tasks.load(TASK), num_steps=64, num_episodes=5)


@pytest.fixture(scope="module")
def population() -> Any:
    env = synth.make(section("synth", "bandit"), TASK)
    keys = jax.random.split(jax.random.key(0), POPULATION)
    return env.replace(theta=jax.vmap(lambda key: synth.init_theta(key, env))(keys))


@pytest.fixture(scope="module")
def one_by_one(trial: Any, population: Any) -> Any:
    """The fitness of each candidate alone."""
    alone = jax.jit(trial)
    envs = parts(population, POPULATION)
    tried = [alone(env, defaults(PPO), jax.random.key(1)) for env in envs]
    return jax.tree.map(lambda *x: np.stack(x), *tried)


def mesh(count: int) -> Mesh:
    return Mesh(jax.devices()[:count], ("P",))


@pytest.mark.parametrize(("devices", "chunk"), [(2, 9), (1, 4)])
def test_devices_and_chunks_change_nothing(
    trial: Any, population: Any, one_by_one: Any, devices: int, chunk: int
) -> None:
    """Chunks of 9 are more than the 3 candidates of a device; those of 4 do not divide its 6."""
    tries = fitness.over_populations(trial, chunk, mesh(devices))
    tried = tries(*one(population, *repeated(1), FULL))
    assert len(tried.return_.sharding.device_set) == devices
    assert tried.return_.shape == (1, POPULATION, 1)
    np.testing.assert_allclose(tried.return_[0, :, 0], one_by_one.return_, rtol=1e-5)
    np.testing.assert_array_equal(tried.real_steps[0, :, 0], one_by_one.real_steps)
    assert len(np.unique(tried.return_)) > 1


FULL = jnp.int32(30)


def one(*trees: Any) -> Any:
    """As what belongs to the only one of several searches."""
    return jax.tree.map(lambda x: x[None], trees)


@pytest.mark.parametrize("chunk", [2, 100])
def test_searches_side_by_side_have_candidates_keys_and_horizons_of_their_own(
    trial: Any, population: Any, one_by_one: Any, chunk: int
) -> None:
    """One after the other, and both at once."""
    both = jax.tree.map(lambda x: jnp.stack([x, x[::-1]]), population)
    settings, keys = repeated(2, 1)
    tries = fitness.over_populations(trial, chunk, mesh(2))
    tried = tries(both, settings, keys, jnp.array([30, 12], jnp.int32))
    assert tried.return_.shape == (2, POPULATION, 1)
    np.testing.assert_allclose(tried.return_[0, :, 0], one_by_one.return_, rtol=1e-5)
    assert (tried.return_[1, :, 0] <= 12).all()
    cut = jnp.array([30, 30], jnp.int32)
    np.testing.assert_allclose(
        tries(both, settings, keys, cut).return_[1, ::-1, 0], one_by_one.return_, rtol=1e-5
    )
    other = tries(both, settings, jnp.stack([keys[0], jax.random.key(5)[None]]), cut).return_
    np.testing.assert_allclose(other[0, :, 0], one_by_one.return_, rtol=1e-5)
    assert not np.allclose(other[1, ::-1, 0], one_by_one.return_)


def repeated(*shape: int) -> tuple[Any, Any]:
    """The settings, and a key, so many times."""
    key = jax.random.key(1)
    settings = jax.tree.map(lambda x: jnp.full(shape, x), defaults(PPO))
    return settings, jnp.broadcast_to(key, shape)


def test_rollouts_and_settings_of_ones_own_change_nothing_where_they_are_the_same(
    trial: Any, population: Any, one_by_one: Any
) -> None:
    several = fitness.over_populations(trial, 3, mesh(2))(*one(population, *repeated(2), FULL))
    own = fitness.over_populations(trial, 3, mesh(2), own_settings=True, own_keys=True)
    for tried in (several, own(*one(population, *repeated(POPULATION, 2), FULL))):
        expected = np.broadcast_to(one_by_one.return_[:, None], (POPULATION, 2))
        np.testing.assert_allclose(tried.return_[0], expected, rtol=1e-5)


def test_episodes_are_cut_at_the_horizon(trial: Any, population: Any, one_by_one: Any) -> None:
    """An episode pays 1 a step, so what is cut is what is above."""
    tries = fitness.over_populations(trial, 3, mesh(2))
    tried = tries(*one(population, *repeated(1), jnp.int32(12)))
    assert (tried.real_steps[0, :, 0] < one_by_one.real_steps).any()
    assert 10.0 < tried.return_.max() <= 12.0


def test_a_step_is_worth_one_in_cartpole(one_by_one: Any) -> None:
    """So the steps counted are those of the returns, episodes that ended early included."""
    np.testing.assert_allclose(one_by_one.real_steps, one_by_one.return_ * 5, rtol=1e-5)
    assert one_by_one.real_steps.max() < 5 * 30


def test_draws_have_settings_and_random_numbers_of_their_own(
    trial: Any, population: Any, one_by_one: Any
) -> None:
    env = jax.tree.map(lambda x: x[0], population)
    settings = jax.tree.map(lambda x: jnp.full(4, x), defaults(PPO))
    settings["learning_rate"] = settings["learning_rate"].at[3].set(0.1)
    keys = jax.random.split(jax.random.key(2), 4)
    keys = jnp.stack([jax.random.key(1), keys[0], jax.random.key(1), jax.random.key(1)])
    returns = fitness.over_draws(trial, 2, mesh(2))(env, settings, keys).return_
    np.testing.assert_allclose(returns[jnp.array([0, 2])], one_by_one.return_[0], rtol=1e-5)
    assert len(np.unique(returns)) == 3  # another key, another learning rate


@pytest.mark.parametrize(("count", "devices"), [(6, 2), (5, 1), (1, 1), (128, 2)])
def test_as_many_devices_are_used_as_divide_the_work(count: int, devices: int) -> None:
    assert len(jax.devices()) == 2
    assert devices_for(count).size == devices


def test_episodes_of_a_training_are_counted_by_their_ends() -> None:
    # Of one environment over two iterations of three steps: lengths 1, 2, 2, and one without end;
    # of the other: 3, then 1, 1, 1.
    ended = jnp.array([[[1, 0], [0, 0], [1, 1]], [[0, 1], [1, 1], [0, 1]]], bool)
    nothing = jnp.zeros_like(ended)
    transitions = Transition(nothing, nothing, nothing, nothing, nothing, ended)
    assert [int(x) for x in fitness.lengths_of(transitions)] == [7, 4]
    swapped = transitions._replace(terminated=ended, truncated=nothing)
    assert [int(x) for x in fitness.lengths_of(swapped)] == [7, 4]


def test_only_in_mdps_there_is_a_length_to_be_learned(trial: Any, one_by_one: Any) -> None:
    assert one_by_one.lengths is None  # in bandits every episode has one step
    env = synth.make(section("synth", "mdp", horizon=3), TASK)
    env = env.replace(theta=synth.init_theta(jax.random.key(2), env))
    lengths = jax.jit(trial)(env, defaults(PPO), jax.random.key(1)).lengths
    assert 64 / 3 <= int(lengths.episodes) <= 64
    assert 0 <= int(lengths.of_one_step) <= int(lengths.episodes)
