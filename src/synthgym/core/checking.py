"""Checks of settings against their schema; whatever is wrong is refused in one sentence."""

import ctypes
import dataclasses
import difflib
import textwrap
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from synthgym.core.definitions import definition, groups, providers
from synthgym.core.settings import SEARCHES, Agent, ConfigError, Static, Traced, fields

WORDS = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}
LARGEST = {int: 2**31 - 1, float: 2.0**128 - 2.0**104}  # that 32 bits can hold
MOST_LAYERS = 64  # and entries of any list of numbers but seeds
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
        _check_list(value, typing.get_args(kind)[0], place, limits)
    elif kind is not Any:
        _check_scalar(value, kind, place, limits)


def check_known(name: object, names: Collection[Any], kind: str, place: str, where: str) -> None:
    """Refuse a name that is not among `names`."""
    if name not in list(names):  # of a set, a name would have to be hashable
        close = difflib.get_close_matches(str(name), [str(n) for n in names], 1)
        close = close or [str(n) for n in names if str(n).lower() == str(name).lower()]
        hint = f"do you mean {close[0]}?" if close else f"there is {listed(names)}."
        raise ConfigError(f"{place}: no {kind} is named {name} in {where}; {hint}")


def check_names(names: list[str], kind: str, place: str) -> None:
    """Refuse names that are not those of files in conf/<kind>/, or that come twice."""
    check(names, list[str], place)
    for name in names:
        check_known(name, groups(kind), kind, place, f"conf/{kind}")
    check_unique(names, place)


def check_unique(values: list[Any], place: str) -> None:
    """Refuse an empty list, and one with an entry twice."""
    if not values or len(set(values)) < len(values):
        raise ConfigError(f"{place}: must have one entry or more, each once, not {short(values)}.")


def check_agent(value: dict[str, Any], name: str, place: str) -> None:
    """Refuse settings that are not in conf/agent/<name>.yaml, or out of their range."""
    check(value, dict[str, Any], place)
    if value.get("name", name) != name:
        raise ConfigError(f"{place}.name: must be {name}, not {short(value['name'])}.")
    for part, key, item in _agent_settings(value):
        if part == "search":
            _check_search(item, name, key, f"{place}.search.{key}")
        elif part == "hyperparameters":
            check_hyperparameter(item, name, key, f"{place}.{part}.{key}")
        else:
            _check_static(item, name, key, f"{place}.{part}.{key}")
    _check_section(value, Agent, place, ())


def check_hyperparameter(value: object, agent: str, name: str, place: str) -> None:
    """Refuse a hyperparameter that an agent does not have, or that is out of its range."""
    known, file = definition("agent", agent)["hyperparameters"], f"conf/agent/{agent}.yaml"
    check_known(name, known, "hyperparameter", place, file)
    kind, limits = _described(Traced, name, place)
    check(value, kind, place, limits)


def listed(names: Collection[Any]) -> str:
    """The names, for a sentence."""
    return ", ".join(str(name) for name in names) or "nothing"


def short(value: object) -> str:
    """The value, for a sentence."""
    return textwrap.shorten(repr(value), 60, placeholder=" ...")


def _check_static(value: object, agent: str, name: str, place: str) -> None:
    default = definition("agent", agent)
    file = f"conf/agent/{agent}.yaml"
    check_known(name, default["static"], "static setting", place, file)
    kind, limits = _described(Static, name, place)
    if isinstance(limits["among"], Mapping):  # of this agent
        module = default["static"].get("learner", default["module"]).split(".")[-1]
        limits["among"] = limits["among"][module]
    check(value, kind, place, limits)


def _described(section: Any, name: str, place: str) -> tuple[Any, dict[str, Any]]:
    """The type of a setting, and its limits."""
    known = fields(section)
    if name not in known:
        raise ConfigError(f"{place}: has no type and range yet; core/settings.py gives it some.")
    return known[name].type, dict(known[name].metadata)


