"""What a search found goes into the configuration of a meta-training, checked as one is."""

import json
from pathlib import Path
from typing import Any

import jax
import pytest

from probes import section, task_section
from synthgym.core import checkpoint
from synthgym.core.job import Begun
from synthgym.core.settings import Config, ConfigError
from synthgym.meta import evolve
from synthgym.meta.settings import with_settings


def config() -> Config:
    meta: dict[str, Any] = {"agents": ["ddqn"], "population": 2, "generations": 1, "episodes": 1}
    meta |= {"steps": {"ddqn": 20}, "stop": "never", "evaluate_draws": 2, "evaluate_every": 0}
    return Config.read(
        {
            "seed": 0,
            "task": task_section(),
            "synth": section("synth", "bandit", hidden=[4]),
            "meta": section("meta", "ferreira", **meta),
            "agents": {"ddqn": section("agent", "ddqn", static={"hidden": [4], "batch_size": 4})},
        }
    )


def written(path: Path, sections: Any) -> Path:
    path.write_text(json.dumps(sections))
    return path


def test_they_win_and_all_else_stays(tmp_path: Path) -> None:
    found = {"meta": {"sigma": 0.5}, "agents": {"ddqn": {"hyperparameters": {"tau": 0.02}}}}
    merged = with_settings(config(), [written(tmp_path / "best.json", found)])
    assert (merged.meta.sigma, merged.agents["ddqn"].hyperparameters["tau"]) == (0.5, 0.02)
    assert merged.meta.replace(sigma=config().meta.sigma) == config().meta
    gamma = config().agents["ddqn"].hyperparameters["gamma"]
    assert merged.agents["ddqn"].hyperparameters["gamma"] == gamma
    assert merged.synth == config().synth
    assert with_settings(config(), []) == config()


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"meta": {"sigma": -1.0}}, "best.json.meta.sigma: must be above 0, not -1.0."),
        ({"meta": {"sigmas": 1.0}}, "unknown setting; do you mean sigma?"),
        ({"agents": {"ppo": {}}}, "this job has no agent ppo"),
        ({"agents": {"ddqn": {"hyperparameters": {"speed": 1.0}}}}, "named speed"),
        ({"distil": {}}, "this job has no section distil"),
        ([1], "no sections of a configuration"),
    ],
)
def test_what_is_no_setting_is_refused(tmp_path: Path, sections: Any, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        with_settings(config(), [written(tmp_path / "best.json", sections)])
    assert words in str(error.value)


def test_a_meta_training_has_them_and_says_so(tmp_path: Path) -> None:
    found = {"meta": {"sigma": 0.5}, "agents": {"ddqn": {"hyperparameters": {"tau": 0.02}}}}
    paths = {"settings": [written(tmp_path / "best.json", found)]}
    evolve.run(*Begun(config(), paths, tmp_path, tmp_path))
    _, about = checkpoint.read(tmp_path / "environment.safetensors")
    assert about["config"]["meta"]["sigma"] == 0.5
    assert about["config"]["agents"]["ddqn"]["hyperparameters"]["tau"] == 0.02
    assert jax.tree.leaves(about["config"]["meta"]["population"]) == [2]
