"""What code is behind a stage? Its module, and every module of this package that it imports.

Comments, docstrings and blank lines do not count, nor does the package's own `__init__.py`: it
tells other libraries of the trained environments, and no stage depends on that.
"""

import ast
import hashlib
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from synthgym.core.io import write_json
from synthgym.jobs import kept

SRC = Path(__file__).parents[2]
PACKAGE = "synthgym"
FLOOR = tuple(f"core.{name}" for name in ("settings", "definitions", "checking", "job", "display"))
# Plumbing: what it decides is in the manifest anyway, or is only shown.
NEUTRAL = tuple(f"{PACKAGE}.{name}" for name in ("__main__", "plan", "jobs", *FLOOR))

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
    seen: set[str] = set()
    todo = [module for module in modules if module_file(module)]
    while todo:
        name = todo.pop()
        if name and name not in seen and not neutral(name):
            seen.add(name)
            todo += imports(name)
    return _digest("\0".join(f"{name}\0{read(name).digest}" for name in sorted(seen)))[:16]


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
    text = path.read_text()
    known = _remembered().get(name)
    if isinstance(known, list) and len(known) == 3 and known[0] == _digest(text):
        return Module(*known)
    tree = ast.parse(text, path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    names = {name.rpartition(".")[0], *_imported(tree, package)}
    names = {found for found in names if found.split(".")[0] == PACKAGE}
    module = Module(_digest(text), _digest(_code(text, tree)), sorted(names))
    _remembered()[name] = module
    return module


def remember() -> None:
    """Keep what was read for the next process, where the workflow has its directory."""
    if REMEMBERED.parent.is_dir() and _remembered() != kept.mapping(REMEMBERED):
        write_json(REMEMBERED, _remembered())


@cache
def _remembered() -> dict[str, Sequence[Any]]:
    return kept.mapping(REMEMBERED)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Dotted names that may be modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join(parts[: len(parts) - node.level + 1] + ([base] if base else []))
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))


def _code(text: str, tree: ast.Module) -> str:
    """The lines that matter; found by position, so the same for every version of Python."""
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
    return "\n".join(
        line
        for number, line in enumerate(lines)
        if number not in docstrings
        and (line.strip() or number in strings)
        and not re.match("__version__ *=", line)
    )


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
