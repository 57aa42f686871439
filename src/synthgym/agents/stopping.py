"""When has an agent learnt enough? The two rules of Ferreira et al. 2022, on training returns.

In a real task: the mean return of the last 10 episodes is at or above the level at which the task
counts as solved. In a synthetic one, where nothing is known of levels: the mean of the last 10
differs from that of the 10 before by less than 1 % of the latter.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Bool, Float, Int

from synthgym.core.types import Transition


class Episodes(struct.PyTreeNode):
    """Returns of training episodes: of those going on, and of the last `W` that ended."""

    running: Float[Array, " B"]  # so far, in each parallel environment
    last: Float[Array, " W"]  # the newest at the end
    count: Int[Array, ""]  # ended so far


@dataclass(frozen=True)
class Stop:
    """A rule: `solved` (at a mean return of `level`) or `converged`."""

    rule: str
    level: float = 0.0  # for `solved`: undiscounted return per episode
    window: int = 10  # episodes
    tolerance: float = 0.01  # for `converged`
    begin: int = 0  # episodes before the rule can hold: those in which the agent does not learn

    def no_episodes(self, num_envs: int) -> Episodes:
        """Before training."""
        return Episodes(jnp.zeros(num_envs), jnp.zeros(2 * self.window), jnp.int32(0))

    def seen(self, episodes: Episodes, transitions: Transition) -> Episodes:
        """With these transitions, [step, environment], too."""

        def add(carry, inputs):
            last, count = carry
            return_, ended = inputs
            pushed = jnp.append(last[1:], return_)
            return (jnp.where(ended, pushed, last), count + ended), None

        def advance(episodes, step):
            reward, ended = step
            returns = episodes.running + reward
            (last, count), _ = jax.lax.scan(add, (episodes.last, episodes.count), (returns, ended))
            return Episodes(jnp.where(ended, 0.0, returns), last, count), None

        ended = transitions.terminated | transitions.truncated
        return jax.lax.scan(advance, episodes, (transitions.reward, ended))[0]

    def holds(self, episodes: Episodes) -> Bool[Array, ""]:
        """Whether the agent has learnt enough."""
        before, now = (half.mean() for half in jnp.split(episodes.last, 2))
        if self.rule == "solved":
            return (episodes.count >= self.begin + self.window) & (now >= self.level)
        change = jnp.abs(now - before) / (jnp.abs(before) + 1e-9)
        return (episodes.count >= self.begin + 2 * self.window) & (change < self.tolerance)


def rule(stop: str, level: float | None, begin: int = 0) -> Stop | None:
    """The rule of a study's settings: never, solved, converged.

    Raises ValueError where nobody says at which return a task is solved.
    """
    if stop == "never":
        return None
    if stop == "solved" and level is None:
        raise ValueError("stop: solved needs a return at which the task is solved; it has none.")
    return Stop(stop, level=level or 0.0, begin=begin)
