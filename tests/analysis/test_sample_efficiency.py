"""What environments save beside agents that need few steps in the task itself."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from synthgym.analysis import runs, sample_efficiency

COLUMNS = [*runs.RUN, "step", "return_"]


def table(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


def learner(agent: str, **returns: tuple[float, ...]) -> pd.DataFrame:
    """Curves of two agents with these returns at `at_<step>`."""
    return table(
        *(
            ("real", -1, agent, draw, int(step.removeprefix("at_")), value)
            for step, values in returns.items()
            for draw, value in enumerate(values)
        )
    )


ENVIRONMENTS = table(
    *(("good", seed, "ppo", draw, 10_000, 80.0) for seed in (0, 1) for draw in (0, 1)),
    *(("good", 0, "ppo", draw, 100, 1.0) for draw in (0, 1)),  # not yet finished
    *(("poor", 0, agent, 0, 10_000, 10.0) for agent in ("ppo", "dqn")),
    ("real", -1, "ppo", 0, 10_000, 99.0),
)


def test_steps_are_counted_until_agents_are_as_good_as_those_of_the_environment() -> None:
    fast = learner("sac", at_500=(0, 20), at_1000=(70, 80), at_2000=(80, 90), at_3000=(0, 0))
    slow = learner("dqn", at_500=(0, 0), at_4000=(70, 72))
    courses = {
        name: sample_efficiency.course(rows)
        for name, rows in {"tuned sac": fast, "dqn of SB3": slow}.items()
    }
    found = sample_efficiency.compared(ENVIRONMENTS, {"good": 50_000, "poor": 700}, courses)
    assert found["good"]["tuned sac"] == {
        "return": 80,
        "making": 50_000,
        "steps": 2000,
        "longest": 3000,
        "best": 85,
        "agents": 25,
    }
    assert found["poor"]["tuned sac"].items() >= {"steps": 500, "agents": 1.4}.items()
    never = found["good"]["dqn of SB3"]
    assert (never["steps"], never["agents"], never["longest"], never["best"]) == (
        *(None, None, 4000, 71),
    )
    assert "real" not in found
    summary = {"about": {"scale": "quick"}, "sample_efficiency": {"cartpole": found, "other": {}}}
    text = " ".join(sample_efficiency.shown(summary, "cartpole").split())
    assert "| `good` | 50,000 | 80.0 | tuned sac | 2,000 | 25 | 4 |" in text
    assert "| `good` | 50,000 | 80.0 | dqn of SB3 | not within 4,000 (best 71.0) | | |" in text
    assert sample_efficiency.shown(summary, "other") == ""


def test_tests_that_come_late_by_a_batch_count_together() -> None:
    late = table(*(("real", -1, "dqn", d, step + d, 1.0) for d in (0, 2) for step in (10, 20)))
    assert list(sample_efficiency.course(late)) == [11, 21]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, list[Path]]:
    def file(place: str, curves: pd.DataFrame) -> Path:
        path = tmp_path / "results/smoke" / place / "curves.parquet"
        path.parent.mkdir(parents=True)
        curves.to_parquet(path)
        return path

    soon = learner("ppo", at_100=(50, 50), at_200=(60, 60))
    later = learner("sac", at_100=(50, 50), at_200=(90, 90), at_900=(80, 80))
    of_sb3 = learner("sb3_dqn", at_100=(1, 2))
    return {
        "experts": [file("experts/cartpole/ppo", soon), file("experts/cartpole/sac", later)],
        "rivals": [file(f"clients/cartpole/rivals/{name}", of_sb3) for name in ("dqn", "replay")],
    }


def test_of_the_tuned_agents_that_counts_which_is_the_best_after_so_many_steps(
    files: dict[str, list[Path]],
) -> None:
    found = sample_efficiency.learners(files["experts"], files["rivals"])
    assert list(found) == [sample_efficiency.TUNED, "dqn of SB3", "replay of SB3"]
    best = {step: e.iqm for step, e in found[sample_efficiency.TUNED].items()}
    assert best == {100: 50, 200: 90}  # that of PPO, then that of SAC; later none is better
    assert {step: e.iqm for step, e in found["replay of SB3"].items()} == {100: 1.5}
    assert sample_efficiency.learners([], []) == {}
