"""Test episodes are what a plain loop over steps would give."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import PROBES, section
from synthgym.tasks import base
from synthgym.tasks.rollout import episode_returns, episodes

EPISODES = 6
SEED = 3


@pytest.fixture(scope="module")
def cartpole() -> Any:
    return base.load(section("task", "cartpole", horizon=12))


def lean(key: Any, observation: Any) -> Any:
    """Push to the side of the pole's motion, which makes it fall at different times."""
    return jnp.where(observation[3] > 0, 0, 1)


def loop(env: Any, policy: Any, horizon: int) -> tuple[list[float], list[int]]:
    """Returns and lengths, one episode after the other, one step after the other."""
    returns, lengths = [], []
    step = jax.jit(env.step)
    for key in jax.random.split(jax.random.split(jax.random.key(SEED))[0], EPISODES):
        state, observation = env.reset(key)
        total, length = 0.0, 0
        for _ in range(horizon):
            state, moved = step(jax.random.key(0), state, policy(None, observation))
            observation, total, length = moved.observation, total + float(moved.reward), length + 1
            if moved.terminated or moved.truncated:
                break
        returns.append(total)
        lengths.append(length)
    return returns, lengths


@pytest.mark.parametrize("horizon", [None, 9])
def test_returns_and_lengths_are_those_of_a_loop(cartpole: Any, horizon: int | None) -> None:
    def test(key: Any) -> Any:
        return episode_returns(key, cartpole, lean, EPISODES, horizon)

    returns, lengths = jax.jit(test)(jax.random.key(SEED))
    expected_returns, expected_lengths = loop(cartpole, lean, horizon or 12)
    np.testing.assert_allclose(returns, expected_returns)
    np.testing.assert_array_equal(lengths, expected_lengths)
    assert len(set(expected_lengths)) > 1 or horizon
    assert max(expected_lengths) <= (horizon or 12)


def test_rewards_after_the_end_do_not_count() -> None:
    """Some end after the first step, and the loop goes on for the others."""
    env = PROBES["delayed"].replace(reward=jnp.full((3, 2), 1.0), start=jnp.array([0.5, 0.5, 0.0]))
    returns, lengths = episode_returns(
        jax.random.key(SEED), env, lambda key, observation: jnp.int32(0), 20
    )
    assert set(returns.tolist()) == {1.0, 2.0}
    np.testing.assert_array_equal(returns, lengths)


def test_it_stops_when_all_episodes_have_ended() -> None:
    calls: list[int] = []

    def policy(key: Any, observation: Any) -> Any:
        jax.debug.callback(lambda: calls.append(1))
        return jnp.int32(0)

    env = PROBES["terminated"]
    _, lengths = episode_returns(jax.random.key(SEED), env, policy, 1, horizon=1000)
    jax.effects_barrier()
    assert lengths.tolist() == [3]
    assert len(calls) == 3


def test_transitions_of_whole_episodes_follow_on_each_other(cartpole: Any) -> None:
    def record(key: Any) -> Any:
        return episodes(key, cartpole, lean, EPISODES)

    transitions, happened = jax.jit(record)(jax.random.key(SEED))
    assert happened.shape == transitions.reward.shape == (EPISODES, 12)
    lengths = happened.sum(1)
    assert len(set(lengths.tolist())) > 1
    for e, length in enumerate(lengths):
        ended = (transitions.terminated | transitions.truncated)[e]
        assert happened[e].tolist() == [True] * int(length) + [False] * (12 - int(length))
        assert ended[:length].tolist() == [False] * (int(length) - 1) + [True]
        np.testing.assert_array_equal(
            transitions.next_observation[e, : length - 1], transitions.observation[e, 1:length]
        )
