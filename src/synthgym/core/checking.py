"""Checks of settings against their schema; whatever is wrong is refused in one sentence."""

import dataclasses
import difflib
import textwrap
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from synthgym.core.definitions import definition, groups
from synthgym.core.settings import SEARCHES, Agent, ConfigError, fields

WORDS = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}
NO_LIMITS: Mapping[str, Any] = MappingProxyType({})


def check(
    value: object,
    kind: Any,
    place: str,
    limits: Mapping[str, Any] = NO_LIMITS,
    complete: Sequence[str] = (),
) -> None:
    """Refuse a value that is not of its kind.

    A section may leave settings out, except those in `complete`.
    """
    if isinstance(kind, types.UnionType):  # with None, which is then allowed
        if value is not None:
            check(value, typing.get_args(kind)[0], place, limits, complete)
    elif dataclasses.is_dataclass(kind):
        _check_section(value, kind, place, complete)
    elif typing.get_origin(kind) is dict:
        _check_mapping(value, typing.get_args(kind)[1], place, limits)
    elif typing.get_origin(kind) in (list, tuple):
        if not isinstance(value, list):
            raise ConfigError(f"{place}: must be a list, not {short(value)}.")
        for item in value:
            check(item, typing.get_args(kind)[0], place, limits)
    elif kind is not Any:
        _check_scalar(value, kind, place, limits)


def check_known(name: object, names: Collection[Any], kind: str, place: str, where: str) -> None:
    """Refuse a name that is not among `names`."""
    if name not in names:
        close = difflib.get_close_matches(str(name), [str(n) for n in names], 1)
        close = close or [str(n) for n in names if str(n).lower() == str(name).lower()]
        hint = f"do you mean {close[0]}?" if close else f"there is {listed(names)}."
        raise ConfigError(f"{place}: no {kind} is named {name} in {where}; {hint}")


def check_names(names: list[str], kind: str, place: str) -> None:
    """Refuse names that are not those of files in conf/<kind>/, or that come twice."""
    for name in names:
        check_known(name, groups(kind), kind, place, f"conf/{kind}")
    check_unique(names, place)


def check_unique(values: list[Any], place: str) -> None:
    """Refuse an empty list, and one with an entry twice."""
    if not values or len(set(values)) < len(values):
        raise ConfigError(f"{place}: must have one entry or more, each once, not {short(values)}.")


def check_agent(value: dict[str, Any], name: str, place: str) -> None:
    """Refuse settings that are not in conf/agent/<name>.yaml, or of another type than there."""
    _check_section(value, Agent, place, ())
    default, file = definition("agent", name), f"conf/agent/{name}.yaml"
    for part in ("static", "hyperparameters"):
        for key, item in value.get(part, {}).items():
            check_known(key, default[part], f"{part} setting", f"{place}.{part}.{key}", file)
            _check_like(item, default[part][key], f"{place}.{part}.{key}")
    for i, shape in enumerate(value.get("shapes", [])):
        for key, item in shape.items():
            path = f"{place}.shapes[{i}].{key}"
            check_known(key, default["static"], "static setting", path, file)
            _check_like(item, default["static"][key], path)
    for key, space in value.get("search", {}).items():
        path = f"{place}.search.{key}"
        check_known(key, default["hyperparameters"], "hyperparameter", path, file)
        if space is not None:  # null: not sampled
            _check_search(space, path)


def listed(names: Collection[Any]) -> str:
    """The names, for a sentence."""
    return ", ".join(str(name) for name in names) or "nothing"


def short(value: object) -> str:
    """The value, for a sentence."""
    return textwrap.shorten(repr(value), 60, placeholder=" ...")


def _check_section(value: object, kind: Any, place: str, complete: Sequence[str]) -> None:
    if not isinstance(value, dict):
        raise ConfigError(f"{place or 'params.yaml'}: must be a mapping, not {short(value)}.")
    known = fields(kind)
    for name, item in value.items():
        path = f"{place}.{name}" if place else str(name)
        if name not in known:
            close = difflib.get_close_matches(str(name), known, 1)
            hint = f"do you mean {close[0]}?" if close else f"there is {listed(known)}."
            raise ConfigError(f"{path}: unknown setting; {hint}")
        check(item, known[name].type, path, known[name].metadata)
    if lacking := [name for name in complete if name not in value]:
        raise ConfigError(f"{place or 'params.yaml'}: lacks {listed(lacking)}.")


def _check_mapping(value: object, kind: Any, place: str, limits: Mapping[str, Any]) -> None:
    if not isinstance(value, dict):
        raise ConfigError(f"{place}: must be a mapping, not {short(value)}.")
    for name, item in value.items():
        if kind is Agent:
            check_known(name, groups("agent"), "agent", f"{place}.{name}", "conf/agent")
            check_agent(item, name, f"{place}.{name}")
        else:
            check(item, kind, f"{place}.{name}", limits)


def _check_scalar(value: Any, kind: Any, place: str, limits: Mapping[str, Any]) -> None:
    fits = isinstance(value, int | float if kind is float else kind)
    if not fits or (kind is not bool and isinstance(value, bool)) or value != value:
        raise ConfigError(f"{place}: must be {WORDS[kind]}, not {short(value)}.")
    unit = f" {limits['unit']}" if limits.get("unit") else ""
    low, above, among = (limits.get(name) for name in ("low", "above", "among"))
    if low is not None and value < low:
        raise ConfigError(f"{place}: must be at least {low}{unit}, not {value}.")
    if above is not None and value <= above:
        raise ConfigError(f"{place}: must be above {above}{unit}, not {value}.")
    if among and value not in among:
        raise ConfigError(f"{place}: must be one of {listed(among)}, not {value}.")


def _check_like(value: object, default: object, place: str) -> None:
    widths = isinstance(default, list)  # of layers; there may be none
    kind = list[int] if widths else type(default)
    check(value, kind, place)


def _check_search(space: object, place: str) -> None:
    if not isinstance(space, dict) or len(space) != 1 or next(iter(space)) not in SEARCHES:
        kinds = listed(SEARCHES)
        raise ConfigError(f"{place}: must be null or one of {kinds}, not {short(space)}.")
    kind, values = next(iter(space.items()))
    check(values, list[int] if kind == "int" else list[float], f"{place}.{kind}")
    if kind == "choice":
        check_unique(values, f"{place}.choice")
    elif len(values) != 2 or not values[0] < values[1]:
        raise ConfigError(f"{place}.{kind}: must be [low, high] with low < high, not {values}.")
    elif kind == "log_uniform" and values[0] <= 0:
        raise ConfigError(f"{place}.{kind}: must begin above 0, not at {values[0]}.")
