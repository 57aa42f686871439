"""From a teacher to an environment, to a search that begins there, and what each of them cost."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from jax.flatten_util import ravel_pytree

import learners
from dying import killed
from probes import section
from synthgym.core import checkpoint as files
from synthgym.core.settings import Config, plain
from synthgym.evaluation import choices
from synthgym.meta import distillation, evolve, teacher
from synthgym.meta.search import Search
from synthgym.synth import env as synth
from synthgym.synth import exact

TEACHER = learners.section("learner", "extra")
FILES = ["environment.safetensors", "progress.parquet", "evaluations.parquet"]
CHOICES = {
    "draws": 2,
    "steps": 16,
    "episodes": 2,
    "noise": [0.0],
    "exploration": [1.0],
    "indifferent": [0.5],
    "initial_states": [2, 0],
    "teacher": [0.5],
}


def job(kind: str = "table_bandit", **changes: Any) -> Config:
    """The real task is CartPole with a horizon of 10."""
    size = {"table_bandit": 8, "exact_bandit": 8, "mdp": 0}[kind]
    distil: dict[str, Any] = {"episodes": 3, "exploration": 0.5, "noise": 0.5, "indifferent": 0.25}
    distil |= {"reward": "agreement"}
    fit = {"fit_steps": 50, "fit_batch_size": 16, "fit_learning_rate": 0.01}
    meta = {"agents": ["learner"], "steps": {"learner": 16}, "generations": 2, "population": 4}
    meta |= {"episodes": 2, "sigma": 0.5, "evaluate_draws": 2, "start": "distilled"}
    values = {
        "seed": 3,
        "task": section("task", "cartpole", horizon=10),
        "synth": section("synth", kind, initial_states=size, hidden=[4]),
        "teacher": {"steps": 64, "candidates": 1, "episodes": 4, "agents": {"learner": TEACHER}},
        "distil": {**distil, **fit},
        "meta": section("meta", "snes", **meta),
        "agents": {"learner": TEACHER},
        "choices": CHOICES,
    }
    return Config.read({**values, **changes})


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("teacher")
    names = ["policy.safetensors", "progress.parquet", "episodes.parquet"]
    assert teacher.run(job(), {}, out, out) == names
    return out


def distilled(taught: Path, out: Path, kind: str = "table_bandit") -> Path:
    inputs = {"policy": [taught / "policy.safetensors"], "progress": [taught / "progress.parquet"]}
    assert distillation.run(job(kind), inputs, out, out) == FILES
    return out


@pytest.fixture(scope="module")
def made(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return distilled(taught, tmp_path_factory.mktemp("distilled"))


def test_the_policy_that_is_kept_earns_what_was_tested(taught: Path, tmp_path: Path) -> None:
    config = job()
    loaded = teacher.load(taught / "policy.safetensors", config.task, TEACHER)
    episodes = pd.read_parquet(taught / "episodes.parquet")
    assert len(episodes) == 4
    assert loaded.return_ == episodes.return_.mean()
    assert episodes.return_.between(1, 10).all()
    again = teacher.trained(config, tmp_path)
    for x, y in zip(jax.tree.leaves(loaded.params), jax.tree.leaves(again.params), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5)
    assert again.return_ == loaded.return_


def several() -> Config:
    config = job()
    return config.replace(teacher=config.teacher.replace(candidates=3))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("three")
    teacher.run(several(), {}, out, out / "checkpoint")
    return out


def test_the_best_of_several_teaches_and_all_are_paid_for(three: Path) -> None:
    progress = pd.read_parquet(three / "progress.parquet")
    assert progress.stage.tolist() == ["teacher"] * 3
    assert progress.fitness_mean.nunique() > 1
    tests = 4 * progress.fitness_mean  # CartPole pays 1 a step
    np.testing.assert_allclose(progress.real_steps, 64 + tests)
    params = [_kept(three / "checkpoint" / f"candidate{i}.safetensors") for i in range(3)]
    best = int(progress.fitness_mean.argmax())
    same = [np.array_equal(x, _kept(three / "policy.safetensors")) for x in params]
    assert same == [i == best for i in range(3)]


def _kept(path: Path) -> np.ndarray:
    (array,) = files.read(path)[0].values()
    return array


@pytest.mark.parametrize("dies_after", [7, 30])  # writes: in the first candidate, in the second
def test_a_killed_teacher_goes_on_to_the_same_bytes(
    dies_after: int, three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    out, checkpoint = tmp_path / "out", tmp_path / "checkpoint"
    monkeypatch.setattr(teacher, "CHECKPOINT_SECONDS", -1.0)
    with killed(teacher, dies_after):
        teacher.run(several(), {}, out, checkpoint)
    teacher.run(several(), {}, out, checkpoint)
    assert (out / "policy.safetensors").read_bytes() == (three / "policy.safetensors").read_bytes()
    fitness = [pd.read_parquet(p / "progress.parquet").fitness_mean for p in (out, three)]
    assert fitness[0].tolist() == fitness[1].tolist()
    assert "going on from iteration" in capsys.readouterr().out


def test_all_costs_are_kept(taught: Path, made: Path) -> None:
    first = pd.read_parquet(taught / "progress.parquet")
    assert first.stage.tolist() == ["teacher"]
    assert first.real_steps.tolist() == [64]
    progress = pd.read_parquet(made / "progress.parquet")
    assert progress.stage.tolist() == ["teacher", "distil"]
    assert progress.generation.tolist() == [0, 0]
    assert progress.agent.tolist() == ["", ""]  # none took part in a meta-training
    seen = distillation.visits(job(), _loaded(taught))
    assert progress.real_steps.tolist() == [64, len(seen.reward)]
    assert (progress.seconds > 0).all()
    assert 0 < progress.error_reward[1] < 2
    evaluations = pd.read_parquet(made / "evaluations.parquet")
    assert list(evaluations) == ["generation", "agent", "draw", "return_"]
    assert evaluations.empty


def test_the_contexts_are_near_what_the_teacher_saw(taught: Path, made: Path) -> None:
    config = job()
    env = synth.load(made / FILES[0], config.synth, config.task)
    contexts = env.theta["initial_state"]["table"]
    assert contexts.shape == (8, 4)
    seen = distillation.visits(config, _loaded(taught)).observation
    far = np.abs(contexts - seen.mean(0)) / seen.std(0)
    np.testing.assert_allclose(far[:2], 3.0, rtol=1e-3)  # a quarter of them
    assert (far[2:] < 2.9).any(1).all()
    rewards = [env.reward(contexts[0], jnp.int32(a)) for a in range(2)]
    assert abs(rewards[0] - rewards[1]) < 0.5  # -1 or 1 for agreement elsewhere


def test_students_are_paid_for_and_change_the_contexts(
    taught: Path, made: Path, tmp_path: Path
) -> None:
    config = with_rounds(2)
    inputs = {"policy": [taught / "policy.safetensors"], "progress": [taught / "progress.parquet"]}
    distillation.run(config, inputs, tmp_path, tmp_path)
    rows = pd.read_parquet(tmp_path / "progress.parquet")
    assert rows.stage.tolist() == ["teacher", "distil", "distil", "distil"]
    first = pd.read_parquet(made / "progress.parquet")
    assert rows.real_steps.tolist()[:2] == first.real_steps.tolist()
    assert rows.real_steps[2:].between(3 * 2, 3 * 2 * 10).all()
    assert rows.synthetic_steps.tolist() == [0, 0, 48, 48]
    assert rows.updates.tolist()[1:] == [50, 62, 62]
    files_of = [files.read(path / FILES[0]) for path in (made, tmp_path)]
    before, after = (arrays["initial_state/table"] for arrays, _ in files_of)
    assert not np.array_equal(before, after)
    cost = files_of[1][1]["cost"]
    assert cost["synthetic_steps"] == 96
    assert cost["real_steps"] == rows.real_steps.sum()
    assert rows.device[1:].str.endswith("x cpu").all()


def with_rounds(number: int) -> Config:
    config = job()
    students: dict[str, Any] = {"rounds": number, "number": 3, "steps": 16, "episodes": 2}
    students["agents"] = {"learner": TEACHER}
    return config.replace(distil=config.distil.replace(students=students))


def test_the_same_job_gives_the_same_bytes(taught: Path, made: Path, tmp_path: Path) -> None:
    again = distilled(taught, tmp_path)
    assert (again / FILES[0]).read_bytes() == (made / FILES[0]).read_bytes()


def test_tables_pay_exactly_what_the_teacher_prefers(taught: Path, tmp_path: Path) -> None:
    config, teacher = job("exact_bandit"), _loaded(taught)
    distilled(taught, tmp_path, "exact_bandit")
    env = exact.load(tmp_path / FILES[0], config.synth, config.task)
    table, worth = (env.theta[head]["table"] for head in ("initial_state", "reward"))
    preferred = jax.vmap(lambda x: teacher.agent.preferences(teacher.params, x))(table)
    nowhere = (worth == 0).all(1)
    assert nowhere.sum() == 2  # `indifferent`: a quarter
    best = np.where(preferred.argmax(1)[:, None] == np.arange(2), 1.0, -1.0)  # `agreement`
    np.testing.assert_array_equal(worth[~nowhere], best[~nowhere])
    progress = pd.read_parquet(tmp_path / "progress.parquet")
    assert progress.updates.tolist()[1:] == [0]  # no network is fitted


def test_an_mdp_can_be_distilled(taught: Path, tmp_path: Path) -> None:
    config = job("mdp")
    distilled(taught, tmp_path, "mdp")
    env = synth.load(tmp_path / FILES[0], config.synth, config.task)
    assert set(env.theta) == {"initial_state", "reward", "transition", "done"}
    state, _ = env.reset(jax.random.key(0))
    _, step = env.step(jax.random.key(1), state, jnp.int32(0))
    assert np.isfinite(step.observation).all()


def test_a_search_begins_at_the_distilled_environment(made: Path, tmp_path: Path) -> None:
    config = job()
    start = synth.load(made / FILES[0], config.synth, config.task)
    search = Search(config, tmp_path / "search.safetensors", start)
    for ours, theirs in zip(*map(jax.tree.leaves, (search.result, start.theta)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    table, (sigma, *_) = start.theta["initial_state"]["table"], _sigmas(search)
    # Half of the root mean square of each of the columns, whatever their unit.
    expected = np.broadcast_to(0.5 * np.sqrt((table**2).mean(0)), table.shape)
    np.testing.assert_allclose(sigma, expected, rtol=1e-5)
    inputs = {"start": [made / FILES[0]], "start_progress": [made / "progress.parquet"]}
    evolve.run(config, inputs, tmp_path, tmp_path)
    progress = pd.read_parquet(tmp_path / "progress.parquet")
    assert progress.stage.tolist() == ["teacher", "distil", "metatrain", "metatrain"]
    assert progress.generation.tolist() == [0, 0, 1, 2]


def _sigmas(search: Search) -> Any:
    """Standard deviations of the search, as leaves of the shapes of theta."""
    sigma = search.strategy.sigma(search.state.search)
    return jax.tree.leaves(ravel_pytree(search.result)[1](sigma))


def _loaded(taught: Path) -> teacher.Teacher:
    return teacher.load(taught / "policy.safetensors", job().task, TEACHER)


def test_choices_are_varied_one_at_a_time(taught: Path, tmp_path: Path) -> None:
    inputs = {"policy": [taught / "policy.safetensors"]}
    assert choices.run(job(), inputs, tmp_path, tmp_path) == ["choices.parquet"]
    table = pd.read_parquet(tmp_path / "choices.parquet")
    tried = table.groupby("choice")["value"].unique().map(set).to_dict()
    assert tried == {
        "noise": {"0.0"},
        "exploration": {"1.0"},
        "indifferent": {"0.5"},
        "reward": {"action_preference", "log_probability", "advantage", "agreement"},
        "initial_states": {"2", "network"},
        "teacher": {"0.5"},
    }
    assert table.groupby(["choice", "value"]).size().eq(2).all()
    assert table.groupby("draw").hp_rate.nunique().eq(1).all()  # the same agents everywhere
    base = job()
    for choice, value, changed in choices.varied(base):
        sections = (plain(base), plain(changed))
        differing = [s for s in sections[0] if sections[0][s] != sections[1][s]]
        assert len(differing) <= 1, (choice, value)
