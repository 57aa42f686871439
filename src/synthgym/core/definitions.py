"""YAML files: definitions in conf/ by name, and whatever else people write, read with care.

By the rules of YAML 1.2, in which 010 is ten, 10:00 is a text and `yes` a word.
"""

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from synthgym.core.settings import ConfigError, merged

PACKAGE = Path(__file__).parents[1]
CONF = PACKAGE / "conf"
LONGEST = 2**18  # bytes of a file; the longest here has some 20 thousand
MOST = 100_000  # values in it, those that are repeated by an anchor counted each time
DEEPEST = 50  # mappings and lists within each other
PLAIN = (dict, list, str, int, float, bool, type(None))


def read_yaml(path: Path | str) -> Any:
    """The value in a file.

    Raises FileNotFoundError, and ConfigError, in a sentence with the file's name, where it is no
    YAML, too large, or has what no setting can be.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LONGEST + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from None
    if len(content) > LONGEST:
        raise ConfigError(f"{path}: has more than the {LONGEST:,} bytes allowed.")
    try:
        value = YAML(typ="safe", pure=True).load(content.decode("utf-8-sig"))
        _check_plain(value, str(path))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: is not UTF-8; save it as such.") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = str(error.problem or error.context).strip().rstrip(".")
        raise ConfigError(f"{path}{where}: is not YAML: {problem}.") from None
    except (YAMLError, ValueError) as error:  # a character, or a number, that there is not
        if isinstance(error, ConfigError):
            raise
        problem = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(f"{path}: is not YAML: {problem}.") from None
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply to be read.") from None
    return value


def _check_plain(value: object, path: str) -> None:
    """Refuse what is no tree of a sane size, of words, finite numbers, true, false and null."""
    count = 0
    stack = [(value, 1)]  # a list, as recursion would end in an error of its own
    while stack:
        node, depth = stack.pop()
        count += 1
        if count > MOST or depth > DEEPEST:
            raise ConfigError(
                f"{path}: has more than {MOST:,} values, or {DEEPEST} within each other, as its "
                "anchors repeat them."
            )
        if type(node) not in PLAIN or (isinstance(node, float) and not math.isfinite(node)):
            what = node if isinstance(node, float) else type(node).__name__
            raise ConfigError(f"{path}: has a value that is no setting: {what}.")
        stack += [(inner, depth + 1) for inner in _inside(node)]


def _inside(node: object) -> Iterator[object]:
    if isinstance(node, dict):
        yield from node
        yield from node.values()
    elif isinstance(node, list):
        yield from node


@cache
def groups(kind: str) -> tuple[str, ...]:
    """The names of the files in conf/<kind>/, but for `_base`, which has what they share."""
    return tuple(sorted(path.stem for path in (CONF / kind).glob("[!_]*.yaml")))


@cache
def providers(package: str) -> tuple[str, ...]:
    """The modules of a package here that have a function `make`, by their whole names."""
    files = sorted((PACKAGE / package).glob("*.py"))
    return tuple(
        f"{PACKAGE.name}.{package}.{file.stem}"
        for file in files
        if "\ndef make(" in file.read_text("utf-8")
    )


@cache
def definition(kind: str, name: str) -> dict[str, Any]:
    """conf/<kind>/<name>.yaml over what it takes from others (`defaults`).

    Raises ConfigError where there is no such file; only names of files are looked for.
    """
    files = {path.stem: path for path in (CONF / kind).glob("*.yaml")}
    if name not in files:
        raise ConfigError(f"conf/{kind}: has no {name}.yaml.")
    values: dict[str, Any] = read_yaml(files[name])
    others = [other for other in values.pop("defaults", []) if other != "_self_"]
    whole: dict[str, Any] = {}
    for layer in (*(definition(kind, other) for other in others), values):
        whole = merged(whole, layer)
    return whole
