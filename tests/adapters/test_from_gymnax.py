"""Environments of gymnax for the agents here."""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import section
from synthgym.adapters.from_gymnax import as_env
from synthgym.core.types import Env
from synthgym.tasks import base


@pytest.mark.parametrize("name", ["cartpole", "mountain_car_continuous", "breakout_minatar"])
def test_it_is_the_task_that_is_made_of_the_same_environment(name: str) -> None:
    """Spec, observations, rewards, ends; images as one row of numbers."""
    task = base.load(section("task", name))
    env, params = gymnax.make(section("task", name).id)
    same = as_env(env, params.replace(max_steps_in_episode=task.spec.horizon))
    assert isinstance(same, Env)
    assert same.spec == task.spec
    key = jax.random.key(0)
    (state, first), (other, seen) = same.reset(key), task.reset(jax.random.clone(key))
    np.testing.assert_array_equal(first, seen)
    action = jnp.int32(1) if task.spec.discrete else jnp.array([0.5])
    step = same.step(jax.random.key(1), state, action)[1]
    for one, two in zip(step, task.step(jax.random.key(1), other, action)[1], strict=True):
        np.testing.assert_array_equal(one, two)


def test_what_is_neither_vector_nor_image_is_refused() -> None:
    env, params = gymnax.make("DeepSea-bsuite")
    with pytest.raises(ValueError, match=r"agents here need vectors or images to observe, not"):
        as_env(env, params)
