"""The search for an objective: where steps are counted, what it is compared with, killed or not."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from probes import section, task_section, tiny
from synthgym.agents import drift
from synthgym.core import checkpoint
from synthgym.core.settings import Config
from synthgym.meta import evolve, objectives
from synthgym.synth import env as synth

POPULATION, STEPS, EPISODES, DRAWS = 4, 64, 5, 3
WORTH = 7.0  # of every action in the synthetic environment


def config(train: str, fitness: str, **meta: Any) -> Any:
    """A job whose real task has episodes of one step."""
    changes = {
        "agents": ["lpo"],
        "generations": 4,
        "population": POPULATION,
        "sigma": 0.3,
        "steps": {"lpo": STEPS},
        "episodes": EPISODES,
        "evaluate_every": 2,
        "evaluate_draws": DRAWS,
        "checkpoint_seconds": 0.0,
    }
    return Config.read(
        {
            "seed": 0,
            "task": task_section(),
            "synth": section("synth", "bandit", hidden=[4]),
            "meta": section("meta", "open_es", **changes | meta),
            "agents": {"lpo": tiny("lpo")},
            "objective": {
                "train": train,
                "fitness": fitness,
                "steps": STEPS,
                "episodes": 3,
                "tuned": {name: tiny(name) for name in ("lpo", "ppo")},
            },
        }
    )


def environment() -> synth.SyntheticEnv:
    """Pays the same for everything."""
    job = config("real", "real")
    env = synth.make(job.synth, job.task)
    theta = synth.init_theta(jax.random.key(0), env)
    last = {"kernel": jnp.zeros((4, 1)), "bias": jnp.array([WORTH])}
    theta["reward"]["Dense_1"] = last
    return env.replace(theta=theta)


@pytest.mark.parametrize(
    ("train", "fitness", "real", "synthetic"),
    [
        ("real", "real", STEPS + EPISODES, 0),
        ("synthetic", "real", EPISODES, STEPS),
        ("synthetic", "synthetic", 0, STEPS + EPISODES),
    ],
)
def test_steps_are_counted_where_they_are_made(
    train: str, fitness: str, real: int, synthetic: int, tmp_path: Path
) -> None:
    job = config(train, fitness)
    search = objectives.Search(job, tmp_path / "search.safetensors")
    evolve.generation([search], objectives.Trials(job, environment()))
    (row,) = search.log.progress
    assert (row["stage"], row["agent"]) == ("objective", "lpo")
    assert row["real_steps"] == real * POPULATION
    assert row["synthetic_steps"] == synthetic * POPULATION
    assert row["updates"] == STEPS // 32 * 4 * POPULATION  # 2 epochs of 2 minibatches per 32 steps
    assert "hp_learning_rate" in row
    if fitness == "synthetic":  # the reward of the environment itself
        assert row["fitness_min"] == row["fitness_max"] == pytest.approx(WORTH)
    else:
        assert -1.0 <= row["fitness_min"] <= row["fitness_max"] <= 1.0


class KilledError(Exception):
    """Stands for a signal."""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of a search that was stopped at its second checkpoint and begun again, and of one that was
    not.
    """
    place = tmp_path_factory.mktemp("objectives")
    file = place / "environment.safetensors"
    checkpoint.save(file, environment().theta, {})
    job, inputs = config("synthetic", "real"), {"environment": [file]}
    save, saved = checkpoint.save, []

    def save_twice(path: Path, *what: Any) -> None:
        save(path, *what)
        saved.append(path)
        if len(saved) == 2:
            raise KilledError

    names = []
    for name in ("killed", "undisturbed"):
        out, kept = place / name, place / f"{name} work"
        kept.mkdir()
        if name == "killed":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(checkpoint, "save", save_twice)
                with pytest.raises(KilledError):
                    objectives.run(job, inputs, out, kept)
            assert not out.exists()
        names.append(objectives.run(job, inputs, out, kept))
    assert names[0] == names[1]
    return place / "killed", place / "undisturbed"


