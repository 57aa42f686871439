"""Objectives are judged alike: the same agents, but for what keeps their policy near."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pandas as pd

from probes import task_section, tiny
from synthgym.agents import drift
from synthgym.core import checkpoint
from synthgym.core.settings import Config
from synthgym.evaluation import objectives

JUDGE = {
    "draws": 4,
    "steps": 64,
    "episodes": 3,
    "evaluations": 2,
    "hyperparameters": "default",
    "stop": "never",
    "solved": None,
}


def judged(name: str, agent: str, out: Path, files: list[Path]) -> tuple[pd.DataFrame, Any]:
    config = {
        "seed": 0,
        "task": task_section(),
        "judge": JUDGE,
        "agents": {agent: tiny(agent)},
        "objective_name": name,
    }
    names = objectives.run(Config.read(config), {"objective": files}, out, out)
    assert names == ["curves.parquet", "episodes.parquet"]
    return pd.read_parquet(out / names[0]), pd.read_parquet(out / names[1])


def test_agents_are_shared_out_among_the_seeds_of_an_objective(tmp_path: Path) -> None:
    files = []
    for seed in (0, 3):
        theta = drift.init_theta(jax.random.key(seed))
        theta["output"] = jnp.full(drift.WIDTH, 0.1 * seed)
        files.append(tmp_path / f"seed{seed}/objective.safetensors")
        files[-1].parent.mkdir()
        checkpoint.save(files[-1], theta, {})
    curves, episodes = judged("lpo_bandit", "lpo", tmp_path, files)
    assert curves.groupby("meta_seed")["draw"].nunique().to_dict() == {0: 2, 3: 2}
    assert episodes.groupby("meta_seed").size().to_dict() == {0: 2 * 3, 3: 2 * 3}
    assert set(curves["objective"]) == {"lpo_bandit"}
    assert set(curves["task"]) == {"probe"}
    assert sorted(set(curves["step"])) == [32, 64]
    assert not [name for name in curves if name == "hp_drift"]


def test_an_objective_that_was_not_learnt_needs_no_file(tmp_path: Path) -> None:
    curves, _ = judged("dpo", "dpo", tmp_path, [])
    assert curves.groupby("meta_seed")["draw"].nunique().to_dict() == {-1: 4}
