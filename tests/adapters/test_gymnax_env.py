"""In gymnax an environment does what it does here, and obeys gymnax's contract."""

from typing import Any

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import section
from synthgym import zoo
from synthgym.adapters import gymnax_env
from synthgym.synth import env as synth
from synthgym.synth.env import SyntheticEnv

NAMES = ["Synthetic-CartPole-v1", "Synthetic-Pendulum-v1"]


def act(env: SyntheticEnv, key: Any) -> Any:
    spec = env.spec
    if spec.discrete:
        return jax.random.randint(key, (), 0, spec.num_actions)
    return jax.random.uniform(key, (spec.action_size,), minval=-1.0, maxval=1.0)


def fresh(horizon: int, done: float | None = None) -> SyntheticEnv:
    """An MDP with random networks; its `done` network says `done` everywhere."""
    env = synth.make(section("synth", "mdp", horizon=horizon), section("task", "cartpole"))
    theta = synth.init_theta(jax.random.key(0), env)
    if done is not None:
        theta["done"] = jax.tree.map(jnp.zeros_like, theta["done"])
        theta["done"]["Dense_1"]["bias"] = jnp.array([done])
    return env.replace(theta=theta)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_that_of_the_environment_itself(name: str) -> None:
    env, params = gymnax.make(name)
    own = zoo.load(name)
    key_reset, key_act, key_step = jax.random.split(jax.random.key(0), 3)
    observation, state = env.reset_env(jax.random.clone(key_reset), params)
    own_state, own_observation = own.reset(key_reset)
    np.testing.assert_array_equal(observation, own_observation)
    action = act(own, key_act)
    _, step = own.step(jax.random.clone(key_step), own_state, action)
    _, _, reward, terminated, truncated, info = env.step(key_step, state, action, params)
    np.testing.assert_allclose(reward, step.reward, rtol=1e-5)
    assert (bool(terminated), bool(truncated)) == (True, False)
    np.testing.assert_array_equal(info["final_observation"], step.observation)
    assert info["discount"] == 0.0


@pytest.mark.parametrize(
    ("done", "at_once", "at_the_end"),
    [(-1.0, (False, False), (False, True)), (1.0, (True, False), (True, False))],
)
def test_an_mdp_says_how_its_episode_ended(
    done: float, at_once: tuple[bool, bool], at_the_end: tuple[bool, bool]
) -> None:
    env = gymnax_env.GymnaxEnv(fresh(2, done), "x", "")
    params = env.default_params
    key, *keys = jax.random.split(jax.random.key(1), 3)
    _, state = env.reset(key, params)
    flags = []
    for key in keys:
        _, state, _, terminated, truncated, _ = env.step(key, state, 0, params)
        flags.append((bool(terminated), bool(truncated)))
    assert flags == [at_once, at_the_end]


def test_a_population_is_a_batch_of_parameters() -> None:
    env, params = gymnax.make(NAMES[0])
    batch = jax.tree.map(lambda x: jnp.stack([jnp.asarray(x), jnp.asarray(x) * 2]), params)
    key = jax.random.key(0)
    observations, _ = jax.vmap(env.reset_env, (None, 0))(key, batch)
    assert observations.shape == (2, 4)
    assert not np.array_equal(observations[0], observations[1])


def test_spaces_hold_what_comes_out() -> None:
    for name in NAMES:
        env, params = gymnax.make(name)
        spec = zoo.load(name).spec
        key_action, key_reset = jax.random.split(jax.random.key(0))
        action = env.action_space(params).sample(key_action)
        assert env.num_actions == (spec.num_actions or spec.action_size)
        observation, state = env.reset(key_reset, params)
        assert env.observation_space(params).contains(observation)
        assert env.action_space(params).contains(action)
        assert env.observation_space(params).shape == env.get_obs(state).shape


def test_equal_only_if_made_of_the_same_file() -> None:
    (one, _), (again, _) = gymnax.make(NAMES[0]), gymnax.make(NAMES[0])
    other, _ = gymnax.make(NAMES[0], variant=zoo.variants(NAMES[0])[1])
    assert one == again
    assert hash(one) == hash(again)
    assert one != other
    env = fresh(2)
    assert gymnax_env.GymnaxEnv(env, "x", "a") != gymnax_env.GymnaxEnv(env, "x", "b")
    assert one != "x"


def test_each_keeps_its_own_parameters_where_none_are_given() -> None:
    key = jax.random.key(0)
    env, params = gymnax.make(NAMES[0])
    twice = gymnax_env.GymnaxEnv(
        zoo.load(NAMES[0]).replace(theta=jax.tree.map(lambda x: 2 * x, params.theta)), "x", "b"
    )
    one, _ = env.reset(key)
    other, _ = twice.reset(jax.random.clone(key))
    np.testing.assert_allclose(other, 2 * one, rtol=1e-6)


def test_keywords_of_make_are_those_of_load() -> None:
    variant = zoo.variants(NAMES[0])[1]
    _, params = gymnax.make(NAMES[0], variant=variant)
    expected = zoo.load(NAMES[0], variant).theta
    jax.tree.map(np.testing.assert_array_equal, params.theta, expected)
    with pytest.raises(ValueError, match="no variant is named other"):
        gymnax.make(NAMES[0], variant="other")