def test_an_interrupted_search_ends_as_an_undisturbed_one(outputs: tuple[Path, Path]) -> None:
    for name in ("objective.safetensors", "evaluations.parquet", "drift.parquet"):
        one, other = ((out / name).read_bytes() for out in outputs)
        assert one == other
    tables = [pd.read_parquet(out / "progress.parquet") for out in outputs]
    pd.testing.assert_frame_equal(*(table.drop(columns="seconds") for table in tables))
    assert tables[0].generation.tolist() == [1, 2, 3, 4]


def test_the_mean_is_evaluated_beside_ppo_which_costs_the_search_nothing(
    outputs: tuple[Path, Path],
) -> None:
    table = pd.read_parquet(outputs[1] / "evaluations.parquet")
    draws = table.groupby(["agent", "generation"])["draw"].apply(list).to_dict()
    every = [*range(DRAWS)]
    assert draws == {("ppo", 0): every, **{("lpo", g): every for g in (0, 2, 4)}}
    progress = pd.read_parquet(outputs[1] / "progress.parquet")
    assert progress.real_steps.eq(EPISODES * POPULATION).all()
    about = checkpoint.read(outputs[1] / "objective.safetensors")[1]
    assert about["cost"]["real_steps"] == 4 * EPISODES * POPULATION


def test_what_was_learnt_can_be_loaded_and_drawn(outputs: tuple[Path, Path]) -> None:
    theta = objectives.load(outputs[0] / "objective.safetensors")
    table = pd.read_parquet(outputs[0] / "drift.parquet")
    rows = table[(table.drift == "lpo") & np.isclose(table.ratio, 1.2)]
    at = (jnp.log(jnp.float32(1.2)), jnp.asarray(rows.advantage, jnp.float32))
    expected = drift.learned(theta, jnp.full(len(rows), at[0]), at[1])
    np.testing.assert_allclose(rows["value"], expected, rtol=1e-3, atol=1e-5)
    assert rows["value"].max() > 0
    assert not table[np.isclose(table.ratio, 1.0)]["value"].any()
    # PPO at ratio 1.6, advantage 2: (1.6 - 1.2) * 2.
    corner = table[(table.drift == "ppo") & (table.ratio == 1.6) & (table.advantage == 2.0)]
    assert corner["value"].tolist() == [pytest.approx(0.8, rel=1e-5)]


def test_a_file_that_is_no_objective_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "environment.safetensors"
    checkpoint.save(path, environment().theta, {})
    with pytest.raises(ValueError, match="other arrays than expected"):
        objectives.load(path)


def test_candidates_are_tried_in_other_tasks_too(tmp_path: Path) -> None:
    """One of them in each generation; in the other one actions are continuous, and pay 2."""
    job = config("synthetic", "synthetic", generations=8, evaluate_every=0)
    other = section("task", "pendulum", horizon=5)
    place = {"task": other, "synth": job.synth, "agents": {"lpo": tiny("lpo")}}
    beside = {"pendulum": Config.read(place)}
    job = job.replace(objective=job.objective.replace(beside=beside))
    assert list(objectives.places(job)) == ["lpo 0", "lpo 1"]
    second = synth.make(job.synth, other)
    theta = synth.init_theta(jax.random.key(0), second)
    theta["reward"]["Dense_1"] = {"kernel": jnp.zeros((4, 1)), "bias": jnp.array([2.0])}
    trials = objectives.Trials(job, environment(), second.replace(theta=theta))
    search = objectives.Search(job, tmp_path / "search.safetensors")
    evolve.go_on([search], trials)
    progress = pd.DataFrame(search.log.progress)
    assert set(progress.agent) == {"lpo"}
    assert set(progress.fitness_mean) == {WORTH, 2.0}
    assert "objective in probe+pendulum" in search.title
    assert {row["agent"] for row in search.log.evaluations} == {"lpo", "ppo"}
