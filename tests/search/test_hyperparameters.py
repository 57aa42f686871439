"""A search tries what is planned, goes on where it was killed, and promotes what is good."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest

import learners
from compiling import FAST
from probes import section, task_section
from synthgym.core import checkpoint
from synthgym.core.io import read_json, write_json
from synthgym.core.settings import Config, plain
from synthgym.meta import evolve
from synthgym.meta.search import Search, Trials
from synthgym.search import comparison, hyperparameters, rungs
from synthgym.search.journal import Journal

ROOT = Path(__file__).parents[2]
SPACE: dict[str, Any] = {
    "meta.sigma": {"log_uniform": [0.01, 1.0]},
    "meta.step_size": {"log_uniform": [0.1, 1.0]},
    "meta.mirrored": {"choice": [True, False]},
}


def config(**search: Any) -> Any:
    """A search in which a meta-training takes no time; its real task is a probe."""
    settings = {
        "space": SPACE,
        "configurations": 6,
        "budget": {"min": 1, "max": 4, "eta": 2},
        "brackets": "full",
        "random": 0.3,
        "workers": 1,
        "seeds": [0],
        "judged": {"draws": 4, "episodes": 2},
    }
    meta = {
        "agents": ["one"],
        "generations": 4,
        "stop": "never",
        "keep": "last",
        "population": 4,
        "sigma": 2.0,  # outside the space
        "steps": {"one": 40},
        "episodes": 2,
        "checkpoint_seconds": 0.0,
    }
    return Config.read(
        {
            "seed": 0,
            "task": task_section(),
            "synth": section("synth", "bandit", hidden=[4]),
            "meta": section("meta", "ferreira", **meta),
            "agents": {"one": learners.section("one", "only_one")},
            "search": {**settings, **search},
            "comparison": {"seeds": [5, 6], "draws": 3, "episodes": 2},
        }
    )


def searched(path: Path, job: Any) -> pd.DataFrame:
    """trials.parquet of a search whose checkpoint is in `path`."""
    for name in ("out", "checkpoint"):
        (path / name).mkdir(parents=True, exist_ok=True)
    hyperparameters.run(job, {}, path / "out", path / "checkpoint")
    return pd.read_parquet(path / "out/trials.parquet")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("undisturbed")
    searched(path, config())
    return path


def trials(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path / "out/trials.parquet")


def settings(table: pd.DataFrame) -> set[Any]:
    return set(table[list(SPACE)].drop_duplicates().itertuples(index=False, name=None))


def test_as_many_configurations_as_planned_are_tried(undisturbed: Path) -> None:
    table = trials(undisturbed)
    assert table["configuration"].nunique() == len(settings(table)) == 6
    # brackets of 4 and 2: 4 -> 2 -> 1, 2 -> 1 -> 1
    assert table.groupby("budget").size().to_dict() == {1: 6, 2: 3, 4: 2}
    assert table["state"].value_counts().to_dict() == {
        "stopped": 4,
        "promoted": 5,
        "whole budget": 2,
    }
    whole = table[table["budget"] == 4]
    best = whole.loc[whole["value"].idxmax()]  # the first of equal ones
    assert read_json(undisturbed / "out/best.json") == {
        "meta": {
            "sigma": pytest.approx(best["meta.sigma"]),
            "step_size": pytest.approx(best["meta.step_size"]),
            "mirrored": best["meta.mirrored"] == "true",
        }
    }


def test_the_best_of_a_rung_are_promoted(undisturbed: Path) -> None:
    for (_, _), rows in trials(undisturbed).groupby(["bracket", "budget"]):
        on = rows[rows["state"] == "promoted"]["value"]
        off = rows[rows["state"] == "stopped"]["value"]
        assert not len(on) or not len(off) or on.min() >= off.max()


def test_what_is_promoted_goes_on_and_costs_only_what_is_new(undisturbed: Path) -> None:
    table = trials(undisturbed)
    for number, rows in table.groupby("configuration"):
        _, about = checkpoint.read(undisturbed / f"checkpoint/{number}-0.safetensors")
        assert [row["generation"] for row in about["progress"]] == [
            *range(1, rows["budget"].max() + 1)
        ]
    for row in table.to_dict("records"):
        new = row["budget"] - (row["budget"] // 2 if row["rung"] else 0)
        candidates = 4 * (3 if row["meta.mirrored"] == "true" else 2)
        assert row["synthetic_steps"] == 40 * (candidates * new + 4)  # and of those who judge
        assert row["updates"] == 10 * (candidates * new + 4)


def test_a_search_killed_twice_ends_as_an_undisturbed_one(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = evolve.generation, []

    def killed(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) in (3, 12):
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(evolve, "generation", killed)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            searched(tmp_path, config())
    table = searched(tmp_path, config())
    pd.testing.assert_frame_equal(
        table.drop(columns="seconds"), trials(undisturbed).drop(columns="seconds")
    )
    for name in ("best.json", "importance.json"):
        assert (tmp_path / "out" / name).read_bytes() == (undisturbed / "out" / name).read_bytes()


@pytest.mark.parametrize("kept", ["nothing", "half"])
def test_a_search_whose_journal_was_lost_ends_as_an_undisturbed_one(
    undisturbed: Path, tmp_path: Path, kept: str
) -> None:
    """Its meta-trainings are further on than the journal knows: they are not judged as they are."""
    shutil.copytree(undisturbed / "checkpoint", tmp_path / "checkpoint")
    journal = tmp_path / "checkpoint/journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    damaged = [b"[]\n"] if kept == "nothing" else lines[: len(lines) // 2]
    journal.write_bytes(b"".join(damaged))
    table = searched(tmp_path, config()).drop(columns="seconds")
    pd.testing.assert_frame_equal(table, trials(undisturbed).drop(columns="seconds"))


def test_a_value_is_the_mean_over_seeds(tmp_path: Path) -> None:
    space = {"meta.sigma": SPACE["meta.sigma"]}
    budget = {"min": 1, "max": 1, "eta": 2}
    few: dict[str, Any] = {"configurations": 1, "budget": budget, "space": space}
    each = [
        searched(tmp_path / str(seeds), config(seeds=seeds, **few)) for seeds in ([0], [1], [0, 1])
    ]
    values, steps = ([table[key].item() for table in each] for key in ("value", "real_steps"))
    assert values[2] == pytest.approx((values[0] + values[1]) / 2)
    assert steps[2] == steps[0] + steps[1]


def test_the_plans_own_settings_come_first_where_the_space_has_them(tmp_path: Path) -> None:
    job = config()
    assert hyperparameters.default(job) is None  # sigma is outside
    inside = job.replace(meta=job.meta.replace(sigma=0.05))
    own = {"meta.sigma": 0.05, "meta.step_size": 1.0, "meta.mirrored": True}
    assert hyperparameters.default(inside) == own
    first = searched(tmp_path, inside).iloc[0]
    assert first["meta.sigma"] == pytest.approx(0.05)
    assert (first["meta.step_size"], first["meta.mirrored"]) == (1.0, "true")


def test_side_by_side_is_as_one_after_the_other(tmp_path: Path) -> None:
    """With other numbers of the strategy and other hyperparameters of agents, in one program."""
    jobs = [
        config().replace(
            meta=config().meta.replace(**meta),
            agents={"one": config().agents["one"].replace(hyperparameters=hyperparameters)},
        )
        for meta, hyperparameters in (
            ({"sigma": 0.5, "transform": "rank"}, {"rate": 1.0, "only_one": 0.0}),
            ({"sigma": 0.1, "step_size": 0.3}, {"rate": 0.01, "only_one": 0.0}),
            ({"sigma": 1.0, "transform": "nes"}, {"rate": -1.0, "only_one": 0.0}),
        )
    ]
    together = [Search(job, tmp_path / f"together{i}") for i, job in enumerate(jobs)]
    rungs.go_on(together, Trials(jobs[0]), 3)
    for i, job in enumerate(jobs):
        alone = Search(job, tmp_path / f"alone{i}")
        rungs.go_on([alone], Trials(job), 3)
        for ours, theirs in zip(
            jax.tree.leaves(alone.state), jax.tree.leaves(together[i].state), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert len({search.log.progress[0]["fitness_mean"] for search in together}) == 3
    assert len({rungs._shapes(search) for search in together}) == 1


def test_blocks_are_powers_of_two() -> None:
    assert rungs.blocks(range(7), 4) == [range(4), range(4, 6), range(6, 7)]
    assert rungs.blocks([3, 5], 1) == [[3], [5]]


def test_the_best_is_compared_with_the_plan_at_the_whole_budget(
    undisturbed: Path, tmp_path: Path
) -> None:
    inputs = {"settings": [undisturbed / "out/best.json"]}
    comparison.run(config(), inputs, tmp_path, tmp_path)
    table = pd.read_parquet(tmp_path / "comparison.parquet")
    assert table.groupby(["setting", "seed"]).size().to_dict() == {
        (setting, seed): 3 for setting in ("best", "default") for seed in (5, 6)
    }
    best = read_json(undisturbed / "out/best.json")["meta"]
    for setting, sigma in (("best", best["sigma"]), ("default", 2.0)):
        _, about = checkpoint.read(tmp_path / f"{setting}-5.safetensors")
        sigmas = [row["sigma_mean"] for row in about["progress"]]
        assert sigmas == pytest.approx([sigma] * 4)


def worker(directory: Path) -> "subprocess.Popen[bytes]":
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    command = [sys.executable, "-m", "synthgym.search.worker", str(directory), "1"]
    return subprocess.Popen(command, env={**os.environ, **FAST, "PYTHONPATH": paths})


@pytest.mark.slow
def test_workers_of_which_one_is_killed_try_each_configuration_once(tmp_path: Path) -> None:
    job = config(workers=2, configurations=8)
    write_json(tmp_path / "search.json", plain(job))
    killed, other = worker(tmp_path), worker(tmp_path)
    journal = tmp_path / "journal.log"
    while not journal.exists() or not Journal(journal, SPACE, 0).tried():
        assert killed.poll() is None
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert other.wait() == 0
    tried = Journal(journal, SPACE, 0).tried()
    assert list(tried) == list(range(8))
    assert all(one.ended for one in tried.values())
    table = hyperparameters.table(list(tried.values()), job)
    assert table.groupby("budget").size().to_dict() == {1: 8, 2: 4, 4: 2}
    assert len(settings(table)) == 8
    seen = Journal(journal, SPACE, 0).study.get_trials()
    assert len(seen) == 8  # no retries: what the killed one had proposed, the other one tried
