"""Which job does a table belong to? Reads the tables of many jobs into one."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from synthgym.core.io import read_table

REAL = "real"  # the `environment` of agents trained in the real task itself


def read(name: str, paths: Iterable[Path]) -> pd.DataFrame:
    """All rows, by sorted path, with `task`, `environment` and `environment_seed` as columns.

    Where a table does not say what it belongs to, its path does. Raises ValueError, which calls
    the table by its `name`, if there is no row at all; only of evaluations there may be none, as
    environments that are distilled have no search to be evaluated, and of surfaces, which a task
    need not have.
    """
    tables = [_placed(read_table(path), path) for path in sorted(paths)]
    full = [table for table in tables if len(table)]
    if not full and not (tables and name in ("evaluations", "surface")):
        raise ValueError(f"There is no {name} table with anything in it.")
    return pd.concat(full, ignore_index=True) if full else tables[0]


def place(path: Path) -> tuple[str, str, int]:
    """Task, environment and meta-training seed of `tasks/<task>/<environment>/seed<n>/..`.

    The seed is -1 for `tasks/<task>/real/..`.
    """
    parts = path.parts
    if "tasks" not in parts[:-3]:
        raise ValueError(f"{path} is not below tasks/<task>/<environment>: it belongs to no job.")
    start = len(parts) - parts[::-1].index("tasks")
    task, environment, below = parts[start : start + 3]
    return task, environment, -1 if environment == REAL else int(below.removeprefix("seed"))


def _placed(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    names = ("task", "environment", "environment_seed")
    if set(names) <= set(table):
        return table
    for name, value in zip(names, place(path), strict=True):
        if name not in table:
            table[name] = value
    return table
