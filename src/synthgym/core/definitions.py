"""YAML files: definitions in conf/ by name, and whatever else people write, read with care.

By the rules of YAML 1.2, in which 010 is ten, 10:00 is a text and `yes` a word.
"""

import math
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from synthgym.core.settings import ConfigError, merged

PACKAGE = Path(__file__).parents[1]
CONF = PACKAGE / "conf"
LONGEST = 2**16  # bytes of a file; the longest here has some 20 thousand
MOST = 50_000  # values in it, those that are repeated by an anchor counted each time
DEEPEST = 50  # mappings and lists within each other
PLAIN = (dict, list, str, int, float, bool, type(None))


class SettingError(MarkedYAMLError):
    """What YAML allows, and no setting can be."""


class _Constructor(SafeConstructor):
    """Makes plain values, after a look at how many there will be."""

    def construct_document(self, node: Any) -> Any:
        _check_size(node)
        return super().construct_document(node)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        value = super().construct_object(node, deep)
        if type(value) not in PLAIN or (isinstance(value, float) and not math.isfinite(value)):
            what = value if isinstance(value, float) else f"a {type(value).__name__}"
            raise SettingError(problem=f"{what} is no setting", problem_mark=node.start_mark)
        return value


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
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _Constructor
    try:
        return reader.load(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: is not UTF-8; save it as such.") from None
    except MarkedYAMLError as error:
        mark, kind = error.problem_mark or error.context_mark, type(error)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        words = " ".join(filter(None, [error.context, error.problem])).strip().rstrip(".")
        what = words if kind is SettingError else f"is not YAML: {words}"
        raise ConfigError(f"{path}{where}: {what}.") from None
    except (YAMLError, ValueError) as error:  # a character, or a number, that there is not
        words = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(f"{path}: is not YAML: {words}.") from None
    except RecursionError:
        raise ConfigError(f"{path}: has more within each other than {DEEPEST} levels.") from None


def _check_size(root: Node) -> None:
    """Refuse more values than are sane, where those of an anchor count as often as it is named."""
    count = 0
    stack = [(root, 1)]  # a list, as recursion would end in an error of its own
    while stack:
        node, depth = stack.pop()
        count += 1
        if count > MOST:
            problem = f"has more than {MOST:,} values, as its anchors repeat them"
            raise SettingError(problem=problem)
        if depth > DEEPEST:
            problem = f"has more within each other than {DEEPEST} levels"
            raise SettingError(problem=problem, problem_mark=node.start_mark)
        inside = [] if isinstance(node, ScalarNode) else node.value
        if isinstance(node, MappingNode):
            inside = [one for pair in inside for one in pair]
        stack += [(one, depth + 1) for one in inside]


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
