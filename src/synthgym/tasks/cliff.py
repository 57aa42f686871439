"""Cliff walking as in Ferreira et al. (2022): a fall ends the episode.

(In Sutton & Barto 2018, example 6.6, it costs as much, but leads back to the start.)
"""

from synthgym.core import settings
from synthgym.tasks import grid
from synthgym.tasks.grid import Grid, Map, Place

__all__ = ["CLIFF", "Place", "make"]

ROWS, COLUMNS = 4, 12  # start bottom left, goal bottom right, holes between them
CLIFF = Map(
    rows=ROWS,
    columns=COLUMNS,
    start=(ROWS - 1, 0),
    goal=(ROWS - 1, COLUMNS - 1),
    step=-1.0,
    arrival=0.0,
    holes=tuple((ROWS - 1, column) for column in range(1, COLUMNS - 1)),
    fall=-100.0,
)


def make(task: settings.Task) -> Grid:
    """The task of a config section.

    Raises ValueError where the section contradicts the environment.
    """
    return grid.make(task, CLIFF)
