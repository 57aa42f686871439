"""Fixtures and options, in a session of pytest of its own."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = "synthgym.testing.plugin"
INSTALLED = {e.value for e in importlib.metadata.entry_points(group="pytest11")}
SUITE = """
import numpy as np

def train(env, seed):
    assert env.spec.id == "Synthetic-CartPole-v1"
    return lambda observation: int(np.array([0.1, 0.3, 1.0, 1.0]) @ observation > 0)

def test_it_learns(synthgym_learns):
    synthgym_learns(train)

def test_it_does_not(synthgym_learns):
    synthgym_learns(lambda env, seed, steps: lambda observation: steps - 6)

def test_one_of_gymnax(synthgym_gymnax_env):
    assert synthgym_gymnax_env.num_actions == 2

def test_an_environment(synthgym_env):
    assert synthgym_env.reset(seed=0)[0].shape == synthgym_env.observation_space.shape
"""


def session(folder: Path, *words: str) -> str:
    """What pytest says."""
    plugin = () if PLUGIN in {*INSTALLED, *words} else ("-p", PLUGIN)
    command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_fixtures_and_options_do_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(SUITE)
    options = ("--synthgym-tasks", "CartPole-v1", "--synthgym-steps", "7", "--synthgym-seeds", "5")
    said = session(tmp_path, *options, "-q")
    assert "1 failed, 3 passed" in said, said
    assert "test_it_does_not[Synthetic-CartPole-v1]" in said
    assert "AssertionError: Trained in Synthetic-CartPole-v1, the agent returns 9." in said


def test_without_a_choice_there_is_a_test_for_each_task(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(SUITE)
    said = session(tmp_path, "--collect-only", "-q")
    for task in ("CartPole-v1", "Acrobot-v1", "Pendulum-v1"):
        assert f"test_it_learns[Synthetic-{task}]" in said, said
    assert "hopper" not in said


def test_nothing_is_imported_where_it_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # those of others may import anything
    heavy = {"gymnasium", "gymnax", "jax", "numpy"}
    (tmp_path / "test_mine.py").write_text(
        f"import sys\ndef test_it():\n    assert not {heavy} & sys.modules.keys()\n"
    )
    assert "1 passed" in session(tmp_path, "-q", "-p", PLUGIN)
