"""Observations come to zero mean and unit variance; agents see them so, everywhere alike."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import PROBES, defaults, tiny
from synthgym.agents import base, normalisation


def test_statistics_of_parts_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal([3.0, -50.0], [0.1, 20.0], (n, 2)).astype(np.float32) for n in (4, 1, 300)]
    normaliser = normalisation.untouched(2)
    for part in parts:
        normaliser = normaliser.update(jnp.asarray(part))
    whole = np.concatenate(parts)
    np.testing.assert_allclose(normaliser.mean, whole.mean(0), rtol=1e-4)
    np.testing.assert_allclose(normaliser.variance, whole.var(0), rtol=1e-3)
    seen = normaliser(jnp.asarray(whole))
    np.testing.assert_allclose(seen.mean(0), 0.0, atol=1e-3)
    np.testing.assert_allclose(seen.std(0), 1.0, atol=1e-3)


def test_what_is_far_off_is_clipped() -> None:
    normaliser = normalisation.untouched(1).update(jnp.array([[1.0], [3.0]]))  # 2, deviation 1
    assert normaliser(jnp.array([[2.5], [1e6], [-1e6]]))[:, 0].tolist() == pytest.approx(
        [0.5, 10.0, -10.0], rel=1e-3
    )


def test_without_a_normaliser_nothing_happens() -> None:
    observation = jnp.array([5.0])
    assert normalisation.normalise(None, observation) is observation
    np.testing.assert_allclose(normalisation.untouched(1)(observation), observation, rtol=1e-6)


@pytest.mark.parametrize("name", ["ppo", "dqn"])
def test_an_agent_learns_the_same_from_observations_on_another_scale(name: str) -> None:
    """The probe's observations -1 and 1 become 700 and 1100: too large for tanh, unless normalised.

    So the value of both actions in both states is learnt only with normalisation.
    """
    probe = PROBES["action by observation"]
    far = probe.replace(observation=900.0 + 200.0 * probe.observation)

    def right(normalised: bool) -> Any:
        section = tiny(name, static={"normalise_observations": normalised, "hidden": [16, 16]})
        agent = base.load(section, far.spec)
        settings = defaults(section, learning_rate=0.003)
        params, _ = jax.jit(lambda key: base.train(agent, far, settings, key, 6000))(
            jax.random.key(0)
        )
        act = jax.vmap(lambda key, o: agent.act(params, key, o))
        keys = jax.random.split(jax.random.key(1), 200)
        at = jnp.repeat(far.observation[:2], 100, axis=0)
        return float((act(keys, at) == jnp.repeat(jnp.array([0, 1]), 100)).mean())

    assert right(True) > 0.9
    assert right(False) < 0.8
