"""Cost and fitness in the making of an environment: rows of progress.parquet, whatever made it."""

from typing import Any

import pandas as pd

PROGRESS = (
    *("stage", "generation", "agent"),
    *("fitness_mean", "fitness_std", "fitness_min", "fitness_max"),
    *("sigma_mean", "seconds", "synthetic_steps", "real_steps", "updates"),
)
EVALUATIONS = ("generation", "agent", "draw", "return_")


def row(
    stage: str, seconds: float, real_steps: int, updates: int, **more: object
) -> dict[str, Any]:
    """Row of a stage that has no generations: teacher or distil. Where it lacks a value: NaN."""
    blank = dict.fromkeys(PROGRESS, float("nan"))
    counts = {"generation": 0, "synthetic_steps": 0, "real_steps": real_steps, "updates": updates}
    return {**blank, "stage": stage, "agent": "", "seconds": seconds, **counts, **more}


def cost(rows: list[dict[str, Any]]) -> dict[str, int]:
    """The whole of it: what goes into the file of what was made.

    Not the seconds: the file of a run that was killed is that of one that was not, bit for bit.
    """
    counts = ("synthetic_steps", "real_steps", "updates")
    return {name: sum(int(row[name]) for row in rows) for name in counts}


def table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    """These columns, then the others by name: rows from a checkpoint have lost their order."""
    others = sorted({name for row in rows for name in row} - set(columns))
    return pd.DataFrame(rows, columns=[*columns, *others])
