"""In Gymnasium: its own checker, the same numbers as here, pictures of the real task."""

import importlib.util
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import synthgym  # noqa: F401  registers
from probes import section
from synthgym import zoo
from synthgym.adapters import gymnasium_env, pictures
from synthgym.synth import env as synth
from synthgym.synth import in_numpy
from synthgym.synth.in_numpy import NumpyEnv

CARTPOLE, PENDULUM = "Synthetic-CartPole-v1", "Synthetic-Pendulum-v1"
# Recommendations of the checker, which the real tasks get as well.
UNBOUNDED = "ignore:.*A Box observation space (min|max)imum value is"
UNSYMMETRIC = "ignore:.*we recommend using a symmetric and normalized space"
OLD = "ignore:.*Synthetic-CartPole-v0 is out of date"  # a v1 is there, which is another task


def mdp(horizon: int = 5, done: float = 0.0) -> NumpyEnv:
    """Random networks; its `done` network says `done` everywhere."""
    env = synth.make(section("synth", "mdp", horizon=horizon), section("task", "cartpole"))
    theta = synth.init_theta(jax.random.key(0), env)
    theta["done"] = jax.tree.map(jnp.zeros_like, theta["done"])
    theta["done"]["Dense_1"]["bias"] = jnp.array([done])
    return in_numpy.of(env.replace(theta=theta))


@pytest.mark.filterwarnings(UNBOUNDED, UNSYMMETRIC, OLD)
@pytest.mark.parametrize("name", zoo.names())
def test_the_checker_of_gymnasium_finds_nothing(name: str) -> None:
    check_env(gymnasium.make(name).unwrapped)


@pytest.mark.filterwarnings(UNBOUNDED)
def test_the_checker_of_gymnasium_finds_nothing_in_an_mdp() -> None:
    check_env(gymnasium_env.GymnasiumEnv(mdp(), "CartPole-v1"), skip_render_check=True)


def test_steps_have_the_types_of_gymnasium() -> None:
    env = gymnasium.make(PENDULUM)
    observation, _ = env.reset(seed=3)
    assert observation.dtype == np.float32
    after, reward, terminated, truncated, info = env.step(env.action_space.sample())
    assert [type(x) for x in (after, reward, terminated, truncated, info)] == [
        *(np.ndarray, float, bool, bool, dict)
    ]
    assert (terminated, truncated) == (True, False)


def test_a_seed_gives_the_same_episodes_again_and_no_seed_goes_on() -> None:
    env = gymnasium.make(CARTPOLE)
    first = [env.reset(seed=7)[0], env.reset()[0], env.reset()[0]]
    again = [env.reset(seed=7)[0], env.reset()[0], env.reset()[0]]
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first, axis=0)) > 1


def test_rewards_are_those_of_the_environment() -> None:
    env, own = gymnasium.make(CARTPOLE), zoo.load(CARTPOLE)
    for action in (0, 1, 0, 1):
        observation, _ = env.reset()
        _, reward, *_ = env.step(action)
        expected = own.reward(jnp.asarray(observation), jnp.int32(action))
        np.testing.assert_allclose(float(reward), expected, rtol=1e-4, atol=1e-4)


def test_an_mdp_is_truncated_at_its_horizon() -> None:
    env = gymnasium_env.GymnasiumEnv(mdp(horizon=3), "CartPole-v1")
    env.reset(seed=0)
    assert [env.step(0)[2:4] for _ in range(3)] == [(False, False), (False, False), (False, True)]


def test_a_vector_resets_in_the_same_step_and_keeps_the_last_observation() -> None:
    env = gymnasium.make_vec(CARTPOLE, num_envs=4, autoreset_mode="SameStep")
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    before, _ = env.reset(seed=1)
    after, rewards, terminated, truncated, info = env.step(env.action_space.sample())
    assert terminated.all()
    assert not truncated.any()
    np.testing.assert_array_equal(np.stack(info["final_obs"]), before)  # a bandit's state stays
    assert info["_final_obs"].all()
    assert not np.array_equal(after, before)
    assert (rewards.shape, rewards.dtype) == ((4,), np.float64)
    assert env.observation_space.contains(after)


def test_a_vector_resets_in_the_next_step_which_counts_for_nothing() -> None:
    env = gymnasium.make_vec(CARTPOLE, num_envs=4)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP  # as Gymnasium's CartPole
    before, _ = env.reset(seed=1)
    last, rewards, terminated, *_ = env.step(np.zeros(4, int))
    np.testing.assert_array_equal(last, before)
    assert rewards.all()
    assert terminated.all()
    first, rewards, terminated, _, _ = env.step(np.zeros(4, int))
    assert not np.array_equal(first, before)
    assert not rewards.any()
    assert not terminated.any()
    assert env.step(np.zeros(4, int))[2].all()


