"""Steps for the same return: learning curves in an environment and in the task.

As in Liesen et al. 2024, who show it for hopper; intervals resample environment seeds, and agents
within each.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from synthgym.analysis import runs
from synthgym.analysis.core.estimate import NEVER, Numbers, estimate
from synthgym.analysis.core.statistics import CURVES, bounds, hierarchical, interquartile_mean
from synthgym.analysis.learning import first_at, matrix

TUNED = "tuned"  # where agents are trained: in the task, with settings tuned for it


@dataclass(frozen=True)
class Line:
    """A learning curve: interquartile means of returns on the task, by steps of training."""

    steps: np.ndarray  # (T,)
    iqm: np.ndarray  # (T,)
    samples: np.ndarray  # (CURVES, T)
    agents: int

    @property
    def band(self) -> tuple[np.ndarray, np.ndarray]:
        return bounds(self.samples)


def line(rows: pd.DataFrame, generator: np.random.Generator) -> Line:
    """The learning curve of agents of one algorithm in one place.

    Evaluations are counted, not steps: agents that stopped early stay where they are. Raises
    ValueError where agents were not tested equally often.
    """
    rows = rows.sort_values("step")
    tests = rows.groupby(runs.RUN).cumcount()
    _, returns, sizes = matrix(
        rows.assign(step=tests).astype({"return_": float}), "unequally often"
    )
    chosen = hierarchical((len(sizes), 1, sizes[0]), generator, CURVES).reshape(CURVES, -1)
    steps = rows["step"].groupby(tests).median().to_numpy()
    iqm, samples = interquartile_mean(returns, axis=0), interquartile_mean(returns[chosen], axis=1)
    return Line(steps, np.asarray(iqm), np.asarray(samples), len(returns))


def ratio(synthetic: Line, real: Line) -> Numbers:
    """Ratio of the steps that agents need in the task to those in the environment, at equal return.

    The return is what agents trained in the environment have in the end; steps in it are those
    until they first have it. {value, low, high, bound, sure_low, steps, real_steps}: `bound` is `≥`
    where agents in the task do not get there as long as they are trained (then that long is meant),
    `≤` where they are there when they are first tested. `high` is None where it has no bound.
    `sure_low`: the lower bound if agents that do not get there never do, None where it is that.
    """
    last = float(real.steps[-1])

    def steps(iqm: np.ndarray, reals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        aim = iqm[..., -1:]
        return first_at(synthetic.steps, iqm, aim), first_at(real.steps, reals, aim)

    in_environment, in_task = (float(x) for x in steps(synthetic.iqm, real.iqm))
    in_environments, in_tasks = steps(synthetic.samples, real.samples)
    value = min(in_task, last) / in_environment
    # Where it is not known how long it takes, low is that of the least that it can take.
    least = estimate(value, np.minimum(in_tasks, last) / in_environments)
    known = estimate(value, in_tasks / in_environments)
    return {
        **least,
        "high": known["high"],
        "bound": "≥" if in_task == NEVER else "≤" if in_task == real.steps[0] else "",
        "sure_low": known["low"],
        "steps": in_environment,
        "real_steps": min(in_task, last),
    }
