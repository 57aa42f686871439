"""Does a claim hold? By the interval of a difference, beside what there is to be learned."""

from collections.abc import Mapping
from typing import Any

MARGIN = 0.1  # of what is between random actions and the best agent known: that little is equal
HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"


def span_of(task: Mapping[str, Any]) -> float | None:
    """The return between random actions and the best agent known; None where it is not known."""
    best = task["reference"]["expert"]
    return None if best is None else float(best - task["reference"]["random"])


def better(difference: Mapping[str, float]) -> str:
    """On a claim that something is better: the interval {low, high} is above zero."""
    if difference["low"] > 0:
        return HOLDS
    return FAILS if difference["high"] <= 0 else UNDECIDED


def equal(difference: Mapping[str, float], span: float | None) -> str:
    """On a claim that something is as good: the interval is within MARGIN of the span.

    It does not hold where the whole interval is beyond that on the worse side. On the better side
    it holds in part, as that is not what was expected.
    """
    if span is None:
        return UNDECIDED
    low, high = difference["low"] / span, difference["high"] / span
    if low >= -MARGIN and high <= MARGIN:
        return HOLDS
    if high < -MARGIN:
        return FAILS
    return "in part: better" if low > MARGIN else UNDECIDED
