"""What is done is about what was chosen, and within the bounds."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Float

from probes import section
from synthgym.core.types import Action, EnvSpec, Observation, PRNGKey, Step
from synthgym.tasks import base as tasks
from synthgym.tasks.disturbed import Disturbed


class Echo(struct.PyTreeNode):
    """Pays what is done."""

    spec: EnvSpec = struct.field(pytree_node=False)

    def reset(self, key: PRNGKey) -> tuple[PRNGKey, Observation]:
        return key, jnp.zeros(3)

    def step(self, key: PRNGKey, state: PRNGKey, action: Action) -> tuple[PRNGKey, Step]:
        ended = jnp.bool_(False)
        return state, Step(jnp.zeros(3), action[0], ended, ended)


def done(chosen: float, noise: float) -> np.ndarray:
    """What is done in the first step of many episodes."""
    spec = tasks.load(section("task", "pendulum")).spec  # torques from -2 to 2
    env = Disturbed(Echo(spec), noise)

    def first(key: PRNGKey) -> Float[Array, ""]:
        state, _ = env.reset(key)
        return env.step(jax.random.fold_in(key, 1), state, jnp.asarray([chosen]))[1].reward

    return np.asarray(jax.vmap(first)(jax.random.split(jax.random.key(1), 4000)))


def test_noise_is_in_halves_of_the_range() -> None:
    found = done(0.5, 0.1)
    assert abs(found.mean() - 0.5) < 0.02
    assert abs(found.std() - 0.2 / 3**0.5) < 0.01  # the root of the mean square of levels
    assert (done(0.5, 0.0) == 0.5).all()


def test_levels_differ_between_episodes_only() -> None:
    """Deviations of an episode are alike, those of another are others."""
    env = Disturbed(Echo(tasks.load(section("task", "pendulum")).spec), 0.2)

    def deviation(key: PRNGKey) -> Float[Array, ""]:
        state, _ = env.reset(key)
        step = jax.vmap(lambda key: env.step(key, state, jnp.zeros(1))[1].reward)
        return step(jax.random.split(jax.random.fold_in(key, 1), 2000)).std()

    levels = np.asarray(jax.vmap(deviation)(jax.random.split(jax.random.key(2), 200)))
    assert levels.min() < 0.05
    assert 0.35 < levels.max() < 0.45
    assert abs(np.median(levels) - 0.2) < 0.05


def test_nothing_is_done_out_of_bounds() -> None:
    assert done(2.0, 0.5).max() == 2.0
    assert abs((done(2.0, 0.5) == 2.0).mean() - 0.5) < 0.05
