"""What code is behind a stage? Its module, and every module of this package that it imports.

Comments, docstrings and blank lines do not count, nor does the package's own `__init__.py`: it
tells other libraries of the trained environments, and no stage depends on that.
"""

import ast
import hashlib
import io
import json
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from synthgym.core.io import sha256
from synthgym.jobs import kept

SRC = Path(__file__).parents[2]
PACKAGE = "synthgym"
FLOOR = tuple(f"core.{name}" for name in ("settings", "definitions", "checking", "job", "display"))
# Plumbing: what it decides is in the manifest anyway, or is only shown.
NEUTRAL = tuple(f"{PACKAGE}.{name}" for name in ("__main__", "plan", "jobs", *FLOOR))
# Of these, what method code takes decides results all the same, so it counts apart (`plumbing`).
DECIDING = tuple(f"{PACKAGE}.core.{name}" for name in ("settings", "definitions", "job"))

REMEMBERED = Path("work/modules.json")  # to read a hundred modules takes a second


class Module(NamedTuple):
    """What a fingerprint takes of a module."""

    text: str  # SHA-256 of the whole file
    digest: str  # SHA-256 of the lines that count
    names: Sequence[str]  # dotted names that it imports, modules of this package or what is in them


def neutral(name: str) -> bool:
    """Whether a module, or the package that it is in, does not count."""
    return any(name == known or name.startswith(f"{known}.") for known in NEUTRAL)


def module_file(name: str) -> Path | None:
    """The file of a module; None if there is no such module."""
    base = SRC.joinpath(*name.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.exists()), None)


@cache
def fingerprint(*modules: str) -> str:
    """16 hex digits for these modules and all that they import, also inside functions."""
    digests = (f"{name}\0{read(name).digest}" for name in sorted(reached(*modules)))
    return _digest("\0".join(digests))[:16]


@cache
def plumbing(*modules: str) -> str:
    """16 hex digits for what these modules and all that they import take of what is neutral.

    Of modules that decide something, definition by definition, with what those need; of settings,
    neither meaning nor range. What else lies in the folders of packages, such as published values
    and templates, counts too. A name with a colon, `module:definition`, stands for itself.
    """
    todo = [name for name in modules if ":" in name]
    every = reached(*(name for name in modules if ":" not in name))
    todo += [taken for name in every for taken in map(_as_definition, read(name).names) if taken]
    counted: dict[str, str] = {}
    while todo:
        if (name := todo.pop()) not in counted:
            module, _, what = name.partition(":")
            counted[name], needs = _definitions(module)[what]
            todo += needs
    data = {str(path.relative_to(SRC)): sha256(path) for name in every for path in _data(name)}
    return _digest(json.dumps([counted, data], sort_keys=True))[:16]


def reached(*modules: str) -> set[str]:
    """These modules and all that they import, but for those that are neutral."""
    seen: set[str] = set()
    todo = [module for module in modules if module_file(module)]
    while todo:
        name = todo.pop()
        if name and name not in seen and not neutral(name):
            seen.add(name)
            todo += imports(name)
    return seen


@cache
def imports(name: str) -> frozenset[str]:
    """The modules of this package that a module imports, and the packages that hold it."""
    return frozenset(found for found in read(name).names if module_file(found))


@cache
def read(name: str) -> Module:
    """What counts of a module; nothing of this package's own `__init__.py`."""
    if name == PACKAGE:
        return Module("", "", [])
    path = module_file(name)
    assert path, name
    text = path.read_text("utf-8")
    known = _remembered().get(name)
    if known and known[0] == _digest(text):
        return Module(*known)
    tree = ast.parse(text, path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    names = {name.rpartition(".")[0], *_names(tree, _imported(tree, package))}
    names = {found for found in names if found.split(".")[0] == PACKAGE}
    code = "\n".join(line for _, line in _code(text, tree))
    module = Module(_digest(text), _digest(code), sorted(names))
    _remembered()[name] = module
    return module


def remember() -> None:
    """Keep what was read for the next process, where the workflow has its directory."""
    if REMEMBERED.parent.is_dir() and _remembered() != kept.remembered(REMEMBERED):
        kept.cache(REMEMBERED, _remembered())


@cache
def _remembered() -> dict[str, Sequence[Any]]:
    return kept.remembered(REMEMBERED)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _imported(tree: ast.Module, package: str) -> dict[str, str]:
    """Local name -> dotted name of what may be a module, or something in one."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join(parts[: len(parts) - node.level + 1] + ([base] if base else []))
            known |= {alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names}
    return known


def _names(tree: ast.AST, known: Mapping[str, str]) -> set[str]:
    """Dotted names of what is imported, and of what is taken of it: `settings.Agent`."""
    modules = {name.rpartition(".")[0] for name in known.values()}
    return {*modules, *known.values()} | {
        f"{known[node.value.id]}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in known
    }


def _as_definition(name: str) -> str | None:
    """`module:definition` of a dotted name, if it is one that decides results."""
    module, _, what = name.rpartition(".")
    return f"{module}:{what}" if module in DECIDING and what in _definitions(module) else None


@cache
def _definitions(module: str) -> dict[str, tuple[str, list[str]]]:
    """Name -> its lines that count, and the definitions that it needs, as `module:definition`."""
    path = module_file(module)
    assert path, module
    text = path.read_text("utf-8")
    tree = ast.parse(text, path)
    lines, known = dict(_code(text, tree)), _imported(tree, module.rpartition(".")[0])
    nodes = {name: node for node in tree.body for name in _defined(node)}
    found = {}
    for name, node in nodes.items():
        section = node.body if isinstance(node, ast.ClassDef) else []
        rows = {  # of settings: what they are is in each configuration
            number
            for row in section
            if isinstance(row, ast.AnnAssign)
            for number in range(row.lineno, (row.end_lineno or 0) + 1)
        }
        own = set(range(node.lineno, (node.end_lineno or 0) + 1)) - rows
        used = {x.id for x in ast.walk(node) if isinstance(x, ast.Name) and x.lineno in own}
        needs = [f"{module}:{other}" for other in sorted(used & nodes.keys() - {name})]
        needs += filter(
            None, (_as_definition(known[other]) for other in sorted(used & known.keys()))
        )
        found[name] = "\n".join(lines[n] for n in sorted(own & lines.keys())), needs
    return found


def _defined(node: ast.stmt) -> list[str]:
    """Names that a statement at the top of a module defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _data(module: str) -> list[Path]:
    """What lies in the folder of a package besides modules."""
    path = module_file(module)
    if module == PACKAGE or not path or path.name != "__init__.py":
        return []
    inside = (p for p in path.parent.iterdir() if p.is_file() and p.suffix not in (".py", ".pyc"))
    return [p for p in inside if not p.name.startswith(".")]


def _code(text: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The lines that matter, by number; by position, so the same for every version of Python."""
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    docstrings: set[int] = set()
    strings: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstrings |= _docstring(node, lines)
        elif isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno:
            strings |= set(range(node.lineno, node.end_lineno))  # blank lines within a string count
    for number, line in enumerate(lines):
        counts = number not in docstrings and (line.strip() or number in strings)
        if counts and not re.match("__version__ *=", line):
            yield number + 1, line


def _docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]
) -> set[int]:
    """The lines of a docstring that has lines of its own."""
    if ast.get_docstring(node, clean=False) is None:
        return set()
    first, second = [*node.body, None][:2]
    assert first
    assert first.end_lineno
    alone = not lines[first.lineno - 1][: first.col_offset].strip()
    alone &= second is None or second.lineno > first.end_lineno
    return set(range(first.lineno - 1, first.end_lineno)) if alone else set()
