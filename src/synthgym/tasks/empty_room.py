"""An empty room of two by two cells, as in Ferreira et al. (2022): "EmptyRoom22".

They do not say where the walker begins and where the goal is; here these are opposite corners, as
far apart as cells can be. The best return is 1 - 0.01.
"""

from synthgym.core import settings
from synthgym.tasks import grid
from synthgym.tasks.grid import Grid, Map

ROOM = Map(rows=2, columns=2, start=(0, 0), goal=(1, 1), step=-0.01, arrival=1.0)


def make(task: settings.Task) -> Grid:
    """The task of a config section.

    Raises ValueError where the section contradicts the environment.
    """
    return grid.make(task, ROOM)
