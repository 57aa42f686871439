"""Grading: tables that teach networks to act better in the task, whatever kills the run."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest

import learners
from dying import killed
from probes import section
from synthgym.core import checkpoint as files
from synthgym.core.settings import Config
from synthgym.meta import grade
from synthgym.synth import exact

FILES = ["environment.safetensors", "progress.parquet", "evaluations.parquet"]
AGENTS = {
    "cartpole": {"learner": learners.section("learner", "extra")},
    "pendulum": {"ddpg": section("agent", "ddpg", static={"warmup": 4, "batch_size": 2})},
}


def job(task: str = "cartpole", **changes: Any) -> Config:
    """CartPole with a horizon of 30, or Pendulum; four contexts, four networks."""
    fit: dict[str, Any] = {
        "name": "regression",
        "width": 8,
        "normalise": False,
        "steps": [8, 12],
        "window": 8,
    }
    fit |= {"learning_rate": [0.02, 0.05], "ridge": 1e-3}
    values: dict[str, Any] = {
        "start": None,
        "iterations": 4,
        "networks": 4,
        "environments": 4,
        "steps": 30,
    }
    values |= {"fit": fit, "temperature": 0.2, "noise": 0.5, "epochs": 2, "learning_rate": 0.02}
    values |= {"max_grad_norm": 0.5, "clip": 0.2, "entropy_coefficient": 0.0, "gamma": 0.95}
    values |= {"gae_lambda": 0.9, "critic_learning_rate": 0.01, "critic_steps": 2}
    values |= {"agents": list(AGENTS[task]), "train": dict.fromkeys(AGENTS[task], 16)}
    values |= {"episodes": 2, "evaluate_every": 2, "evaluate_draws": 2, "checkpoint_seconds": -1.0}
    return Config.read(
        {
            "seed": 3,
            "task": section("task", task, horizon=30),
            "synth": section("synth", "exact_bandit", initial_states=4),
            "grade": {**values, **changes},
            "agents": AGENTS[task],
        }
    )


@pytest.fixture(scope="module")
def traced() -> grade.Grading:
    """Its programs, for all that grade the same job."""
    return grade.Grading(job())


@pytest.fixture(scope="module")
def graded(traced: grade.Grading, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("graded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grade, "Grading", lambda _: traced)
        assert grade.run(job(), {}, out, out / "checkpoint") == FILES
    return out


def test_networks_earn_more_the_longer_it_is_graded(tmp_path: Path) -> None:
    config = job(iterations=25, evaluate_every=25)
    grade.run(config, {}, tmp_path, tmp_path / "checkpoint")
    earned = pd.read_parquet(tmp_path / "progress.parquet").fitness_mean
    assert earned[-5:].mean() > 1.2 * earned[:5].mean()  # 29 and 20: all of 30 steps


def test_what_is_kept_is_the_best_that_fresh_agents_had(graded: Path) -> None:
    evaluations = pd.read_parquet(graded / "evaluations.parquet")
    assert evaluations.generation.unique().tolist() == [2, 4]
    config = job()
    env = exact.load(graded / "environment.safetensors", config.synth, config.task)
    state, _ = _state(graded)
    table = env.theta["initial_state"]["table"]
    best = state["survey/mean"] + state["survey/std"] * state["best/contexts"]
    np.testing.assert_allclose(table, best, rtol=1e-6)
    means = evaluations.groupby("generation").return_.mean()
    np.testing.assert_allclose(state["best_score"], means.max(), rtol=1e-6)


def _state(graded: Path) -> tuple[Any, Any]:
    (path,) = (graded / "checkpoint").glob("*.safetensors")
    return files.read(path)


def test_every_step_in_the_task_is_counted(graded: Path) -> None:
    progress = pd.read_parquet(graded / "progress.parquet")
    evaluations = pd.read_parquet(graded / "evaluations.parquet")
    tests = 2 * evaluations.groupby("generation").return_.sum()  # CartPole pays 1 a step
    collected = 4 * 4 * 30
    expected = [2 * collected, collected + tests[2], collected, collected + tests[4]]
    np.testing.assert_allclose(progress.real_steps, expected)
    about = files.read(graded / "environment.safetensors")[1]
    assert about["cost"]["real_steps"] == progress.real_steps.sum()


@pytest.mark.parametrize("dies_after", [1, 3])
def test_a_killed_grading_goes_on_to_the_same_bytes(
    dies_after: int,
    graded: Path,
    traced: grade.Grading,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    monkeypatch.setattr(grade, "Grading", lambda _: traced)
    with killed(grade, dies_after):
        grade.run(job(), {}, tmp_path, tmp_path / "checkpoint")
    grade.run(job(), {}, tmp_path, tmp_path / "checkpoint")
    assert f"going on from iteration {dies_after + 1}" in capsys.readouterr().out
    for name in ("environment.safetensors", "evaluations.parquet"):
        assert (tmp_path / name).read_bytes() == (graded / name).read_bytes()
    tables = [
        pd.read_parquet(p / "progress.parquet").drop(columns="seconds") for p in (tmp_path, graded)
    ]
    pd.testing.assert_frame_equal(*tables)


def test_a_grading_begins_at_another_bandit(graded: Path, tmp_path: Path) -> None:
    config = job(start="distilled", start_synth=job().synth)
    path = graded / "environment.safetensors"
    bandit = exact.load(path, config.synth, config.task)
    grading = grade.Grading(config)
    begun = grading.loop.init(bandit, jax.random.key(0))
    env = grading.loop.env(begun.tables, begun.survey)
    for name in ("initial_state", "reward"):
        np.testing.assert_allclose(
            env.theta[name]["table"], bandit.theta[name]["table"], rtol=1e-4, atol=1e-4
        )


def test_agents_are_judged_by_the_same_draws_each_time(graded: Path, traced: grade.Grading) -> None:
    state = traced.loop.init(None, jax.random.key(0))
    judged = [traced.judge(state, number) for number in (2, 4)]
    returns = [[row["return_"] for row in rows] for _, rows, _ in judged]
    assert returns[0] == returns[1]
    assert len(set(returns[0])) > 1


def test_where_it_begins_is_judged_paid_for_and_kept_if_nothing_beats_it(
    graded: Path, traced: grade.Grading, tmp_path: Path
) -> None:
    config = job()
    bandit = exact.load(graded / "environment.safetensors", config.synth, config.task)
    state, progress, evaluations = traced.all(tmp_path / "grade.safetensors", bandit)
    means = pd.DataFrame(evaluations).groupby("generation").return_.mean()
    assert list(means.index) == [0, 2, 4]
    assert float(state.best_score) == pytest.approx(means.max())
    tests = 2 * pd.DataFrame(evaluations).groupby("generation").return_.sum()  # pays 1 a step
    collected = 4 * 4 * 30
    assert progress[0]["real_steps"] == pytest.approx(2 * collected + tests[0])


def test_continuous_actions_follow_the_gradient_too(tmp_path: Path) -> None:
    grade.run(job("pendulum", iterations=2), {}, tmp_path, tmp_path / "checkpoint")
    progress = pd.read_parquet(tmp_path / "progress.parquet")
    assert (progress.gradient > 0).all()
