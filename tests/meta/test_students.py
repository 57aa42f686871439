"""What students show: states of the real task, of each round as many as of any other."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learners
from probes import section
from synthgym.core.settings import Students
from synthgym.meta import students
from synthgym.synth import env as synth
from synthgym.tasks import base as tasks

HORIZON = 10


@pytest.fixture(scope="module")
def bandit() -> Any:
    """One context, the pole leaning right, in which nothing pays: students do not learn."""
    task = section("task", "cartpole", horizon=HORIZON)
    settings = section("synth", "table_bandit", initial_states=1, hidden=[2])
    env = synth.make(settings, task)
    zeros = jax.tree.map(jnp.zeros_like, synth.init_theta(jax.random.key(0), env))
    return env.replace(theta=zeros), tasks.load(task)


def taught(bandit: Any) -> students.Class:
    agents = {"learner": learners.section("learner", "extra")}
    settings = {"number": 3, "steps": 16, "episodes": 2, "agents": agents}
    env, task = bandit
    return students.taught(Students.read(settings), env, task, jax.random.key(5))


def test_students_show_the_states_in_which_they_act(bandit: Any) -> None:
    """Nothing is learned, so all push left: CartPole pays 1 a step, and falls within ten."""
    seen = taught(bandit)
    assert seen.states.shape == (round(seen.return_ * 3 * 2), 4)
    assert (seen.states[:, 1] < 0.06).all()  # velocity: never pushed to the right
    starts = np.abs(seen.states).max(1) < 0.05
    assert starts.sum() == 3 * 2  # a first state of each episode, and no other


def test_what_students_take_is_counted(bandit: Any) -> None:
    seen = taught(bandit)
    assert seen.synthetic_steps == 3 * 16
    assert seen.updates == 3 * 16 // 4


def test_each_round_has_equal_say() -> None:
    few, many = np.zeros((3, 2), np.float32), np.arange(1, 201, dtype=np.float32).reshape(-1, 2)
    together = students.in_equal_parts(jax.random.key(0), [few, many])
    assert together.shape == (200, 2)
    assert (together == 0).all(1).sum() == 100
    rest = together[(together != 0).all(1)]
    assert {tuple(x) for x in rest} <= {tuple(x) for x in many}
    assert len({tuple(x) for x in rest}) > 40
