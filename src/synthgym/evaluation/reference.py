"""Returns of uniformly random actions in a task: `reference.random` of conf/task/<name>.yaml."""

from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float

from synthgym.core.types import Env, PRNGKey
from synthgym.tasks.rollout import episode_returns, uniform_action


def random_returns(task: Env, episodes: int, seed: int) -> Float[Array, " E"]:
    """Undiscounted return of each of so many whole episodes of random actions."""

    def test(key: PRNGKey) -> Float[Array, " E"]:
        return episode_returns(key, task, partial(uniform_action, task.spec), episodes)[0]

    return jax.jit(test)(jax.random.key(seed))


def mean_and_error(returns: Float[Array, " E"]) -> tuple[float, float]:
    """Mean return, and the standard error of that mean."""
    values = np.asarray(returns, np.float64)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
