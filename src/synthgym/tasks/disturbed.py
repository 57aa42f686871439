"""Tasks in which something else than the chosen action is done: who does well there is forgiving.

What imitates such a policy, and errs as much, does well, too (as with the noise of DART: Laskey et
al. 2017).
"""

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import PyTree

from synthgym.core.types import Action, EnvSpec, Observation, PRNGKey, Step


class Disturbed(struct.PyTreeNode):
    """An environment that adds Gaussian noise to continuous actions, within their bounds.

    How much differs from episode to episode, uniformly in [0, `noise`]: who is never left alone may
    come to need it.
    """

    task: PyTree  # an Env
    noise: float = struct.field(pytree_node=False)  # deviation, in halves of the bounds' width

    @property
    def spec(self) -> EnvSpec:
        return self.task.spec

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        key_level, key_task = jax.random.split(key)
        state, observation = self.task.reset(key_task)
        return (state, jax.random.uniform(key_level, maxval=self.noise)), observation

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        """Do about what is chosen; reward and costs are of what is done."""
        (state, level), (key_noise, key_step) = state, jax.random.split(key)
        low, high = jnp.asarray(self.spec.action_low), jnp.asarray(self.spec.action_high)
        done = action + level * (high - low) / 2 * jax.random.normal(key_noise, action.shape)
        state, step = self.task.step(key_step, state, jnp.clip(done, low, high))
        return (state, level), step
