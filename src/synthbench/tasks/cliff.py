"""Cliff walking as in Ferreira et al. (2022): a fall ends the episode.

(In Sutton & Barto 2018, example 6.6, it costs as much, but leads back to the start.)
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Int, PyTree

from synthbench.tasks.base import check, spec_of
from synthbench.types import Action, EnvSpec, Observation, PRNGKey, Step

ROWS, COLUMNS = 4, 12  # start bottom left, goal bottom right, holes between them
MOVES = ((0, 1), (0, -1), (1, 0), (-1, 0))  # right, left, down, up: change of (row, column)
STEP, FALL, ARRIVAL = -1.0, -100.0, 0.0  # rewards


class Place(NamedTuple):
    """Where the walker is, and since when."""

    row: Int[Array, ""]  # 0 is the top
    column: Int[Array, ""]
    time: Int[Array, ""]  # steps of this episode


class Cliff(struct.PyTreeNode):
    """The grid as an `Env`; the observation is the one-hot vector of the cell, row by row."""

    spec: EnvSpec = struct.field(pytree_node=False)

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        state = Place(jnp.int32(ROWS - 1), jnp.int32(0), jnp.int32(0))
        return state, _observation(state)

    def state_at(self, observation: Observation) -> PyTree:
        """The state that shows this observation, at the beginning of an episode."""
        row, column = jnp.divmod(observation.argmax().astype(jnp.int32), COLUMNS)
        return Place(row, column, jnp.int32(0))

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        down, right = jnp.asarray(MOVES, jnp.int32)[action]
        row = jnp.clip(state.row + down, 0, ROWS - 1)  # who walks against a border stays
        column = jnp.clip(state.column + right, 0, COLUMNS - 1)
        state = Place(row, column, state.time + 1)
        below = (row == ROWS - 1) & (column > 0)
        arrived = below & (column == COLUMNS - 1)
        reward = jnp.where(arrived, ARRIVAL, jnp.where(below, FALL, STEP))
        truncated = (state.time >= self.spec.horizon) & ~below
        return state, Step(_observation(state), reward, below, truncated)


def make(task: Any) -> Cliff:
    """The task of a config section.

    Raises ValueError where the section contradicts the environment.
    """
    true = {
        "observation_size": ROWS * COLUMNS,
        "num_states": ROWS * COLUMNS,
        "action.kind": "discrete",
        "action.size": len(MOVES),
    }
    check(task, true)
    return Cliff(spec=spec_of(task))


def _observation(state: Place) -> Observation:
    return jax.nn.one_hot(state.row * COLUMNS + state.column, ROWS * COLUMNS)
