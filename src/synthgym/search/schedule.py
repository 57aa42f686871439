"""Budgets by Hyperband (Li et al. 2018), synchronous, for a number of configurations.

A bracket tries its configurations on the lowest of its rungs, then the best of them on the next,
and so on up to the whole budget.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from synthgym.core.failure import or_worst


class Bracket(NamedTuple):
    """Configurations that compete; its rungs' budgets rise up to the whole one."""

    number: int
    configurations: range  # their numbers in the search
    budgets: tuple[int, ...]  # generations


def budgets(low: int, high: int, eta: int) -> tuple[int, ...]:
    """Budgets of all rungs, rising: the whole one over powers of `eta`, while `low` is left."""
    rungs = [high]
    while high / eta ** len(rungs) >= low:
        rungs.append(round(high / eta ** len(rungs)))
    return tuple(reversed(rungs))


def brackets(
    configurations: int, rungs: tuple[int, ...], eta: int, full: bool
) -> tuple[Bracket, ...]:
    """As many as make so many configurations; the last one may be smaller than it would be.

    `full`: each begins on the lowest rung. Else, in turn, on each of the rungs, with as many
    configurations as take about the same budget.
    """
    made: list[Bracket] = []
    top, first = len(rungs) - 1, 0
    while first < configurations:
        steps = top if full else top - len(made) % len(rungs)  # up to the top
        size = math.ceil((top + 1) / (steps + 1) * eta**steps)
        numbers = range(first, min(first + size, configurations))
        made.append(Bracket(len(made), numbers, rungs[top - steps :]))
        first = numbers.stop
    return tuple(made)


def promoted(values: Sequence[float], eta: int) -> list[int]:
    """Which of a rung go on: one in `eta`, at least one, the best; of equal ones the first."""
    best = sorted(range(len(values)), key=lambda i: -or_worst(values[i]))
    return sorted(best[: max(1, len(values) // eta)])
