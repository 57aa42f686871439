"""Tables of many jobs in one, with columns that say which job a row is of; and tables as text."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from synthgym.core import arrays
from synthgym.core.io import read_table
from synthgym.stages import labels

PLACE = ("task", "environment", "environment_seed")
RETURN = "return_"  # column of returns
CONTEXTS, WORTH = "initial_state/table", "reward/table"  # in the file of a bandit of tables
DIVERGED: list[str] = []  # said of the tables that were read; the report takes them
REAL = "real"  # where agents are trained: in the real task itself


def identity(path: Path) -> dict[str, Any]:
    """Labels of the job that a file is from: family, experiment, arm (or REAL), seed, trial, ..."""
    found: dict[str, Any] = labels(str(path.parent))
    if not found:
        raise ValueError(f"{path} is in no directory of results: it belongs to no job.")
    if found["stage"] in ("baseline", "client_baseline", "rival"):
        found = {"arm": REAL, "environment": REAL, **found}
    if "seed" in found:
        found["seed"] = int(found["seed"])
    return found


def failed(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table of a file, after what it has of runs that diverged is noted in DIVERGED."""
    if RETURN in rows and (bad := ~np.isfinite(rows[RETURN].astype(float))).any():
        who = rows[bad][[name for name in ("agent", "draw") if name in rows]].drop_duplicates()
        each = (" ".join(f"{k} {v}" for k, v in one.items()) for one in who.to_dict("records"))
        DIVERGED.append(f"{path}: {len(who)} ({'; '.join(each)})")
    return rows


def as_worst(table: pd.DataFrame) -> pd.DataFrame:
    """Returns that are not finite, of runs that diverged, as the lowest in their task that is."""
    if RETURN not in table or (good := np.isfinite(table[RETURN].astype(float))).all():
        return table
    task = table["task"] if "task" in table else pd.Series(0, table.index)
    lowest = table[RETURN].where(good).groupby(task).transform("min").fillna(0.0)
    return table.assign(**{RETURN: table[RETURN].where(good, lowest)})


def read(paths: Iterable[Path], *columns: str, **renamed: str) -> pd.DataFrame:
    """All rows of tables, by sorted path; empty if there is none.

    columns: labels of the job that are added, or column=label; one that a table has stays.
    """
    renamed |= {name: name for name in columns}
    tables = []
    for path in sorted(paths):
        rows, about = read_table(path), identity(path)
        missing = {
            column: about[label]
            for column, label in renamed.items()
            if label in about and column not in rows
        }
        tables.append(failed(rows, path).assign(**missing))
    return as_worst(pd.concat(tables, ignore_index=True)) if tables else pd.DataFrame()


def read_all(
    inputs: Mapping[str, Iterable[Path]], kinds: Iterable[str], *columns: str, **renamed: str
) -> pd.DataFrame:
    """All rows of several kinds of inputs, as `read` has them."""
    return read(chain.from_iterable(inputs.get(kind, ()) for kind in kinds), *columns, **renamed)


def bandit_tables(paths: Iterable[Path]) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """{experiment: {arm: contexts, and what is paid there}}: bandits of tables, the first of each.

    Other environments are left out.
    """
    found: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    for path in sorted(paths, reverse=True):
        (values, _), about = arrays.read(path), identity(path)
        if {CONTEXTS, WORTH} <= values.keys():
            of_one = found.setdefault(about["experiment"], {})
            of_one[about["arm"]] = values[CONTEXTS], values[WORTH]
    return found


def read_runs(name: str, paths: Iterable[Path]) -> pd.DataFrame:
    """All rows, by sorted path, with `task`, `environment` and `environment_seed` as columns.

    Where a table does not say what it belongs to, its path does. Raises ValueError, which calls
    the table by its `name`, if there is no row at all; only of evaluations there may be none, as
    environments that are distilled have no search to be evaluated, and of surfaces, which a task
    need not have.
    """
    tables = []
    for path in sorted(paths):
        rows = read_table(path)
        if not set(PLACE) <= set(rows):
            about = zip(PLACE, place(path), strict=True)
            rows = rows.assign(**{name: value for name, value in about if name not in rows})
        tables.append(failed(rows, path))
    full = [table for table in tables if len(table)]
    if not full and not (tables and name in ("evaluations", "surface")):
        raise ValueError(f"There is no {name} table with anything in it.")
    return as_worst(pd.concat(full, ignore_index=True)) if full else tables[0]


def place(path: Path) -> tuple[str, str, int]:
    """Task, environment and meta-training seed of a file in tasks/<task>/<environment>/seed<n>/..

    The seed is -1 in tasks/<task>/real/..
    """
    about = identity(path)
    task = about.get("experiment") or about["task"]
    environment = about.get("arm") or about.get("environment") or about["stage"]
    return task, environment, -1 if environment == REAL else about["seed"]


def table(rows: Sequence[Any], headers: Any = "keys") -> str:
    """A Markdown table; numbers are shown as they are given."""
    return tabulate(rows, headers=headers, tablefmt="pipe", disable_numparse=True)
