"""What is done is about what was chosen, and within the bounds."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

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
    spec = tasks.load(section("task", "pendulum")).spec  # torques from -2 to 2
    env = Disturbed(Echo(spec), noise)
    state, _ = env.reset(jax.random.key(0))
    keys = jax.random.split(jax.random.key(1), 4000)
    step = jax.vmap(lambda key: env.step(key, state, jnp.asarray([chosen]))[1].reward)
    return np.asarray(step(keys))


def test_noise_is_in_halves_of_the_range() -> None:
    assert abs(done(0.5, 0.1).mean() - 0.5) < 0.02
    assert abs(done(0.5, 0.1).std() - 0.2) < 0.02
    assert (done(0.5, 0.0) == 0.5).all()


def test_nothing_is_done_out_of_bounds() -> None:
    assert done(2.0, 0.5).max() == 2.0
    assert abs((done(2.0, 0.5) == 2.0).mean() - 0.5) < 0.05
