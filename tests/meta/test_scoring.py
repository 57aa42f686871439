"""Scores of learning curves that are worked out by hand."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import defaults, section
from synthgym.agents import base as agents
from synthgym.core.rng import stream
from synthgym.core.settings import Config, Meta
from synthgym.meta import evolve, scoring
from synthgym.meta.search import Search, Trials
from synthgym.tasks import base as tasks

CLIFF = section("task", "cliff")


def objective(name: str, **changes: Any) -> scoring.Objective:
    settings = {"name": name, "tests": 4, "window": 2, "penalty": 100.0, "solved": -20.0}
    found = scoring.of(Meta.read({"objective": {**settings, **changes}}))
    assert found
    return found


@pytest.mark.parametrize(
    ("final", "score"),
    [
        (-12.0, -300.0),  # solved after 300 steps
        (-20.0, -300.0),  # just so
        (-23.5, -300.0 - 350.0),  # 3.5 short of it, at 100 steps each
    ],
)
def test_steps_count_and_a_return_that_does_not_solve(final: float, score: float) -> None:
    curve = jnp.array([-50.0, -30.0, -12.0, -12.0])
    assert objective("steps_to_solve").score(jnp.int32(300), curve, jnp.float32(final)) == score


def test_area_is_the_mean_return_while_it_learns() -> None:
    curve = jnp.array([-50.0, -30.0, -12.0, -8.0])
    assert objective("area_under_curve").score(jnp.int32(300), curve, jnp.float32(-1.0)) == -25.0


def test_only_the_final_return_counts_where_nothing_else_is_said() -> None:
    assert scoring.of(Meta.read({})) is None
    assert scoring.of(section("meta", "snes")) is None


def test_training_ends_at_the_first_window_that_solves() -> None:
    """Two agents: one whose tests solve from the second on, one whose never do."""
    agent_config = section("agent", "q_learning")
    agent = agents.load(agent_config, tasks.load(CLIFF).spec)
    good = jnp.array([[0.0, 4.0, 6.0, 6.0, 9.0], [0.0, 1.0, 1.0, 1.0, 1.0]])

    def train(key: Any, returns: Any) -> Any:
        keys = jax.vmap(lambda i: jax.random.fold_in(stream(key, "test"), i))(jnp.arange(5))

        def test(key: Any, params: Any) -> Any:
            at = (jax.random.key_data(keys) == jax.random.key_data(key)).all(-1)
            return returns[at.argmax()], jnp.int32(3)

        run = (agent, tasks.load(CLIFF), defaults(agent_config), key, 10, 5)
        return agents.train_until(*run, test, 5.0, 2)[1]

    keys = jax.random.split(jax.random.key(0), 2)
    with jax.debug_key_reuse(False):  # keys of tests are made twice, to know which test it is
        tested = jax.jit(jax.vmap(train))(keys, good)
    # (4 + 6) / 2 = 5 after the third test, at 6 steps; it stays at the last return.
    np.testing.assert_array_equal(tested.step, [6, 10])
    np.testing.assert_array_equal(tested.returns, [[0, 4, 6, 6, 6], [0, 1, 1, 1, 1]])
    np.testing.assert_array_equal(tested.test_steps, [9, 15])


def config(**meta: Any) -> Any:
    """Three generations of small networks on the cliff."""
    settings = {
        "agents": ["q_learning"],
        "steps": {"q_learning": 60},
        "objective": {
            "name": "steps_to_solve",
            "tests": 6,
            "window": 2,
            "penalty": 100.0,
            "solved": -60.0,
        },
        "population": 2,
        "generations": 3,
        "stop": "never",
        "episodes": 1,
        "evaluate_draws": 2,
        "checkpoint_seconds": 0.0,
    }
    return Config.read(
        {
            "seed": 0,
            "task": CLIFF,
            "synth": section("synth", "reward_network", hidden=[4]),
            "meta": section("meta", "ferreira", **settings | meta),
            "agents": {"q_learning": section("agent", "q_learning")},
        }
    )


def made(out: Path) -> bytes:
    return (out / "environment.safetensors").read_bytes()


def test_a_search_that_was_killed_goes_on_as_if_it_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for out in (whole, killed):
        out.mkdir()
    evolve.run(config(), {}, whole, tmp_path / "a")
    judge = Search.judge

    def dies(self: Search, tried: Any) -> None:
        if self.generation == 3:
            raise KeyboardInterrupt
        judge(self, tried)

    monkeypatch.setattr(Search, "judge", dies)
    with pytest.raises(KeyboardInterrupt):
        evolve.run(config(), {}, killed, tmp_path / "b")
    assert (tmp_path / "b/search.safetensors").exists()
    monkeypatch.setattr(Search, "judge", judge)
    evolve.run(config(), {}, killed, tmp_path / "b")
    assert made(killed) == made(whole)


def test_steps_with_a_reward_network_are_real_ones(tmp_path: Path) -> None:
    search, trials = Search(config(), tmp_path / "search.safetensors"), Trials(config())
    evolve.generation([search], trials)
    (row,) = search.log.progress
    agents_ = 2 * 3  # of two perturbations, their mirror images and the mean
    assert (60 + 6 + 1) * agents_ <= row["real_steps"] <= (60 + (6 + 1) * 50) * agents_
    assert row["synthetic_steps"] == 0
    assert row["fitness_max"] <= -10.0