def _agent_settings(agent: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """(part of the section, name, value) of each setting, where the parts are mappings."""
    parts = {name: agent.get(name) for name in ("static", "hyperparameters", "search")}
    shapes = agent.get("shapes")
    for i, shape in enumerate(shapes if isinstance(shapes, list) else []):
        parts[f"shapes[{i}]"] = shape
    named = {part: values for part, values in parts.items() if isinstance(values, dict)}
    return [(part, key, item) for part, values in named.items() for key, item in values.items()]


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
    if limits.get("entries"):
        _check_section(value, limits["entries"], place, ())
        return
    if not isinstance(value, dict):
        raise ConfigError(f"{place}: must be a mapping, not {short(value)}.")
    for name, item in value.items():
        if kind is Agent:
            check_known(name, groups("agent"), "agent", f"{place}.{name}", "conf/agent")
            check_agent(item, name, f"{place}.{name}")
        else:
            check(item, kind, f"{place}.{name}", limits)


def _check_list(value: object, kind: Any, place: str, limits: Mapping[str, Any]) -> None:
    if not isinstance(value, list):
        raise ConfigError(f"{place}: must be a list, not {short(value)}.")
    for item in value:
        check(item, kind, place, limits)
    if limits.get("each_once") and (value or not limits["or_none"]):
        check_unique(value, place)
    elif kind is int and len(value) > MOST_LAYERS:
        raise ConfigError(f"{place}: must have at most {MOST_LAYERS} entries, not {len(value)}.")


def _check_scalar(value: Any, kind: Any, place: str, limits: Mapping[str, Any]) -> None:
    fits = isinstance(value, int | float if kind in LARGEST else kind)
    if kind is int and isinstance(value, float):  # such as 1e3
        fits = value.is_integer()
    if not fits or (kind is not bool and isinstance(value, bool)) or value != value:
        raise ConfigError(f"{place}: must be {WORDS[kind]}, not {short(value)}.")
    if kind in LARGEST:
        _check_range(value, kind, place, limits)
    if limits.get("provided_by"):
        known = providers(limits["provided_by"])
        check_known(value, known, "module", place, f"synthgym.{limits['provided_by']}")
    among = limits.get("among")
    if isinstance(among, Mapping):
        among = sorted({word for words in among.values() for word in words})
    if among and value not in among:
        shown = value if value.isprintable() else short(value)
        raise ConfigError(f"{place}: must be one of {listed(among)}, not {shown}.")


def _check_range(value: Any, kind: Any, place: str, limits: Mapping[str, Any]) -> None:
    low, above, high, below = (limits.get(name) for name in ("low", "above", "high", "below"))
    if kind is float and abs(value) > LARGEST[float]:
        raise ConfigError(f"{place}: must be finite in 32 bits, not {short(value)}.")
    if kind is int and high is None:
        high = LARGEST[int]
    unit = f" {limits['unit']}" if limits.get("unit") else ""
    if low is not None and value < low:
        raise ConfigError(f"{place}: must be at least {low}{unit}, not {short(value)}.")
    if above is not None and ctypes.c_float(value).value <= above:  # as what computes sees it
        raise ConfigError(f"{place}: must be above {above}{unit}, not {value}.")
    if high is not None and value > high:
        raise ConfigError(f"{place}: must be at most {high:,}{unit}, not {short(value)}.")
    if below is not None and ctypes.c_float(value).value >= below:
        raise ConfigError(f"{place}: must be below {below}{unit}, not {value}.")


def _check_search(space: object, agent: str, name: str, place: str) -> None:
    """Refuse what is no space of a hyperparameter, within its range; null: it is not sampled."""
    known, file = definition("agent", agent)["hyperparameters"], f"conf/agent/{agent}.yaml"
    check_known(name, known, "hyperparameter", place, file)
    if space is None:
        return
    if not isinstance(space, dict) or len(space) != 1 or next(iter(space)) not in SEARCHES:
        kinds = listed(SEARCHES)
        raise ConfigError(f"{place}: must be null or one of {kinds}, not {short(space)}.")
    how, values = next(iter(space.items()))
    check(values, list[int] if how == "int" else list[float], f"{place}.{how}")
    if how == "choice":
        check_unique(values, f"{place}.choice")
    elif len(values) != 2 or not values[0] < values[1]:
        raise ConfigError(f"{place}.{how}: must be [low, high] with low < high, not {values}.")
    elif how == "log_uniform" and values[0] <= 0:
        raise ConfigError(f"{place}.{how}: must begin above 0, not at {values[0]}.")
    for value in values:
        check_hyperparameter(value, agent, name, f"{place}.{how}")
