"""In gymnax an environment does what it does here, and obeys gymnax's contract."""

from collections.abc import Iterator
from typing import Any

import gymnax
import gymnax.wrappers
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


WRAPPERS = {  # how each is reset and stepped; those of gymnax, for Brax too
    "FlattenObservationWrapper": (5, gymnax.wrappers.FlattenObservationWrapper),
    "LogWrapper": (5, gymnax.wrappers.LogWrapper),
    "StickyActionWrapper": (5, lambda env: gymnax.wrappers.StickyActionWrapper(env, 0.5)),
    "LegacyStepAPIWrapper": (4, gymnax.wrappers.LegacyStepAPIWrapper),
}


@pytest.fixture
def keys_of_gymnax() -> Iterator[None]:
    """Wrappers of gymnax use keys again, and JAX takes those of a scan for such."""
    with jax.debug_key_reuse(False):
        yield


@pytest.mark.usefixtures("keys_of_gymnax")
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers_of_gymnax_work_inside_a_compiled_loop(wrapper: str) -> None:
    flags, wrap = WRAPPERS[wrapper]
    env, params = gymnax.make(NAMES[0])
    wrapped = wrap(env)

    def step(carry: Any, key: Any) -> Any:
        observation, state, *rest = wrapped.step(key, carry, jnp.int32(1), params)
        return state, (observation, rest[0], rest[1:-1])

    def episode(key: Any) -> Any:
        key_reset, key_steps = jax.random.split(key)
        state = wrapped.reset(key_reset, params)[1]
        return jax.lax.scan(step, state, jax.random.split(key_steps, 3))[1]

    observations, rewards, ends = jax.jit(jax.vmap(episode))(jax.random.split(jax.random.key(0), 2))
    assert (observations.shape, rewards.shape) == ((2, 3, 4), (2, 3))
    assert len(ends) == flags - 3
    assert np.asarray(ends[0]).all()  # episodes of a bandit, each begun anew
    assert len(np.unique(observations[..., 0])) == 6


@pytest.mark.usefixtures("keys_of_gymnax")
def test_wrappers_for_other_libraries_work() -> None:
    env, params = gymnax.make(NAMES[0])
    first = gymnax.wrappers.GymnaxToDmEnvWrapper(env).reset(jax.random.key(0), params)
    assert first.observation.shape == (4,)
    single = gymnax.wrappers.GymnaxToGymWrapper(env, params, seed=1)
    before, _ = single.reset(options={"env_params": jax.tree.map(lambda x: 0 * x, params)})
    assert not np.asarray(before).any()  # parameters at reset are those that count
    assert single.step(0)[2]
    several = gymnax.wrappers.GymnaxToVectorGymWrapper(env, 3, params)
    observations, _ = several.reset(seed=1)
    assert np.shape(observations) == (3, 4)
    assert np.asarray(several.step(jnp.zeros(3, int))[2]).all()


@pytest.mark.parametrize("variant", ["evolved", "distilled", "graded", "world_model"])
def test_numbers_have_32_bits_also_where_jax_is_told_to_take_64(variant: str) -> None:
    env, params = gymnax.make(NAMES[0], variant=variant)

    def run(key: Any) -> Any:
        key_reset, key_step = jax.random.split(key)
        state = env.reset(key_reset, params)[1]
        return env.step(key_step, state, 1, params)[:3]

    expected = run(jax.random.key(0))
    with jax.enable_x64(True):
        observation, state, reward = run(jax.random.key(0))
        assert env.observation_space(params).contains(observation)
    types = [x.dtype for x in (observation, state.observation, reward, state.time)]
    assert types == [*[np.float32] * 3, np.int32]
    np.testing.assert_allclose(reward, expected[2], rtol=1e-5)  # of the same state
