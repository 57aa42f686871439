"""Does a synthetic environment put settings of agents into the order in which the task does?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from synthgym.analysis.core import statistics
from synthgym.analysis.core.estimate import COUNT, Numbers, estimate, number, written

TOP = 5  # settings that one would try in the task after ranking all in an environment
ABOUT = (
    "Settings of hyperparameters and shapes, by the mean return in the task of agents that have "
    "them, trained in an environment and in the task. Spearman, Kendall: agreement of the two "
    "orders. Kendall in the task: agreement of the orders by two halves of the agents that were "
    "trained there, so about the most that is possible. Regret: what the setting that is best in "
    f"an environment loses in the task against the best one there; of the best {TOP}: what is lost "
    "if that many are tried in the task; of chance: by any setting. Intervals resample "
    "environments and settings."
)


def finished(curves: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Columns *keys, setting, half, return_, step: a row for each finished agent.

    Settings are numbers, the same everywhere: agents of one have the same hyperparameters and
    shape. Half: every other agent of a setting. One that diverged is as bad as the worst of all.
    """
    keys = list(keys)
    rows = curves.sort_values("step", kind="stable").groupby([*keys, "draw"]).last().reset_index()
    # Without the hyperparameters that only agents of other trials have.
    drawn = rows.filter(regex="^hp_").dropna(axis=1, how="all").round(9)
    settings = drawn.apply(tuple, axis=1)
    rows = rows.assign(
        setting=settings.map({s: i for i, s in enumerate(dict.fromkeys(settings))}),
        return_=rows["return_"].fillna(curves["return_"].min()),
    )
    rows["half"] = rows.groupby([*keys, "setting"]).cumcount() % 2
    return rows[[*keys, "setting", "half", "return_", "step"]]


def agreement(synthetic: pd.DataFrame, real: pd.DataFrame) -> Numbers:
    """How well the order of settings in environments agrees with that in the task.

    synthetic, real: rows of `finished`, those in environments with environment_seed. Intervals
    resample environments, and settings alike for all.

    spearman, kendall (tau-b): means over environments, each with the settings' returns there.
    halves: Kendall's tau of two halves of the agents in the task, where there are two: with so many
    agents no order could be told better. regret: what the setting that is best in the environment
    loses in the task against the best one there; regret_of_top: what the best in the task of the
    TOP settings loses; regret_of_chance: any setting. steps: of all agents with one environment;
    real_steps: of those in the task.
    """
    by_setting = synthetic.groupby(["environment_seed", "setting"])["return_"].mean().unstack()
    in_task = real.groupby("setting")["return_"].mean()[by_setting.columns].to_numpy()
    returns = by_setting.to_numpy()
    environments, settings = returns.shape
    generator = np.random.default_rng(statistics.SEED)
    size = (environments, settings)
    drawn = [[generator.integers(n, size=n) for n in size] for _ in range(statistics.NESTED)]

    def estimated(of: Callable[[np.ndarray, np.ndarray], float]) -> Numbers:
        samples = [of(returns[rows][:, columns], in_task[columns]) for rows, columns in drawn]
        return estimate(of(returns, in_task), np.array(samples))

    halves = real.pivot_table("return_", "setting", "half")
    return {
        "settings": settings,
        "environments": environments,
        "spearman": estimated(spearman),
        "kendall": estimated(kendall),
        "halves": kendall(halves[[0]].to_numpy().T, halves[1].to_numpy()) if 1 in halves else None,
        "regret": estimated(regret),
        "regret_of_top": estimated(lambda x, y: regret(x, y, TOP)),
        "regret_of_chance": float((in_task.max() - in_task).mean()),
        "steps": int(synthetic["step"].sum() / environments),
        "real_steps": int(real["step"].sum()),
    }


def columns(arm: str, n: Mapping[str, Any]) -> dict[str, str]:
    """A row of a table."""
    return {
        "arm": f"`{arm}`",
        "environments": str(n["environments"]),
        "settings": str(n["settings"]),
        "Spearman": written(n["spearman"], ",.2f"),
        "Kendall": written(n["kendall"], ",.2f"),
        "Kendall in the task": number(n["halves"], ",.2f", ""),
        "regret": written(n["regret"], ",.1f"),
        f"of the best {TOP}": written(n["regret_of_top"], ",.1f"),
        "of chance": number(n["regret_of_chance"], ",.1f"),
        "synthetic steps": number(n["steps"], COUNT),
        "real steps in the task": number(n["real_steps"], COUNT),
    }


def spearman(returns: np.ndarray, real: np.ndarray) -> float:
    """Mean over rows; one whose values are all the same agrees by no means."""
    if np.ptp(real) == 0:
        return 0.0
    in_task, ranks = stats.rankdata(real), stats.rankdata(returns, axis=1)
    each = [np.corrcoef(in_task, row)[0, 1] if np.ptp(row) > 0 else 0.0 for row in ranks]
    return float(np.mean(each))


def kendall(returns: np.ndarray, real: np.ndarray) -> float:
    """Kendall's tau-b, mean over rows; one whose values are all the same agrees by no means."""

    def signs(values: np.ndarray) -> np.ndarray:
        return np.sign(values[..., :, None] - values[..., None, :])

    one, other = signs(returns), signs(real)
    sizes = (one**2).sum((1, 2)) * (other**2).sum()
    sums = (one * other).sum((1, 2))
    return float(np.mean(sums / np.sqrt(np.where(sizes > 0, sizes, 1))))


def regret(returns: np.ndarray, real: np.ndarray, top: int = 1) -> float:
    """What the best in the task of the `top` settings of a row loses there; mean over rows."""
    chosen = np.argsort(-returns, axis=1, kind="stable")[:, :top]
    return float((real.max() - real[chosen].max(1)).mean())
