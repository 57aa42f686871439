"""First observations of episodes, drawn ahead, and what is known of the rewards of each.

To draw and evaluate a thousand takes hardly longer than one. In a bandit all of an episode that
does not depend on the action is then in the deck; where its contexts are in a table, they are
evaluated once.
"""

import numpy as np
from jaxtyping import Float

from synthgym.synth.in_numpy import NumpyEnv

SMALLEST = 16  # observations; then twice as many each time, as some set a seed at each reset
LARGEST = 512  # what networks make of them fits a core's cache


class Deck:
    """Deals to one environment of Gymnasium, or to all of a vector."""

    def __init__(self, env: NumpyEnv):
        self._env, self._table = env, env.table()
        self._known: Float[np.ndarray, "K k"] | None = None  # prospects of the table
        self._generator: np.random.Generator | None = None
        self._observations = self._prospects = np.empty((0, 0), np.float32)
        self._dealt, self._size = 0, SMALLEST

    def deal(
        self, generator: np.random.Generator, count: int
    ) -> tuple[Float[np.ndarray, "n o"], Float[np.ndarray, "n k"]]:
        """So many first observations, and their prospects; of an MDP there are none.

        What was drawn by another generator, as before a new seed, is not dealt.
        """
        end = self._dealt + count
        if generator is not self._generator:
            self._generator, self._size = generator, SMALLEST
            end = len(self._observations) + 1
        if end > len(self._observations):
            self._draw(generator, max(self._size, count))
            end = count
        cards, self._dealt = slice(end - count, end), end
        return self._observations[cards], self._prospects[cards]

    def _draw(self, generator: np.random.Generator, count: int) -> None:
        env, table = self._env, self._table
        self._size = min(2 * count, LARGEST)
        if table is None:
            self._observations = env.first(generator, count)
            self._prospects = self._seen(self._observations)
            return
        if self._known is None:
            self._known = self._seen(table)
        rows = generator.integers(len(table), size=count)
        self._observations, self._prospects = table[rows], self._known[rows]

    def _seen(self, observations: Float[np.ndarray, "n o"]) -> Float[np.ndarray, "n k"]:
        if self._env.spec.bandit:
            return self._env.prospects(observations)
        return np.empty((len(observations), 0), np.float32)
