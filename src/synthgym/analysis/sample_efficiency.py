"""What does an environment save beside agents that learn in the task itself from few steps?

Those are our own, tuned for the task, and those of another library; all learn from nothing.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from synthgym.analysis import runs
from synthgym.analysis.core.estimate import COUNT, Numbers, number, times
from synthgym.analysis.core.statistics import Estimate, estimate, interquartile_mean
from synthgym.analysis.core.tables import REAL, read, table

HUNDRED = 100  # agents that share an environment
TUNED = "best of the tuned"
Course = Mapping[float, Estimate]  # step -> return


def learners(experts: Iterable[Path], rivals: Iterable[Path]) -> dict[str, Course]:
    """Who learns in the task -> course: the best of the tuned agents, and each of the rivals."""
    tuned, others = read(experts), read(rivals, rival="client")
    found: dict[str, Course] = {}
    if len(tuned):
        found[TUNED] = records([course(rows) for _, rows in runs.by(tuned, "agent")])
    if len(others):
        found |= {f"{name} of SB3": course(rows) for (name,), rows in runs.by(others, "rival")}
    return found


def records(courses: Iterable[Course]) -> Course:
    """The tests that are better than all tests after fewer steps, whichever agent's they are."""
    tests = [test for one in courses for test in one.items()]
    found: dict[float, Estimate] = {}
    for step, e in sorted(tests, key=lambda test: (test[0], -test[1].iqm)):
        if all(e.iqm > other.iqm for other in found.values()):
            found[step] = e
    return found


def course(curves: pd.DataFrame) -> dict[float, Estimate]:
    """Step -> return of all agents then; of their n-th tests, which may be at other steps."""
    rows = curves.sort_values("step")
    numbered = rows.groupby(rows.groupby(runs.RUN).cumcount())
    return {float(test["step"].mean()): estimate(test["return_"]) for _, test in numbered}


def compared(
    curves: pd.DataFrame, steps: Mapping[str, float], others: Mapping[str, Course]
) -> Numbers:
    """Compare each environment with each learner: {environment: {learner: numbers}}.

    `steps`: in the task until a test with an interquartile mean as high as that of all agents of
    the environment; None if there is none (`longest`: the last test, `best`: the highest mean).
    `agents`: the steps of the environment's making over these, so many have to share it.
    """
    ends = runs.finished(curves)
    found: Numbers = {}
    for (name,), rows in runs.by(ends[ends["environment"] != REAL], "environment"):
        aim = float(interquartile_mean(rows["return_"].to_numpy()))
        for learner, tests in others.items():
            enough = [step for step, e in tests.items() if e.iqm >= aim]
            first = min(enough, default=None)
            found.setdefault(name, {})[learner] = {
                "return": aim,
                "making": steps[name],
                "steps": first,
                "longest": max(tests),
                "best": max(e.iqm for e in tests.values()),
                "agents": steps[name] / first if first else None,
            }
    return found


def shown(summary: Mapping[str, Any], task: str) -> str:
    """A row for each environment and learner, after a sentence; nothing where there are none."""
    rows = [
        {
            "environment": f"`{name}`",
            "real steps of its making": number(n["making"], COUNT),
            "return of its agents": f"{n['return']:,.1f}",
            "in the task": learner,
            "real steps until as good": number(n["steps"], COUNT)
            if n["steps"]
            else f"not within {number(n['longest'], COUNT)} (best {n['best']:,.1f})",
            "one agent: steps, times as many": times(n["agents"]) if n["steps"] else "",
            "a hundred: times fewer": times(HUNDRED / n["agents"]) if n["steps"] else "",
        }
        for name, by_learner in sorted(summary["sample_efficiency"][task].items())
        for learner, n in by_learner.items()
    ]
    sentence = (
        f"Scale `{summary['about']['scale']}`: agents that need few steps, in the task itself: the "
        "best of ours that are tuned for it, after each number of steps whichever it is then, and "
        "those of Stable-Baselines3 (SB3) with the settings of conf/task/. Steps until their "
        "interquartile "
        "mean is as high as that of all agents trained in the environment (points, without "
        "intervals). For one agent the making of an environment takes so many times their steps; "
        "for a hundred agents, which all train in one environment, so many times fewer."
    )
    return f"{sentence}\n\n{table(rows)}" if rows else ""
