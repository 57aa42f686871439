"""docs/configuration.md: every setting with meaning, range and unit, from the schema."""

from collections.abc import Iterable
from itertools import groupby

from tabulate import tabulate

from synthgym.core.settings import Hyperparameters, Transforms
from synthgym.plan.schema import (
    Claim,
    Common,
    Config,
    Experiment,
    Objectives,
    Params,
    Scale,
    Tuning,
    described,
)

EXPERIMENTS = (
    ("An experiment", "Each file of `conf/experiment/`; `budgets`: name -> what differs.", Common),
    ("Arms and trials", "With a place in comparisons/, mdps/ or rewards/.", Experiment),
    ("Objectives", "With the place `objectives`.", Objectives),
    ("Transforms", "With a place in transforms/.", Transforms),
    ("A search", "With a place in search/.", Hyperparameters),
    ("Tuning", "`tune` of a way of training without an environment.", Tuning),
    ("A claim", "Each entry of `claims`.", Claim),
)
COLUMNS = ["setting", "type", "meaning", "range and unit"]
INTRODUCTION = """# Settings

Written by `synthgym settings --markdown` from `src/synthgym/core/settings.py` and
`src/synthgym/plan/schema.py`; a test holds them together.

Defaults are in `src/synthgym/conf/`. A plan (`params.yaml`) changes them: for a scale under
`common`, for one of its tasks under `tasks`, for one of its environments under `environments`; and
for one job by hand, on the command line, as `section.name=value`. Later ones win. `<name>` stands
for a name that the plan chooses."""


def markdown() -> str:
    """The document."""
    parts = [
        INTRODUCTION,
        _section("The plan", "`params.yaml` as a whole.", described(Params)),
        _section("A scale", "Each entry of `scales`.", described(Scale)),
    ]
    for title, text, kind in EXPERIMENTS:
        parts.append(_section(title, text, described(kind)))
    for name, rows in groupby(described(Config), key=lambda row: row[0].split(".")[0]):
        parts.append(_section(f"`{name}`", "", rows))
    return "\n\n".join(parts) + "\n"


def _section(title: str, text: str, rows: Iterable[tuple[str, str, str, str]]) -> str:
    cells = [[f"`{name}`", *(_cell(text) for text in others)] for name, *others in rows]
    table = tabulate(cells, COLUMNS, tablefmt="pipe", disable_numparse=True)
    return "\n\n".join(filter(None, [f"## {title}", text, table]))


def _cell(text: str) -> str:
    """What does not end a cell of the table, and is no HTML."""
    return text.replace("|", "\\|").replace("<", "\\<")