def test_without_automatic_resets_a_mask_says_which_episodes_begin() -> None:
    words: dict[str, Any] = {"num_envs": 3, "autoreset_mode": "Disabled"}
    env = gymnasium.make_vec(CARTPOLE, **words)
    before, _ = env.reset(seed=1)
    assert env.step(np.zeros(3, int))[2].all()
    with pytest.raises(AssertionError, match="some episodes have ended: call reset"):
        env.step(np.zeros(3, int))
    after, _ = env.reset(options={"reset_mask": np.array([True, False, False])})
    assert (after != before).any(1).tolist() == [True, False, False]
    env.reset(options={"reset_mask": np.array([False, True, True])})
    assert env.step(np.zeros(3, int))[2].all()
    with pytest.raises(AssertionError, match="reset_mask must be of bool"):
        env.reset(options={"reset_mask": np.zeros(3)})


@pytest.mark.parametrize("horizon", [3, 10])
def test_episodes_of_a_vector_are_truncated_at_the_limit_or_the_horizon(horizon: int) -> None:
    env = gymnasium_env.GymnasiumVectorEnv(mdp(horizon), "CartPole-v1", 2, max_episode_steps=4)
    env.reset(seed=0)
    limit = min(horizon, 4)
    truncated = [env.step(np.zeros(2, int))[3].all() for _ in range(2 * limit + 1)]
    steps = [*[False] * (limit - 1), True]
    assert truncated == [*steps, False, *steps]  # between them a step that only resets


def test_an_episode_that_terminates_at_the_limit_is_not_truncated() -> None:
    env = gymnasium_env.GymnasiumVectorEnv(mdp(1 + 1, done=1.0), "CartPole-v1", 2)
    env.reset(seed=0)
    assert [x.all() for x in env.step(np.zeros(2, int))[2:4]] == [True, False]
    assert env._limit == 2


def test_only_ended_episodes_have_a_last_observation() -> None:
    done = np.array([False, True])
    info = gymnasium_env.final(np.array([[1.0], [2.0]], np.float32), done)
    assert info["final_obs"][0] is None
    np.testing.assert_array_equal(info["final_obs"][1], [2.0])
    assert gymnasium_env.final(np.zeros((2, 1), np.float32), np.array([False, False])) == {}


def test_episodes_of_a_vector_differ_and_repeat_with_the_seed() -> None:
    env = gymnasium.make_vec(CARTPOLE, num_envs=8)
    one, two = env.reset(seed=5)[0], env.reset(seed=5)[0]
    np.testing.assert_array_equal(one, two)
    assert len(np.unique(one, axis=0)) > 1


@pytest.mark.parametrize("name", [CARTPOLE, PENDULUM, "Synthetic-Acrobot-v1"])
def test_a_picture_is_that_of_the_real_task(name: str) -> None:
    env = gymnasium.make(name, render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    assert isinstance(picture, np.ndarray)
    assert picture.dtype == np.uint8
    assert (picture.ndim, picture.shape[-1]) == (3, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 2
    env.close()


def test_the_picture_shows_the_state_that_is_observed() -> None:
    real = gymnasium.make("Acrobot-v1", render_mode="rgb_array")
    observation, _ = real.reset(seed=0)
    for _ in range(10):
        observation, *_ = real.step(2)
    painter = pictures.Painter("Acrobot-v1")
    shown: Any = real.render()
    np.testing.assert_array_equal(painter(observation), shown)
    other = observation * [-1, 1, 1, 1, 1, 1]
    assert not np.array_equal(painter(other), shown)


@pytest.mark.parametrize("mode", ["human", "ansi"])
def test_other_ways_to_draw_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match="is not possible: there is rgb_array only"):
        gymnasium.make(CARTPOLE, render_mode=mode)


def test_what_has_no_picture_says_so() -> None:
    with pytest.raises(ValueError, match="Gymnasium has no picture of hopper"):
        gymnasium.make("Synthetic-hopper", render_mode="rgb_array")


def test_a_vector_draws_each_of_its_environments() -> None:
    env = gymnasium.make_vec(CARTPOLE, 2, render_mode="rgb_array")
    observations, _ = env.reset(seed=0)
    assert not np.array_equal(*observations)
    one, other = env.render() or ()
    assert not np.array_equal(one, other)
    env.close()


def test_without_pygame_everything_but_pictures_works(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    without = {"pygame": None}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: without.get(name, name) and find(name)
    )
    assert gymnasium.make(CARTPOLE).unwrapped.metadata["render_modes"] == []
    with pytest.raises(
        ValueError, match=r"needs pygame, .*pip install .*gymnasium\[classic-control\]"
    ):
        gymnasium.make(CARTPOLE, render_mode="rgb_array")


def test_what_never_varies_has_room() -> None:
    env = gymnasium.make("synthgym:Synthetic-humanoidstandup")
    space, (observation, _) = env.observation_space, env.reset(seed=0)
    assert isinstance(space, gymnasium.spaces.Box)
    constant = np.isclose(space.high - space.low, 2) & (observation == (space.low + space.high) / 2)
    assert constant.sum() >= 11  # masses, at least
    assert (space.high > space.low).all()
