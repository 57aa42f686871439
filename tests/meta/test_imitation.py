"""Teachers that go on from another agent: who does as it did, and what that cost."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from jax.flatten_util import ravel_pytree

from dying import killed
from probes import section
from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.agents.es import ES
from synthgym.core.settings import Config, Imitate
from synthgym.core.types import Env
from synthgym.meta import imitation, teacher
from synthgym.synth.distil import Fit
from synthgym.tasks import base as tasks

HOW = Imitate.read({"rounds": 2, "episodes": 3, "sigma": 0.02})
SMALL = {"population": 4, "rollouts": 1, "hidden": [16]}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imitation, "FIT", Fit(1000, 64, 0.01))


def begin(task: str) -> tuple[Env, ES, Any]:
    """Episodes of 20 steps, so that many of them are whole."""
    env = tasks.load(section("task", task, horizon=20))
    agent = section("agent", "es", static=SMALL)
    es = agents.load(agent, env.spec)
    assert isinstance(es, ES)
    return env, es, es.init(jax.random.key(1), env, spaces.default(agent), 20)


def imitated(task: str, prefers: Any) -> tuple[ES, imitation.Begun]:
    env, es, state = begin(task)

    def act(key: Any, observation: Any) -> Any:
        preferred = prefers(observation)
        return preferred.argmax(-1) if env.spec.discrete else preferred

    return es, imitation.imitated(jax.random.key(2), es, state, env, act, prefers, HOW)


def acts(es: ES, begun: imitation.Begun, x: Any) -> Any:
    return jax.vmap(lambda x: es.act(begun.state.params, jax.random.key(0), x))(x)


def test_it_does_what_the_other_does() -> None:
    def prefers(x: Any) -> Any:
        return jnp.clip(x[..., 1:2] - 0.25 * x[..., 2:3], -2.0, 2.0)

    es, begun = imitated("pendulum", prefers)
    angle = np.random.default_rng(0).uniform(-np.pi, np.pi, 500)
    x = jnp.asarray(np.stack([np.cos(angle), np.sin(angle), np.zeros(500)], 1), jnp.float32)
    does = acts(es, begun, x)
    assert float(jnp.abs(does - prefers(x)).mean()) < 0.15  # of -1 to 1
    assert begun.real_steps == (1 + HOW.rounds) * HOW.episodes * 20
    assert begun.updates == HOW.rounds * 1000


def test_it_prefers_what_the_other_prefers() -> None:
    def prefers(x: Any) -> Any:
        lean = x[..., 2] + x[..., 3]
        return jnp.stack([-lean, lean], -1)

    es, begun = imitated("cartpole", prefers)
    x = jax.random.normal(jax.random.key(3), (500, 4)) * jnp.asarray([0.1, 0.5, 0.1, 0.5])
    same = acts(es, begun, x) == prefers(x).argmax(-1)
    assert float(same.mean()) > 0.9


def test_the_search_goes_on_from_there() -> None:
    _, es, state = begin("pendulum")
    network = jax.tree.map(lambda x: x + 1.0, state.params[0])
    moved = es.begun_at(state, network, state.params[1])
    np.testing.assert_allclose(moved.search.mean, ravel_pytree(network)[0])
    np.testing.assert_allclose(moved.search.std, state.search.std)
    env = begin("pendulum")[0]
    hyperparameters = {**spaces.default(section("agent", "es")), "sigma": jnp.float32(1e-6)}
    state = es.init(jax.random.key(1), env, hyperparameters, 20)
    after, _ = es.iterate(
        jax.random.key(2), es.begun_at(state, network, state.params[1]), env, hyperparameters, 20
    )
    np.testing.assert_allclose(after.search.mean, moved.search.mean, atol=1e-4)


def job() -> Config:
    task = section("task", "pendulum", horizon=10)
    es = section("agent", "es", static=SMALL)
    other = section("agent", "es", static={**SMALL, "hidden": []})
    imitate = {"agent": "linear", "steps": 80, "rounds": 2, "episodes": 2, "sigma": 0.01}
    course = {"steps": 400, "candidates": 2, "episodes": 3, "agents": {"es": es}, "noise": 0.2}
    course["keep"] = "best"
    course |= {"imitate": {**imitate, "agents": {"linear": other}}}
    return Config.read({"seed": 3, "task": task, "teacher": course})


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("imitated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imitation, "FIT", Fit(100, 64, 0.01))
        teacher.run(job(), {}, out, out / "checkpoint")
    return out


def test_what_it_imitates_is_paid_for(taught: Path) -> None:
    progress = pd.read_parquet(taught / "progress.parquet")
    assert progress.stage.tolist() == ["teacher"] * 2
    # Itself, ten tests for the best, its own; the other and its test; episodes of three policies.
    assert set(progress.real_steps) == {400 + 300 + 30 + 80 + 30 + 3 * 2 * 10}
    assert set(progress.updates) == {10 + 2 + 2 * 100}


# Writes before: in the training of the first that is imitated, and of the second teacher.
@pytest.mark.parametrize("dies_after", [0, 22])
def test_who_is_killed_goes_on_to_the_same_bytes(
    dies_after: int, taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, checkpoint = tmp_path / "out", tmp_path / "checkpoint"
    monkeypatch.setattr(imitation, "FIT", Fit(100, 64, 0.01))
    monkeypatch.setattr(teacher, "CHECKPOINT_SECONDS", -1.0)
    with killed(teacher, dies_after):
        teacher.run(job(), {}, out, checkpoint)
    teacher.run(job(), {}, out, checkpoint)
    name = "policy.safetensors"
    assert (out / name).read_bytes() == (taught / name).read_bytes()
    costs = [pd.read_parquet(p / "progress.parquet").real_steps.tolist() for p in (out, taught)]
    assert costs[0] == costs[1]


def test_the_other_is_not_disturbed(tmp_path: Path) -> None:
    school = teacher.School(job(), tmp_path)
    assert school.others is not None
    assert school.place is not school.task
    assert school.others.place is school.others.task


def test_the_best_on_the_way_is_kept(tmp_path: Path) -> None:
    school = teacher.School(job(), tmp_path)
    key, state = jax.random.key(0), school._init(jax.random.key(1))
    training = teacher.Training(state, state.params, jnp.float32(-jnp.inf), jnp.int32(0))
    for number, earned in enumerate([-9.0, -3.0, -7.0]):
        rated = jnp.full(3, earned), jnp.full(3, 10)
        school._rate = lambda key, params, rated=rated: rated  # type: ignore[assignment]
        network, normaliser = state.params
        filled = ravel_pytree(network)[1](jnp.full(ravel_pytree(network)[0].shape, float(number)))
        now = training._replace(state=state.replace(params=(filled, normaliser)))
        training, said = school._compared(key, now)
        assert said == earned
    assert set(np.asarray(ravel_pytree(training.best[0])[0])) == {1.0}
    assert (float(training.score), int(training.tested)) == (-3.0, 90)
