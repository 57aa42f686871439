"""Jobs and the whole smoke plan, killed again and again, end as if nothing had happened."""

import random
import sys
from pathlib import Path

import pandas as pd
import pytest

import kills
from clones import ROOT, run


@pytest.mark.slow
def test_killed_jobs_end_as_undisturbed_ones() -> None:
    """In a process that has not computed yet, whose children are killed."""
    paths = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}
    said = run(sys.executable, "tests/kills.py", "--jobs", "10", cwd=ROOT, more=paths)
    assert "kills: results/smoke/" in said


@pytest.mark.slow
def test_a_plan_that_is_killed_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    kills.kill_workflow(6, random.Random(1), tmp_path)


def test_results_are_compared_but_for_seconds(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    table = pd.DataFrame({"return_": [0.1], "seconds": [1.0]})
    for path in (one, other):
        path.mkdir()
        table.to_parquet(path / "progress.parquet")
    table.assign(seconds=2.0).to_parquet(other / "progress.parquet")
    assert kills.differing(one, other) == []
    table.assign(return_=0.2).to_parquet(other / "progress.parquet")
    (one / "best.json").touch()
    assert kills.differing(one, other) == ["best.json", "progress.parquet"]
