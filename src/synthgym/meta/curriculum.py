"""How long may an episode of a candidate's test be? Longer and longer, as the search goes on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from synthgym.core.settings import Curriculum

Rows = Sequence[Mapping[str, Any]]  # of progress.parquet: the generations that are done


def constant(curriculum: Curriculum, full: int, share: float, rows: Rows) -> int:
    """As long as in the task."""
    return full


def linear(curriculum: Curriculum, full: int, share: float, rows: Rows) -> int:
    """From `start` to `full` while a share of the generations in [`begin`, `end`] is done."""
    begin, end = curriculum.begin, curriculum.end
    way = min(1.0, max(0.0, (share - begin) / max(end - begin, 1e-9)))
    return round(curriculum.start + way * (full - curriculum.start))


def stepwise(curriculum: Curriculum, full: int, share: float, rows: Rows) -> int:
    """In so many equal `stages`, of which the first is at `start`, the last at `full`."""
    begin, end, last = curriculum.begin, curriculum.end, curriculum.stages - 1
    way = min(1.0, max(0.0, (share - begin) / max(end - begin, 1e-9)))
    stage = min(last, int(way * curriculum.stages))
    return round(curriculum.start + stage / max(last, 1) * (full - curriculum.start))


def adaptive(curriculum: Curriculum, full: int, share: float, rows: Rows) -> int:
    """`growth` times as long once the fitness no longer rises.

    That is when its mean over `window` generations is not above that over the `window` before, all
    of them at the present horizon.
    """
    if not rows:
        return curriculum.start
    present, window = int(rows[-1]["horizon"]), curriculum.window
    recent = [row for row in rows[-2 * window :] if row["horizon"] == present]
    if present >= full or len(recent) < 2 * window:
        return min(present, full)
    fitness = [row["fitness_mean"] for row in recent]
    if sum(fitness[window:]) > sum(fitness[:window]):
        return present
    return min(full, max(present + 1, round(curriculum.growth * present)))


CURRICULA: Mapping[str, Callable[[Curriculum, int, float, Rows], int]] = {
    "constant": constant,
    "linear": linear,
    "stepwise": stepwise,
    "adaptive": adaptive,
}


def longest(curriculum: Curriculum, full: int) -> int:
    """Steps of the longest episode there may be: those of MountainCar began at five times its own.

    full: as below.
    """
    return full if curriculum.kind == "constant" else max(full, curriculum.start)


def horizon(curriculum: Curriculum, full: int, generations: int, rows: Rows) -> int:
    """Steps at which an episode of the next generation's tests is cut; `full`: the task's own.

    It depends on nothing but what is in the log, so a
    search that was killed goes on as if it had not been.
    """
    share = len(rows) / generations
    return CURRICULA[curriculum.kind](curriculum, full, share, rows)
