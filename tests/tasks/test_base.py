"""What every task promises to those who train in it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import PROBES, Place, section
from synthgym.core.spec import EnvSpec, spec_of
from synthgym.tasks import base


def test_the_spec_says_what_the_section_says() -> None:
    cartpole, pendulum = section("task", "cartpole"), section("task", "pendulum")
    assert spec_of(cartpole) == EnvSpec(4, 2, 0, -1.0, 1.0, 500)
    assert spec_of(pendulum, horizon=1) == EnvSpec(3, 0, 1, -2.0, 2.0, 1)


@pytest.mark.parametrize(("probe", "ends"), [("constant", True), ("delayed", False)])
def test_an_episode_that_ended_is_followed_by_the_next(probe: str, ends: bool) -> None:
    env = PROBES[probe].replace(start=jnp.array([0.0, 0.0, 1.0]))  # unlike the state of the step
    env = env.replace(observation=jnp.array([[10.0], [11.0], [12.0]]))
    state = Place(jnp.int32(0), jnp.int32(1))
    new_state, observation, step = base.step_and_reset(env, jax.random.key(0), state, jnp.int32(0))
    assert bool(step.terminated) == ends
    if ends:  # the third state, at time 0; the step still shows what it led to
        assert (int(new_state.at), int(new_state.time)) == (2, 0)
        assert (float(observation[0]), float(step.observation[0])) == (12.0, 10.0)
    else:
        assert (int(new_state.at), int(new_state.time)) == (1, 2)
        assert float(observation[0]) == float(step.observation[0]) == 11.0


def test_truncation_begins_anew_as_termination_does() -> None:
    env = base.load(section("task", "pendulum", horizon=2))
    key_reset, key_first, key_second = jax.random.split(jax.random.key(0), 3)
    state, _ = env.reset(key_reset)
    first = base.step_and_reset(env, key_first, state, jnp.zeros(1))
    second = base.step_and_reset(env, key_second, first[0], jnp.zeros(1))
    assert not first[2].truncated
    assert second[2].truncated
    assert second[0].time == 0
    np.testing.assert_array_equal(first[1], first[2].observation)
    assert np.abs(second[1] - second[2].observation).max() > 1e-3
    np.testing.assert_allclose(second[1][2], second[0].theta_dot)
