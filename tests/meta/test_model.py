"""MDPs fitted to what agents met in the task: nothing is lost, nothing is out of order."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probes import section, tiny
from synthgym.core import checkpoint
from synthgym.core.settings import Config
from synthgym.meta import model


def job(**changes: Any) -> Config:
    settings = {"agents": 2, "steps": 60, "fit_steps": 600, "fit_batch_size": 32}
    return Config.read(
        {
            "seed": 0,
            "task": section("task", "cartpole_v0", horizon=12),
            "synth": section("synth", "mdp", horizon=12, hidden=[16]),
            "model": {**settings, "fit_learning_rate": 0.01, **changes},
            "agents": {"dqn": tiny("dqn")},
        }
    )


def test_the_experience_is_that_of_whole_trainings_in_order() -> None:
    seen, first, updates = model.experience(job())
    assert seen.observation.shape == (120, 4)
    assert updates > 0
    ended = seen.terminated | seen.truncated
    within = ~ended[:-1]
    within[14::15] = False  # from one of two agents with four environments each to the next
    np.testing.assert_array_equal(seen.observation[1:][within], seen.next_observation[:-1][within])
    begins = np.append(True, ~within)
    np.testing.assert_array_equal(seen.observation[begins], first)
    assert np.abs(first).max() <= 0.05  # where CartPole begins


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    assert model.run(job(), {}, out, out) == ["environment.safetensors", "progress.parquet"]
    return out


def test_what_it_took_is_said(made: Path) -> None:
    (row,) = pd.read_parquet(made / "progress.parquet").to_dict("records")
    assert (row["stage"], row["real_steps"], row["synthetic_steps"]) == ("model", 120, 0)
    assert row["error_reward"] < 0.5
    assert row["error_transition"] < 0.5  # of the variance; what is not learnt leaves all of it


def test_all_networks_are_fitted(made: Path) -> None:
    from synthgym.synth import env as synth

    config = job()
    env = synth.load(made / "environment.safetensors", config.synth, config.task)
    assert set(env.theta) == {"initial_state", "transition", "reward", "done"}
    assert checkpoint.read(made / "environment.safetensors")[1]["cost"]["real_steps"] == 120
