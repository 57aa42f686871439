"""What is recorded is one whole episode of the real task, as it happened."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from synthgym.core.types import Transition
from synthgym.evaluation import rollout
from synthgym.synth import env as synth


@pytest.fixture(scope="module")
def recorded(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The job, where its environment is, and the table it wrote."""
    config, path = trained
    out = tmp_path_factory.mktemp("rollout")
    assert rollout.run(config, {"environment": [path]}, out, out) == ["rollout.parquet"]
    return config, path, pd.read_parquet(out / "rollout.parquet")


def test_every_quantity_has_a_row_at_every_step_of_an_episode(recorded: Any) -> None:
    config, _, table = recorded
    assert list(table) == ["step", "kind", "quantity", "value", "agent"]
    expected = [*config.task.observation_names, "action", "reward"]
    assert list(table.quantity.unique()) == expected
    length = int(table.value[table.kind == "reward"].sum())  # CartPole pays 1 a step
    assert 8 <= length <= 10  # no pole falls before, and that is the horizon
    for _, rows in table.groupby("quantity"):
        assert rows.step.tolist() == list(range(length))
    assert set(table.agent) == {"learner"}


def test_each_observation_is_what_the_step_before_led_to(recorded: Any) -> None:
    config, path, table = recorded
    env = synth.load(path, config.synth, config.task)
    episode = rollout.record(config, env, config.agents["learner"])
    np.testing.assert_array_equal(episode.observation[1:], episode.next_observation[:-1])
    ended = episode.terminated | episode.truncated
    assert ended.nonzero()[0].tolist() == [len(ended) - 1]
    names = config.task.observation_names
    wide = table[table.kind == "observation"].pivot(
        index="step", columns="quantity", values="value"
    )
    np.testing.assert_array_equal(wide[list(names)].to_numpy(), episode.observation)


def test_actions_of_several_dimensions_are_told_apart() -> None:
    numbers = jnp.arange(6.0).reshape(3, 2)
    none = jnp.zeros(3, bool)
    table = rollout.in_rows(
        Transition(numbers[:, :1], numbers, numbers[:, 0], numbers[:, :1], none, none), ["x"]
    )
    assert table[table.quantity == "action 1"]["value"].tolist() == [1.0, 3.0, 5.0]
    assert set(table.quantity) == {"x", "action 0", "action 1", "reward"}


def test_of_an_image_the_share_of_cells_of_each_channel_is_told() -> None:
    image = np.zeros((1, 2, 2, 3), "f4")
    image[0, 0, :, 1] = 1.0  # half of the cells
    image[0, 1, 1, 2] = 1.0
    shares = rollout.observed(image.reshape(1, -1), ["a", "b", "c"])
    assert {name: x.tolist() for name, x in shares.items()} == {"a": [0.0], "b": [0.5], "c": [0.25]}
