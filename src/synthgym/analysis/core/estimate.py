"""Estimates with their intervals, `{value, low, high}`: how they are kept and how they are written.

None stands for NEVER: steps to a return that is not reached.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from synthgym.analysis.core.statistics import LEVEL

Numbers = dict[str, Any]
Format = str | Callable[[float], str]
NEVER = float("inf")
DIGITS = 6  # significant digits kept: more than the intervals justify, alike on all machines

# How numbers are written: a return, its difference, steps or seconds, a share, its difference.
# z: what is rounded to zero has no minus.
RETURN, GAIN, COUNT, SHARE, GAIN_SHARE = "z,.1f", "+z,.1f", ",.0f", "z.0%", "+z.0%"


def estimate(value: float, samples: np.ndarray) -> Numbers:
    """A value with the percentile interval of its resamples; bounds are among these."""
    tail = (1 - LEVEL) / 2
    # An order statistic, not between two of them: one of them may be NEVER.
    low, high = np.quantile(samples, [tail, 1 - tail], method="nearest")
    numbers = {"value": value, "low": low, "high": high}
    return {name: float(x) if np.isfinite(x) else None for name, x in numbers.items()}


def exactly(value: float) -> Numbers:
    """An estimate whose interval has no width."""
    return {"value": value, "low": value, "high": value}


def less(e: Mapping[str, Any], amount: float, divisor: float = 1.0) -> Numbers:
    """The estimate less an amount, over a divisor."""
    return {name: (e[name] - amount) / divisor for name in ("value", "low", "high")}


def number(value: float | None, how: Format = RETURN, empty: str = "never") -> str:
    """A number in a table; `empty` stands for None."""
    if value is None:
        return empty
    return format(value, how) if isinstance(how, str) else how(value)


def written(e: Mapping[str, Any] | float | None, how: Format = RETURN, point: str = "value") -> str:
    """`value [low, high]`, or a number alone; empty where there is none, `never` where it is."""
    if e is None:
        return ""
    if not isinstance(e, Mapping):
        return number(e, how)
    if e[point] is None and e["low"] is None:
        return number(None)
    return f"{number(e[point], how)} [{number(e['low'], how)}, {number(e['high'], how)}]"


def bold(e: Mapping[str, Any], level: float, point: str = "iqm") -> str:
    """`value [low, high]` of a return, the value bold if it is at least the `level`."""
    value, _, interval = written(e, point=point).partition(" ")
    return f"**{value}** {interval}" if e[point] >= level else f"{value} {interval}"


def counted(numbers: Mapping[str, Any], *names: str) -> dict[str, str]:
    """Columns of a table for counts of steps, seconds, ..., without decimals."""
    return {name.replace("_", " "): number(numbers[name], COUNT) for name in names}


def short(value: float) -> str:
    """A return, or steps: with a decimal where it is small."""
    return f"{value:,.0f}" if abs(value) >= 300 else f"{value:,.1f}"


def times(value: float) -> str:
    """A ratio, or a number of agents: two significant digits, or whole."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def given(value: float | None) -> str:
    """A published number as it was given; empty where none was."""
    return "" if value is None else f"{value:,g}"


def span(values: Iterable[int]) -> str:
    """`3`, or `3 to 5`: the smallest and the largest of some counts."""
    low, *_, high = sorted(values) * 2
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def rounded(value: Any) -> Any:
    """Numbers with as many digits as are kept, in plain lists and mappings."""
    if isinstance(value, Mapping):
        return {str(name): rounded(below) for name, below in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [rounded(below) for below in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else value
    return int(value) if isinstance(value, np.integer) else value
