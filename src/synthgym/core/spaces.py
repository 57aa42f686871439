"""Settings by name, such as `meta.sigma`, and the spaces in which a search tries them."""

from collections.abc import Mapping
from typing import Any


def nested(name: str, value: object) -> dict[str, Any]:
    """Sections in which a setting such as meta.sigma has this value."""
    first, _, rest = name.partition(".")
    return {first: nested(rest, value) if rest else value}


def value_of(sections: Mapping[str, Any], name: str) -> Any:
    """The value that sections give a setting such as meta.sigma."""
    first, _, rest = name.partition(".")
    return value_of(sections[first], rest) if rest else sections[first]


def contains(space: Mapping[str, Any], value: object) -> bool:
    """Whether a space such as {log_uniform: [0.01, 1.0]} has a value."""
    ((kind, values),) = space.items()
    if kind == "choice":
        return any(value == choice for choice in values)
    low, high = values
    if not isinstance(value, int | float):
        return False
    inside: bool = low <= (1 - value if kind == "one_minus_log_uniform" else value) <= high
    return inside
