"""Evaluations of training runs that count: the last, the one at equal steps, the first solved.

`curves` holds one row per evaluation of a run: environment, environment_seed, agent, draw, step,
episode, return_ (mean over test episodes on the real task).
"""

from collections.abc import Iterator

import pandas as pd

from synthgym.analysis.core.tables import REAL

RUN = ["environment", "environment_seed", "agent", "draw"]  # what names one training run
METATRAIN = "metatrain"  # the stage in progress.parquet that evolves
STAGES = {METATRAIN: "evolved", "distil": "distilled", "grade": "graded"}  # stage -> way
VARIANTS = (
    *("evolved", "distilled", "distilled+evolved"),
    *("graded", "distilled+graded", "evolved+graded"),
)
CHOSEN = (METATRAIN, "grade")  # stages that get better step by step, with agents
MODEL = "model"  # a way, too: what happens in the task is predicted, step by step


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


def latest(rows: pd.DataFrame, generation: int) -> pd.DataFrame:
    """Of each seed, the rows of its last generation until this one.

    So a search that has ended counts as it ended, and a mean over seeds is of all of them.
    """
    until = rows[rows["generation"] <= generation]
    last = until.groupby("environment_seed")["generation"].transform("max")
    return until[until["generation"] == last]


def meta_agents(progress: pd.DataFrame) -> dict[str, list[str]]:
    """The agents by which each environment was chosen: in meta-training, or to judge a grading."""
    return {
        name: sorted(set("+".join(rows["agent"][rows["stage"].isin(CHOSEN)]).split("+")) - {""})
        for (name,), rows in by(progress, "environment")
    }


def made(progress: pd.DataFrame, column: str = "environment") -> dict[str, str]:
    """The way in which each environment was made, of VARIANTS."""
    stages = {name: dict.fromkeys(rows["stage"]) for (name,), rows in by(progress, column)}
    return {
        name: "+".join(STAGES[stage] for stage in done if stage in STAGES)
        for name, done in stages.items()
    }


def bandits(curves: pd.DataFrame) -> list[str]:
    """Environments whose episodes are all of one step."""
    one = (curves["episode"] == curves["step"]).groupby(curves["environment"]).all()
    return [name for name in map(str, one.index[one]) if name != REAL]


def ways(progress: pd.DataFrame, curves: pd.DataFrame) -> dict[str, str]:
    """The way in which each environment was made: as `made`, but MODEL where no bandit is."""
    one_step = bandits(curves)
    return {
        name: MODEL if way == STAGES["distil"] and name not in one_step else way
        for name, way in made(progress).items()
    }
