"""Grid worlds as in Ferreira et al. (2022): a walker, a goal, and where it must not fall.

Whoever walks against a border stays where it is. At the goal, and where one falls, an episode ends.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Bool, Int, PyTree

from synthgym.core import settings
from synthgym.core.spec import spec_of
from synthgym.core.types import Action, EnvSpec, Observation, PRNGKey, Step
from synthgym.tasks.base import check

MOVES = ((0, 1), (0, -1), (1, 0), (-1, 0))  # right, left, down, up: change of (row, column)


class Map(NamedTuple):
    """A grid; cells are (row, column), counted from the top left."""

    rows: int
    columns: int
    start: tuple[int, int]
    goal: tuple[int, int]
    step: float  # rewards
    arrival: float
    holes: tuple[tuple[int, int], ...] = ()
    fall: float = 0.0


class Place(NamedTuple):
    """Where the walker is, and since when."""

    row: Int[Array, ""]  # 0 is the top
    column: Int[Array, ""]
    time: Int[Array, ""]  # steps of this episode


class Grid(struct.PyTreeNode):
    """A grid as an `Env`; the observation is the one-hot vector of the cell, row by row."""

    spec: EnvSpec = struct.field(pytree_node=False)
    ground: Map = struct.field(pytree_node=False)

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        row, column = self.ground.start
        state = Place(jnp.int32(row), jnp.int32(column), jnp.int32(0))
        return state, self._observation(state)

    def state_at(self, observation: Observation) -> PyTree:
        """The state that shows this observation, at the beginning of an episode."""
        row, column = jnp.divmod(observation.argmax().astype(jnp.int32), self.ground.columns)
        return Place(row, column, jnp.int32(0))

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        down, right = jnp.asarray(MOVES, jnp.int32)[action]
        row = jnp.clip(state.row + down, 0, self.ground.rows - 1)
        column = jnp.clip(state.column + right, 0, self.ground.columns - 1)
        state = Place(row, column, state.time + 1)
        arrived, fallen = _is_at(state, self.ground.goal), _is_among(state, self.ground.holes)
        ends = arrived | fallen
        end = jnp.where(fallen, self.ground.fall, self.ground.step)
        reward = jnp.where(arrived, self.ground.arrival, end)
        truncated = (state.time >= self.spec.horizon) & ~ends
        return state, Step(self._observation(state), reward, ends, truncated)

    def _observation(self, state: Place) -> Observation:
        cell = state.row * self.ground.columns + state.column
        return jax.nn.one_hot(cell, self.ground.rows * self.ground.columns)


def make(task: settings.Task, ground: Map) -> Grid:
    """The task of a config section, on that ground.

    Raises ValueError where the section contradicts it.
    """
    cells = ground.rows * ground.columns
    true = {
        "observation_size": cells,
        "num_states": cells,
        "action.kind": "discrete",
        "action.size": len(MOVES),
    }
    check(task, true)
    return Grid(spec=spec_of(task), ground=ground)


def _is_at(state: Place, cell: tuple[int, int]) -> Bool[Array, ""]:
    return (state.row == cell[0]) & (state.column == cell[1])


def _is_among(state: Place, cells: tuple[tuple[int, int], ...]) -> Bool[Array, ""]:
    found = jnp.bool_(False)
    for cell in cells:
        found |= _is_at(state, cell)
    return found
