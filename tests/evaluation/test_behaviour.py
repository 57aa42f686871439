"""What is recorded of an environment is what agents saw, and what it answers to the real task."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from synthgym.analysis import style
from synthgym.analysis.core.tables import read_runs
from synthgym.analysis.figures.behaviour import reward_surface
from synthgym.core.io import write_table
from synthgym.evaluation import behaviour
from synthgym.synth import env as synth

SOURCES = ["synthetic_training", "real_test", "synthetic_on_real"]


@pytest.fixture(scope="module")
def recorded(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The job, its environment, and the tables it wrote."""
    config, path = trained
    out = tmp_path_factory.mktemp("behaviour")
    names = behaviour.run(config, {"environment": [path]}, out, out)
    assert names == ["values.parquet", "surface.parquet"]
    env = synth.load(path, config.synth, config.task)
    return config, env, *(pd.read_parquet(out / name) for name in names)


def test_values_are_samples_of_every_quantity(recorded: Any) -> None:
    config, env, values, _ = recorded
    assert list(values) == ["quantity", "value", "source", "agent"]
    assert set(values.agent) == {"learner"}
    counts = values.groupby(["source", "quantity"]).size()
    expected = {
        (source, quantity): 25
        for source in SOURCES
        for quantity in (*config.task.observation_names, "reward")
        # Nothing follows on a step in a bandit, so its only answer is a reward.
        if not (env.spec.bandit and source == SOURCES[2] and quantity != "reward")
    }
    assert counts.to_dict() == expected


def test_the_real_task_pays_one_and_the_environment_what_it_says(recorded: Any) -> None:
    rewards = recorded[2][recorded[2].quantity == "reward"].groupby("source")["value"]
    assert rewards.nunique()["real_test"] == 1
    assert rewards.nunique()["synthetic_training"] > 1
    assert rewards.nunique()["synthetic_on_real"] > 1
    assert rewards.mean()["real_test"] == 1.0


def test_the_answer_is_the_environments_to_the_state_and_action(recorded: Any) -> None:
    config, env, _, _ = recorded
    _, test, answer = behaviour.record(config, env, config.agents["learner"])
    assert len(test.reward) == len(answer.reward) == 25
    for i in (0, 7, 24):
        reward = env.reward(jnp.asarray(test.observation[i]), jnp.asarray(test.action[i]))
        np.testing.assert_allclose(answer.reward[i], reward, rtol=1e-5, atol=1e-6)


def test_only_what_happened_is_sampled_and_nothing_twice() -> None:
    from synthgym.core.types import Transition

    happened = np.array([[True, True, False], [True, False, False]])
    numbers: Any = np.arange(6.0).reshape(2, 3)
    transitions = Transition(numbers[..., None], *[numbers] * 5)
    rng = np.random.default_rng(0)
    chosen = behaviour._sample(rng, transitions, happened, 10)
    assert sorted(chosen.reward.tolist()) == [0.0, 1.0, 3.0]
    assert chosen.observation[:, 0].tolist() == chosen.reward.tolist()
    assert len(behaviour._sample(rng, transitions, happened, 2).reward) == 2


def test_the_surface_is_the_reward_over_two_dimensions(recorded: Any) -> None:
    config, env, _, surface = recorded
    assert list(surface) == ["x_name", "y_name", "x", "y", "action", "reward"]
    assert surface[["x_name", "y_name"]].drop_duplicates().to_numpy().tolist() == [
        list(config.task.surface)
    ]
    assert len(surface) == behaviour.GRID**2 * 2
    assert surface.action.tolist() == [0, 1] * behaviour.GRID**2
    visited = np.random.default_rng(0).normal(size=(500, 4))
    rows = behaviour.surface(env, config.task, visited)
    third, fourth = (config.task.observation_names.index(name) for name in config.task.surface)
    assert rows.x.min() == pytest.approx(np.quantile(visited[:, third], 0.005))
    assert rows.y.max() == pytest.approx(np.quantile(visited[:, fourth], 0.995))
    row = rows.iloc[1234]
    observation = np.median(visited, axis=0)
    observation[third], observation[fourth] = row.x, row.y
    expected = env.reward(jnp.float32(observation), jnp.int32(row.action))
    assert row.reward == pytest.approx(float(expected), rel=1e-4)


def test_a_task_that_names_no_two_observations_has_no_surface(recorded: Any, tmp_path: Any) -> None:
    config, env, *_ = recorded
    task = config.task.replace(surface=[])
    rows = behaviour.surface(env, task, np.zeros((5, 4)))
    assert (len(rows), list(rows)) == (0, list(recorded[3]))
    place = tmp_path / "results/smoke/tasks/cartpole/some_env/seed1/behaviour/surface.parquet"
    write_table(place, rows)
    table = read_runs("surface", [place])
    figure = reward_surface(table, task={"id": "Task"}, scale="quick")
    style.save(figure, tmp_path / "reward_surface.png")
    assert (tmp_path / "reward_surface.png").stat().st_size > 1000
