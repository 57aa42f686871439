"""Exact bandits: they pay what their rows say."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import section
from synthgym.core import checkpoint
from synthgym.core.types import Action, Observation
from synthgym.synth import exact
from synthgym.synth.env import SyntheticEnv, init_theta, make

CONTEXTS = jnp.array([[0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])


def bandit(task: str, contexts: jax.Array, rewards: jax.Array) -> exact.ExactBandit:
    synth = section("synth", "exact_bandit", initial_states=len(contexts))
    env = exact.make(synth, section("task", task))
    theta = {"initial_state": {"table": contexts}, "reward": {"table": rewards}}
    return env.replace(theta=theta)


def test_each_context_pays_what_its_row_says() -> None:
    rewards = jnp.arange(6.0).reshape(3, 2)
    env = bandit("cartpole", CONTEXTS, rewards)
    pays = [[env.reward(x, jnp.int32(a)) for a in range(2)] for x in CONTEXTS]
    np.testing.assert_array_equal(pays, rewards)
    assert env.reward(jnp.array([0.6, 0.0, 0.0, 0.0]), jnp.int32(1)) == 3.0  # nearest: the second


def test_an_episode_begins_in_a_row_and_ends_after_one_step() -> None:
    env = bandit("cartpole", CONTEXTS, jnp.zeros((3, 2)))
    state, observation = env.reset(jax.random.key(0))
    assert (observation == CONTEXTS).all(1).any()
    assert env.step(jax.random.key(1), state, jnp.int32(0))[1].terminated


def test_a_step_pays_what_the_row_says_that_the_episode_began_in() -> None:
    rewards = jnp.arange(6.0).reshape(3, 2)
    env = bandit("cartpole", CONTEXTS, rewards)
    for seed in range(8):
        state, observation = env.reset(jax.random.key(seed))
        after, step = env.step(jax.random.key(0), state, jnp.int32(1))
        assert step.reward == env.reward(observation, jnp.int32(1)) == rewards[state.row, 1]
        assert (after.row, after.time) == (state.row, 1)


def test_what_is_written_down_is_what_an_agent_prefers() -> None:
    def prefers(observation: jax.Array) -> jax.Array:
        return observation[:1] / 2

    env = bandit("pendulum", CONTEXTS[:, :3], jnp.zeros((3, 1)))
    never = jnp.bool_(False)
    env = exact.written(env, CONTEXTS[:, :3], prefers, "negative_squared_distance", lambda _: never)
    assert env.reward(CONTEXTS[1, :3], jnp.array([0.5])) == 0.0
    assert env.reward(CONTEXTS[1, :3], jnp.array([-1.5])) == -1.0  # 2 away, half the width is 2
    table, best = exact.read(jax.random.key(0), env, 3)
    np.testing.assert_array_equal(table, CONTEXTS[:, :3])
    np.testing.assert_array_equal(best, [[0.0], [0.5], [0.0]])  # the rows, not the best of some


def test_continuous_actions_lose_by_their_squared_distance_from_the_best() -> None:
    env = bandit("pendulum", CONTEXTS[:, :3], jnp.array([[0.0], [1.0], [-2.0]]))
    assert env.reward(CONTEXTS[1, :3], jnp.array([1.0])) == 0.0
    # Bounds are -2 and 2: 1 is half of half their width.
    np.testing.assert_allclose(env.reward(CONTEXTS[1, :3], jnp.array([2.0])), -0.25)


def test_what_is_read_of_a_bandit_of_networks_is_what_it_pays() -> None:
    synth = section("synth", "table_bandit", initial_states=3, hidden=[4])
    other = make(synth, section("task", "cartpole"))
    other = other.replace(theta=init_theta(jax.random.key(0), other))
    contexts, rewards = exact.read(jax.random.key(1), other, 3)
    env = bandit("cartpole", contexts, rewards)
    for action in map(jnp.int32, range(2)):
        for x in contexts:
            np.testing.assert_allclose(env.reward(x, action), other.reward(x, action), rtol=1e-5)
    assert len(exact.read(jax.random.key(1), other, 5)[0]) == 5


class Hill(SyntheticEnv):
    """A bandit of no table, which pays most for half of the first observation."""

    def reward(self, observation: Observation, action: Action) -> jax.Array:
        return -((action[0] - observation[0] / 2) ** 2)


def test_the_best_action_of_a_bandit_is_found() -> None:
    hill = Hill(**vars(bandit("pendulum", CONTEXTS[:, :3], jnp.zeros((3, 1)))))
    _, best = exact.read(jax.random.key(1), hill, 3)
    np.testing.assert_allclose(best[:, 0], [0.0, 0.5, 0.0], atol=0.02)


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    env = bandit("cartpole", CONTEXTS, jnp.ones((3, 2)))
    checkpoint.save(tmp_path / "environment.safetensors", env.theta, {})
    synth = section("synth", "exact_bandit", initial_states=3)
    task = section("task", "cartpole")
    loaded = exact.load(tmp_path / "environment.safetensors", synth, task)
    np.testing.assert_array_equal(loaded.theta["initial_state"]["table"], CONTEXTS)


@pytest.mark.parametrize("wrong", [{"horizon": 2}, {"initial_states": 0}])
def test_what_is_no_table_is_refused(wrong: dict[str, int]) -> None:
    synth = section("synth", "exact_bandit", **wrong)
    with pytest.raises(ValueError, match="exact bandit"):
        exact.make(synth, section("task", "cartpole"))
