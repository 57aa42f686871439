"""Settings of agents in the task itself: tried as planned, and the better one is found."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from probes import section
from synthgym.core.io import read_json
from synthgym.core.settings import Config
from synthgym.evaluation import baseline
from synthgym.search import agents

SPACE: dict[str, Any] = {"agents.q_learning.hyperparameters.epsilon_end": {"choice": [0.0, 1.0]}}


def config(**search: Any) -> Any:
    """Of Q-learning on the cliff, which gets nowhere where all of its actions are random."""
    settings = {
        "space": SPACE,
        "configurations": 3,
        "budget": {"min": 100, "max": 400, "eta": 2},
        "brackets": "full",
        "random": 1.0,
        "seeds": [7],
    }
    study = {"episodes": 1, "hyperparameters": "default", "stop": "never", "solved": None}
    changes = {"epsilon_start": 0.0, "epsilon_end": 0.5}
    return Config.read(
        {
            "seed": 0,
            "task": section("task", "cliff", horizon=20),
            "agents": {"q_learning": section("agent", "q_learning", hyperparameters=changes)},
            "baseline": {**study, "draws": 2, "evaluations": 4, "steps": 400},
            "search": {**settings, **search},
        }
    )


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("searched")
    names = agents.run(config(), {}, path, path)
    assert names == ["trials.parquet", "best.json", "importance.json"]
    return path


def test_each_rung_has_its_own_trainings(searched: Path) -> None:
    table = pd.read_parquet(searched / "trials.parquet")
    assert table.groupby("budget").size().to_dict() == {100: 3, 200: 1, 400: 1}
    assert (table["real_steps"] == 2 * table["budget"]).all()  # of two agents, from the beginning
    assert (table["updates"] == table["real_steps"]).all()
    assert (table["synthetic_steps"] == 0).all()


def test_a_configuration_is_worth_the_mean_over_its_training(
    searched: Path, tmp_path: Path
) -> None:
    """As a study of the same agents says, with the seed of the search."""
    table = pd.read_parquet(searched / "trials.parquet")
    (row,) = table[table["budget"] == 400].to_dict("records")
    (found,) = read_json(searched / "best.json")["agents"]["q_learning"]["hyperparameters"].items()
    assert found == ("epsilon_end", float(row[next(iter(SPACE))]))
    job = config().replace(seed=7)
    baseline.run(job, {"settings": [searched / "best.json"]}, tmp_path, tmp_path)
    curves = pd.read_parquet(tmp_path / "curves.parquet")
    assert curves["hp_epsilon_end"].unique().tolist() == [found[1]]
    assert curves["return_"].mean() == pytest.approx(row["value"])


def test_settings_of_an_agent_that_is_not_there_are_refused(searched: Path) -> None:
    job = config().replace(agents={"sarsa": section("agent", "sarsa")})
    with pytest.raises(ValueError, match="this job has no agent q_learning"):
        baseline.run(job, {"settings": [searched / "best.json"]}, searched, searched)


def test_configurations_that_share_a_program_have_their_own_settings() -> None:
    trainings = agents.Trainings(config())
    rates = [{"epsilon_start": rate, "epsilon_end": rate} for rate in (0.0, 1.0)]
    sections = [{"agents": {"q_learning": {"hyperparameters": rate}}} for rate in rates]
    configs = [trainings.search(each, 7, Path(), 400) for each in sections]
    first, second = (worth.value for _, worth in trainings.advanced(configs, 400))
    assert first != second
