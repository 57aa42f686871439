"""The study of score transforms: its searches are those of meta-training, and it resumes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probes import section
from synthbench.config import typed
from synthbench.meta import evolve, transforms
from synthbench.meta.search import Search, Trials

GENERATIONS = 3
PLAN = {
    "transforms": ["linear", "single_better"],
    "step_sizes": [0.3, 3],
    "mirrored": [True, False],
    "seeds": [0, 4],
}


def config(**plan: Any) -> Any:
    changes = {
        "agents": ["q_learning"],
        "generations": GENERATIONS,
        "population": 2,
        "sigma": 0.1,
        "steps": {"q_learning": 60},
        "episodes": 1,
        "evaluate_draws": 4,
    }
    studied = {"transform": None, "step_size": None, "mirrored": None}
    meta = {**section("meta", "ferreira", **changes), "solved": 0.8}
    return typed(
        {
            "task": section("task", "empty_room"),
            "synth": section("synth", "mdp", horizon=10, hidden=[8]),
            "meta": {name: value for name, value in meta.items() if name not in studied},
            "agents": {"q_learning": section("agent", "q_learning")},
            "transforms": PLAN | plan,
        }
    )


def study(path: Path, **plan: Any) -> pd.DataFrame:
    path.mkdir(exist_ok=True)
    assert transforms.run(config(**plan), {}, path, path / "checkpoint") == ["runs.parquet"]
    return pd.read_parquet(path / "runs.parquet")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    patch = pytest.MonkeyPatch()
    patch.setattr(transforms, "TOGETHER", 3)  # fewer places than searches: they take turns
    table = study(tmp_path_factory.mktemp("study"))
    patch.undo()
    return table


def alone(row: Any, trials: dict[bool, Trials]) -> Search:
    """The search of a row, by meta-training."""
    names = ("transform", "step_size", "mirrored")
    meta = {**config().meta, **{name: getattr(row, name) for name in names}}
    job = typed({**config(), "seed": row.seed, "meta": meta})
    search = Search(job, Path())
    evolve.go_on([search], trials.setdefault(row.mirrored, Trials(job)))
    return search


def test_every_combination_has_a_search_in_the_order_of_the_plan(runs: pd.DataFrame) -> None:
    names = ["mirrored", "transform", "step_size", "seed"]
    planned = [PLAN["mirrored"], PLAN["transforms"], PLAN["step_sizes"], PLAN["seeds"]]
    index = pd.MultiIndex.from_product(planned, names=names)
    assert list(runs[names].itertuples(index=False, name=None)) == index.tolist()
    assert set(runs["task"]) == {"empty_room"}


def test_searches_of_the_study_are_those_of_meta_training(runs: pd.DataFrame) -> None:
    """Whatever goes on beside them, with other transforms, in other generations."""
    trials: dict[bool, Trials] = {}
    for row in runs.iloc[[0, 3, 5, 8, 14]].itertuples():
        search = alone(row, trials)
        assert (row.generations, row.solved) == (search.generation, search.solved)
        costs = [(r["real_steps"], r["updates"]) for r in search.log.progress]
        assert (row.real_steps, row.updates) == tuple(np.sum(costs or [(0, 0)], axis=0))


def test_the_score_is_what_was_published(runs: pd.DataFrame) -> None:
    expected = np.where(runs["solved"], 1 - runs["generations"] / GENERATIONS, 0.0)
    np.testing.assert_allclose(runs["score"], expected)
    assert (runs["generations"][~runs["solved"]] == GENERATIONS).all()
    assert (runs["generations"] <= GENERATIONS).all()


def test_searches_that_had_ended_are_not_done_again(
    runs: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the last two had: with other numbers, by which they are known."""
    (tmp_path / "checkpoint").mkdir()
    done = runs.iloc[:-2].assign(updates=7).drop(columns="task")
    done.sample(frac=1.0, random_state=0).to_parquet(tmp_path / "checkpoint/runs.parquet")
    monkeypatch.setattr(transforms, "TOGETHER", 3)
    again = study(tmp_path)
    assert (again["updates"].iloc[:-2] == 7).all()
    pd.testing.assert_frame_equal(again.drop(columns="updates"), runs.drop(columns="updates"))
    assert again["updates"].iloc[-2:].tolist() == runs["updates"].iloc[-2:].tolist()


def test_what_ends_is_kept_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle: the rows of those that had ended are there."""
    generation, calls = evolve.generation, []

    def killed(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == GENERATIONS + 1:  # the first have ended, the next have begun
            raise KeyboardInterrupt
        generation(*arguments)

    monkeypatch.setattr(evolve, "generation", killed)
    monkeypatch.setattr(transforms, "TOGETHER", 2)
    (tmp_path / "checkpoint").mkdir()
    plan = {"mirrored": [False], "step_sizes": [1e-6], "seeds": [0, 1]}  # does not move, so fails
    with pytest.raises(KeyboardInterrupt):
        study(tmp_path, **plan)
    kept = pd.read_parquet(tmp_path / "checkpoint/runs.parquet")
    assert kept[["transform", "seed"]].to_numpy().tolist() == [["linear", 0], ["linear", 1]]
