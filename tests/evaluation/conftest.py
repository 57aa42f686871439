"""A trained environment's file and the sections of jobs on it; everything small."""

from pathlib import Path
from typing import Any

import jax
import pytest

import learners
from probes import section
from synthgym.core import checkpoint
from synthgym.core.settings import Config
from synthgym.synth import env as synth

STUDY = {
    "steps": 64,
    "episodes": 3,
    "evaluations": 2,
    "hyperparameters": "sampled",
    "stop": "never",
    "solved": None,
}


def job(kind: str, **changes: Any) -> Config:
    """A configuration with all sections; the real task is CartPole with a horizon of 10."""
    values = {
        "seed": 1,
        "task": section("task", "cartpole", horizon=10),
        "synth": section("synth", kind, **({"horizon": 4} if kind == "mdp" else {})),
        "meta": {"agents": ["learner"]},
        "agents": {"learner": learners.section("learner", "extra")},
        "transfer": STUDY | {"draws": 3},
        "baseline": STUDY | {"draws": 2},
        "expert": STUDY | {"draws": 2, "hyperparameters": "default"},
        "behaviour": {"agents": 2, "steps": 64, "episodes": 3, "samples": 25},
    }
    return Config.read({**values, **changes})


@pytest.fixture(scope="module", params=["bandit", "mdp"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A job, and where its environment is, as the workflow has it."""
    config = job(request.param)
    env = synth.make(config.synth, config.task)
    path: Path = tmp_path_factory.mktemp("results") / "some_env/seed1/metatrain"
    path = path / "environment.safetensors"
    checkpoint.save(path, synth.init_theta(jax.random.key(0), env), {})
    return config, path
