"""Synthetic environments: one step or a horizon of them, and only what their networks say."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import section
from synthgym.core import checkpoint
from synthgym.core.types import EnvSpec
from synthgym.synth import env as synth
from synthgym.synth.env import SyntheticEnv

CARTPOLE, PENDULUM = section("task", "cartpole"), section("task", "pendulum")
BANDIT, MDP = section("synth", "bandit"), section("synth", "mdp", horizon=4)


def new(kind: Any, task: Any = CARTPOLE, seed: int = 0) -> SyntheticEnv:
    env = synth.make(kind, task)
    return env.replace(theta=synth.init_theta(jax.random.key(seed), env))


def never_done(env: SyntheticEnv) -> SyntheticEnv:
    """The done network says -1 everywhere."""
    last = jax.tree.map(jnp.zeros_like, env.theta["done"]) | {
        "Dense_1": {"kernel": jnp.zeros((32, 1)), "bias": jnp.array([-1.0])}
    }
    return env.replace(theta=env.theta | {"done": last})


def acts(task: Any) -> Any:
    return jnp.int32(1) if task.action.kind == "discrete" else jnp.array([0.7])


@pytest.mark.parametrize("task", [CARTPOLE, PENDULUM], ids=["discrete", "continuous"])
def test_a_bandit_episode_ends_after_one_step_by_termination(task: Any) -> None:
    env = new(BANDIT, task)
    state, observation = env.reset(jax.random.key(0))
    _, step = env.step(jax.random.key(1), state, acts(task))
    assert (bool(step.terminated), bool(step.truncated)) == (True, False)
    np.testing.assert_array_equal(step.observation, observation)
    assert set(env.theta) == {"initial_state", "reward"}


def test_an_mdp_is_truncated_at_its_horizon_and_not_terminated() -> None:
    env = never_done(new(MDP))
    state, observation = env.reset(jax.random.key(0))
    flags = []
    for key in jax.random.split(jax.random.key(1), 4):
        state, step = env.step(key, state, jnp.int32(0))
        flags.append((bool(step.terminated), bool(step.truncated)))
        assert not np.array_equal(step.observation, observation)
        observation = step.observation
    assert flags == [(False, False)] * 3 + [(False, True)]


@pytest.mark.parametrize("before", [0, 3], ids=["in mid episode", "at the horizon"])
def test_an_mdp_terminates_where_its_done_network_is_positive(before: int) -> None:
    env = never_done(new(MDP))
    env = env.replace(theta=jax.tree.map(lambda x: -x, env.theta))  # says +1 everywhere
    state = env.state_at(jnp.ones(4)).replace(time=jnp.int32(before))
    _, step = env.step(jax.random.key(0), state, jnp.int32(0))
    assert (bool(step.terminated), bool(step.truncated)) == (True, False)


@pytest.mark.parametrize(("o", "a", "discrete"), [(4, 2, True), (6, 3, True), (17, 6, False)])
def test_a_bandit_has_as_many_parameters_as_published(o: int, a: int, discrete: bool) -> None:
    spec = EnvSpec(o, a if discrete else 0, 0 if discrete else a, -1.0, 1.0, 1)
    env = SyntheticEnv(None, spec, (32,), "relu")
    theta = jax.eval_shape(lambda: synth.init_theta(jax.random.key(0), env))
    count = sum(leaf.size for leaf in jax.tree.leaves(theta))
    assert count == 65 * o + 32 + 32 * (o + a) + 65


def test_reward_and_next_state_are_those_computed_by_hand() -> None:
    """One observation, two actions, one hidden unit in each network."""

    def network(kernel_0: Any, bias_0: float, kernel_1: float, bias_1: float) -> Any:
        return {
            "Dense_0": {"kernel": jnp.array(kernel_0)[:, None], "bias": jnp.array([bias_0])},
            "Dense_1": {"kernel": jnp.array([[kernel_1]]), "bias": jnp.array([bias_1])},
        }

    theta = {
        "initial_state": network([1.0], 0.0, 1.0, 0.0),
        "reward": network([2.0, -1.0, 3.0], 0.5, -2.0, 1.0),
        "transition": network([1.0, 1.0, -1.0], 0.0, 4.0, 0.25),
        "done": network([1.0], 0.0, 1.0, -6.0),
    }
    env = SyntheticEnv(theta, EnvSpec(1, 2, 0, -1.0, 1.0, 9), (1,), "relu")
    state = env.state_at(jnp.array([1.5]))
    # Action 1 at 1.5: hidden = relu(2 * 1.5 + 3 + 0.5) = 6.5; reward = -2 * 6.5 + 1 = -12.
    # Action 0:        hidden = relu(2 * 1.5 - 1 + 0.5) = 2.5; reward = -2 * 2.5 + 1 = -4.
    assert float(env.reward(jnp.array([1.5]), jnp.int32(1))) == -12.0
    _, step = env.step(jax.random.key(0), state, jnp.int32(0))
    assert float(step.reward) == -4.0
    # Action 0: change = 4 * relu(1.5 + 1) + 0.25 = 10.25; next = 11.75; done = 11.75 - 6 > 0.
    assert step.observation.tolist() == [11.75]
    assert step.terminated
    # Action 1: change = 4 * relu(1.5 - 1) + 0.25 = 2.25; next = 3.75; done = 3.75 - 6 < 0.
    _, step = env.step(jax.random.key(0), state, jnp.int32(1))
    assert step.observation.tolist() == [3.75]
    assert not step.terminated


def test_a_numbered_state_is_the_one_at_the_largest_number_that_a_network_says() -> None:
    """Three states, one action; all networks are linear in what their one hidden unit passes on."""

    def network(kernel_0: Any, bias_0: float, kernel_1: Any, bias_1: Any) -> Any:
        return {
            "Dense_0": {"kernel": jnp.array(kernel_0)[:, None], "bias": jnp.array([bias_0])},
            "Dense_1": {"kernel": jnp.array([kernel_1]), "bias": jnp.array(bias_1)},
        }

    theta = {
        # Whatever the latent is, hidden = 1: (0.5, 2.5, -1) begins in state 1.
        "initial_state": network([0.0] * 3, 1.0, [0.5, 0.5, -1.0], [0.0, 2.0, 0.0]),
        # In state s: hidden = s.
        "reward": network([0.0, 1.0, 2.0, 0.0], 0.0, [10.0], [0.0]),
        # From 1: (-1 + 0.5, -0.2, 0) leads to 2 (a change of state 1 would stay there); from 2:
        # (-1.5, 0.6, 0) leads to 1.
        "transition": network([0.0, 1.0, 2.0, 0.0], 0.0, [-1.0, 0.8, 0.0], [0.5, -1.0, 0.0]),
        "done": network([1.0, 1.0, 1.0], 0.0, [0.0], [-1.0]),
    }
    env = SyntheticEnv(theta, EnvSpec(3, 1, 0, -1.0, 1.0, 9, num_states=3), (1,), "relu")
    state, first = env.reset(jax.random.key(0))
    state, step = env.step(jax.random.key(0), state, jnp.int32(0))
    _, later = env.step(jax.random.key(0), state, jnp.int32(0))
    assert first.tolist() == [0.0, 1.0, 0.0]
    assert step.observation.tolist() == [0.0, 0.0, 1.0]
    assert later.observation.tolist() == [0.0, 1.0, 0.0]
    assert (float(step.reward), float(later.reward)) == (10.0, 20.0)


def test_an_mdp_for_a_task_of_numbered_states_puts_out_one_hot_vectors() -> None:
    env = new(MDP, section("task", "empty_room"))
    keys = jax.random.split(jax.random.key(0), 50)

    def walk(key: Any) -> Any:
        state, first = env.reset(key)
        return first, env.step(key, state, jnp.int32(3))[1].observation

    seen = np.concatenate(jax.vmap(walk)(keys))
    np.testing.assert_array_equal(np.sort(seen), [[0.0, 0.0, 0.0, 1.0]] * 100)
    table = new(section("synth", "mdp", initial_states=5), section("task", "empty_room"))
    assert sorted(table.reset(jax.random.key(0))[1].tolist()) == [0.0, 0.0, 0.0, 1.0]


def test_a_population_of_environments_is_each_of_them() -> None:
    envs = [never_done(new(MDP, seed=seed)) for seed in range(3)]
    population = jax.tree.map(lambda *leaves: jnp.stack(leaves), *envs)
    observation = jnp.array([0.1, -0.2, 0.3, 0.4])

    def tries(env: SyntheticEnv) -> Any:
        first = env.reset(jax.random.key(0))[1]
        return first, env.step(jax.random.key(1), env.state_at(observation), jnp.int32(1))[1]

    together = jax.vmap(tries)(population)
    rewards = set()
    for i, env in enumerate(envs):
        alone = tries(env)
        rewards.add(float(alone[1].reward))
        for one, many in zip(jax.tree.leaves(alone), jax.tree.leaves(together), strict=True):
            np.testing.assert_allclose(many[i], one, rtol=1e-5, atol=1e-6)
    assert len(rewards) == 3


@pytest.mark.parametrize("kind", [BANDIT, MDP], ids=["bandit", "mdp"])
def test_it_survives_its_file_bit_for_bit(kind: Any, tmp_path: Path) -> None:
    env = new(kind)
    checkpoint.save(tmp_path / "e.safetensors", env.theta, {"kind": "synthetic environment"})
    again = synth.load(tmp_path / "e.safetensors", kind, CARTPOLE)
    assert again.spec == env.spec
    for old, loaded in zip(jax.tree.leaves(env), jax.tree.leaves(again), strict=True):
        assert np.asarray(old).tobytes() == np.asarray(loaded).tobytes()


@pytest.mark.parametrize(
    ("kind", "task", "complaint"),
    [
        (BANDIT, section("task", "acrobot"), r"has shape \(4, 32\) .*, not \(6, 32\)"),
        (MDP, CARTPOLE, "other arrays than expected: done/"),
        (section("synth", "bandit", hidden=[16]), CARTPOLE, "has shape"),
    ],
    ids=["task", "kind", "width"],
)
def test_a_file_for_something_else_is_refused(
    kind: Any, task: Any, complaint: str, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path / "e.safetensors", new(BANDIT).theta, {})
    with pytest.raises(ValueError, match=complaint):
        synth.load(tmp_path / "e.safetensors", kind, task)


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"synth.activation must be one of relu, .*, not 'rely'"):
        synth.make(section("synth", "bandit", activation="rely"), CARTPOLE)


@pytest.mark.parametrize("latent", ["normal", "uniform", "categorical", "softmax"])
def test_the_latent_of_initial_states_has_the_distribution_of_its_name(latent: str) -> None:
    keys = jax.random.split(jax.random.key(0), 4000)
    z = np.asarray(jax.vmap(lambda key: synth.LATENTS[latent](key, (4,)))(keys))
    if latent in ("normal", "uniform"):
        np.testing.assert_allclose(z.mean(0), 0.0, atol=0.06)
        np.testing.assert_allclose(z.var(0), 1.0, atol=0.08)
        assert (np.abs(z).max() < 1.8) == (latent == "uniform")
    else:
        np.testing.assert_allclose(z.sum(1), 1.0, atol=1e-5)
        np.testing.assert_allclose(z.mean(0), 0.25, atol=0.03)
        assert (len(np.unique(z)) == 2) == (latent == "categorical")


def test_initial_states_come_from_the_latent_that_is_configured() -> None:
    env = new(section("synth", "bandit", latent="categorical"))
    keys = jax.random.split(jax.random.key(1), 50)
    starts = np.unique(np.asarray(jax.vmap(lambda key: env.reset(key)[1])(keys)), axis=0)
    assert len(starts) == 4  # one for each of the classes
    with pytest.raises(ValueError, match=r"latent must be one of normal, .*, not 'gauss'"):
        new(section("synth", "bandit", latent="gauss"))
