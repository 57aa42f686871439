"""Evaluations of training runs that count: the last, the one at equal steps, the first solved.

`curves` holds one row per evaluation of a run: environment, environment_seed, agent, draw, step,
episode, return_ (mean over test episodes on the real task).
"""

from collections.abc import Iterator

import pandas as pd

from synthgym.analysis.core.tables import REAL

RUN = ["environment", "environment_seed", "agent", "draw"]  # what names one training run
DISTIL, METATRAIN = "distil", "metatrain"  # stages in progress.parquet
VARIANTS = {  # (has DISTIL, has METATRAIN)
    (False, True): "evolved",
    (True, False): "distilled",
    (True, True): "distilled+evolved",
}


def by(table: pd.DataFrame, *columns: str) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """The rows of each combination of names in `columns`, sorted."""
    for key, rows in table.groupby(list(columns)):
        yield tuple(map(str, key)), rows


def finished(curves: pd.DataFrame) -> pd.DataFrame:
    """The last evaluation of each run."""
    return curves.loc[curves.groupby(RUN)["step"].idxmax()]


def at_equal_steps(curves: pd.DataFrame) -> pd.DataFrame:
    """Runs in the real task, after as many steps as their agent has in a synthetic environment.

    That is the first evaluation at or after the longest synthetic run, or the last one if the
    run in the real task is shorter. Agents without a synthetic run are left out.
    """
    real = curves["environment"] == REAL
    steps = curves[~real].groupby("agent")["step"].max()
    rows = curves[real & curves["agent"].isin(steps.index)]
    if rows.empty:
        return rows
    last = rows.groupby(RUN)["step"].transform("max")
    reached = rows[(rows["step"] >= rows["agent"].map(steps)) | (rows["step"] == last)]
    return reached.loc[reached.groupby(RUN)["step"].idxmin()]


def level(solved: float | None) -> float:
    """The return at which a task counts as solved: out of reach where there is none."""
    return float("inf") if solved is None else solved


def first_solved(curves: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """The first evaluation with `return_` >= `threshold` of each run that ever has it."""
    solved = curves[curves["return_"] >= threshold]
    return solved.loc[solved.groupby(RUN)["step"].idxmin()]


def meta_agents(progress: pd.DataFrame) -> dict[str, list[str]]:
    """The agents really used in the meta-training of each environment, if there was one."""
    return {
        name: sorted(set("+".join(rows["agent"][rows["stage"] == METATRAIN]).split("+")) - {""})
        for (name,), rows in by(progress, "environment")
    }


def made(progress: pd.DataFrame) -> dict[str, str]:
    """The way in which each environment was made, of VARIANTS."""
    stages = {name: set(rows["stage"]) for (name,), rows in by(progress, "environment")}
    return {name: VARIANTS[DISTIL in done, METATRAIN in done] for name, done in stages.items()}
