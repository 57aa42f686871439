"""The study of score transforms: its searches are those of meta-training, and it resumes."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probes import section
from synthgym.core import resume
from synthgym.core.settings import Config, plain
from synthgym.meta import evolve, transforms
from synthgym.meta.search import Search, Trials

GENERATIONS, PLACES = 3, 3  # fewer places than searches: they take turns
PLAN: dict[str, list[Any]] = {
    "transforms": ["linear", "single_better"],
    "step_sizes": [0.3, 3],
    "mirrored": [True],
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
    meta = {**plain(section("meta", "ferreira", **changes)), "solved": 0.8}
    return Config.read(
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


@pytest.fixture(scope="module", autouse=True)
def trials() -> Iterator[Trials]:
    """Compiled once for all of them; whatever the strategy's numbers are."""
    patch, one = pytest.MonkeyPatch(), Trials(alone("linear", 1.0, 0).config)
    patch.setattr(transforms, "Trials", lambda config: one)
    patch.setattr(transforms, "TOGETHER", PLACES)
    yield one
    patch.undo()


@pytest.fixture(scope="module")
def runs(trials: Trials, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return study(tmp_path_factory.mktemp("study"))


def alone(transform: str, step_size: float, seed: int) -> Search:
    """A search as of meta-training."""
    numbers = {"transform": transform, "step_size": step_size, "mirrored": True}
    return Search(config().replace(seed=seed, meta=config().meta.replace(**numbers)), Path())


def test_every_combination_has_a_search_in_the_order_of_the_plan(runs: pd.DataFrame) -> None:
    names = ["mirrored", "transform", "step_size", "seed"]
    every = list(product(*(PLAN[f"{name}s" if name != "mirrored" else name] for name in names)))
    assert list(runs[names].itertuples(index=False, name=None)) == every
    assert set(runs["task"]) == {"empty_room"}
    both = transforms.combinations(config(mirrored=[True, False]).transforms)
    assert [one.mirrored for one in both] == [True] * 8 + [False] * 8


def test_searches_of_the_study_are_those_of_meta_training(
    runs: pd.DataFrame, trials: Trials
) -> None:
    """Whatever goes on beside them, with other transforms, in other generations."""
    for row in runs.iloc[[0, 3, 5, 6]].itertuples():
        search = alone(row.transform, row.step_size, row.seed)
        evolve.go_on([search], trials)
        assert (row.generations, row.solved) == (search.generation, search.solved)
        costs = [(r["real_steps"], r["updates"]) for r in search.log.progress]
        assert (row.real_steps, row.updates) == tuple(np.sum(costs or [(0, 0)], axis=0))


def test_the_score_is_what_was_published(runs: pd.DataFrame) -> None:
    expected = np.where(runs["solved"], 1 - runs["generations"] / GENERATIONS, 0.0)
    np.testing.assert_allclose(runs["score"], expected)
    assert (runs["generations"][~runs["solved"]] == GENERATIONS).all()
    assert (runs["generations"] <= GENERATIONS).all()


def test_searches_that_had_ended_are_not_done_again(runs: pd.DataFrame, tmp_path: Path) -> None:
    """All but the last two had: with other numbers, by which they are known."""
    (tmp_path / "checkpoint").mkdir()
    done = runs.iloc[:-2].assign(updates=7).drop(columns="task")
    rows = done.sample(frac=1.0, random_state=0).to_dict("records")
    resume.keep(tmp_path / "checkpoint/runs.safetensors", {}, {"rows": rows})
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
    (tmp_path / "checkpoint").mkdir()
    plan = {"step_sizes": [1e-6], "seeds": [0, 1, 5]}  # does not move, so fails
    with pytest.raises(KeyboardInterrupt):
        study(tmp_path, **plan)
    found = resume.found(tmp_path / "checkpoint/runs.safetensors", {})
    assert found
    kept = pd.DataFrame(found[1]["rows"])
    assert kept[["transform", "seed"]].to_numpy().tolist() == [
        ["linear", seed] for seed in (0, 1, 5)
    ]
