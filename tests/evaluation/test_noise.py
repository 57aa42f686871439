"""Noise disturbs what agents get, one quantity at a time, and not where the environment goes on."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from synthgym.evaluation.noise import Noisy, Trial, run
from synthgym.synth import env as synth

NOISE = {"intensities": [0.0, 2.0], "agents": 3, "steps": 64, "episodes": 3}


@pytest.fixture(scope="module")
def noisy_job(trained: Any) -> Any:
    return trained[0].replace(noise=NOISE)


@pytest.fixture(scope="module")
def env(trained: Any) -> Any:
    config, path = trained
    return synth.load(path, config.synth, config.task)


def test_one_quantity_is_disturbed_and_the_state_is_not(env: Any) -> None:
    def key() -> Any:
        return jax.random.key(1)

    action = jnp.int32(1)
    state, observation = env.reset(jax.random.split(key())[0])
    noisy = Noisy(env, jnp.array([0.0, 3.0, 0.0, 0.0, 0.0]))
    begun, seen = noisy.reset(key())
    np.testing.assert_array_equal(begun.observation, observation)
    assert (seen != observation).tolist() == [False, True, False, False]
    _, plain = env.step(jax.random.split(key())[0], state, action)
    after, step = noisy.step(key(), begun, action)
    np.testing.assert_array_equal(after.observation, plain.observation)
    assert (step.observation != plain.observation).tolist() == [False, True, False, False]
    assert step.reward == plain.reward
    loud = Noisy(env, jnp.array([0.0, 0.0, 0.0, 0.0, 1.0]))
    assert loud.step(key(), begun, action)[1].reward != plain.reward


def test_noise_is_as_large_as_it_says(env: Any) -> None:
    noisy = Noisy(env, jnp.array([0.5, 0.0, 0.0, 0.0, 2.0]))
    state, _ = env.reset(jax.random.key(0))
    plain = env.step(jax.random.key(0), state, jnp.int32(0))[1]
    keys = jax.random.split(jax.random.key(2), 2000)
    steps = jax.vmap(lambda key: noisy.step(key, state, jnp.int32(0))[1])(keys)
    assert np.std(steps.observation[:, 0] - plain.observation[0]) == pytest.approx(0.5, rel=0.1)
    assert np.std(steps.reward - plain.reward) == pytest.approx(2.0, rel=0.1)


def test_every_quantity_is_tried_at_every_intensity(
    trained: Any, noisy_job: Any, tmp_path: Path
) -> None:
    inputs = {"environment": [trained[1]]}
    assert run(noisy_job, inputs, tmp_path, tmp_path) == ["noise.parquet"]
    rows = pd.read_parquet(tmp_path / "noise.parquet")
    assert rows["quantity"].nunique() == 5
    assert rows.groupby(["quantity", "intensity"]).size().tolist() == [3] * 10
    undisturbed = rows[rows["intensity"] == 0.0].groupby("quantity")["return_"].apply(tuple)
    assert undisturbed.nunique() == 1  # the same agents, whatever is not disturbed


def test_what_grows_without_bounds_still_has_a_spread(env: Any, noisy_job: Any) -> None:
    broken = env.replace(theta=jax.tree.map(lambda x: 1e15 * x, env.theta))
    assert np.isfinite(Trial(noisy_job).spread(broken)).all()
