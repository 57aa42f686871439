"""Environments that one has made: files without a card, which say themselves what they are."""

import subprocess
import sys
from pathlib import Path

import gymnasium
import gymnax
import jax
import numpy as np
import pytest

from probes import section
from synthgym import zoo
from synthgym.core import checkpoint
from synthgym.core.definitions import definition, groups
from synthgym.core.settings import plain
from synthgym.synth.base import module_of
from synthgym.zoo.cards import name_of


def made(path: Path, kind: str, task: str) -> Path:
    synth, real = section("synth", kind), section("task", task)
    module = module_of(synth)
    theta = module.init_theta(jax.random.key(0), module.make(synth, real))
    config = {"synth": plain(synth), "task": plain(real)}
    checkpoint.save(path / "environment.safetensors", theta, {"config": config})
    return path / "environment.safetensors"


@pytest.mark.parametrize("kind", ["bandit", "exact_bandit"])
def test_a_file_says_what_it_is(kind: str, tmp_path: Path) -> None:
    path = made(tmp_path, kind, "pendulum")
    assert zoo.card(path)["name"] == "Synthetic-Pendulum-v1"
    assert zoo.card(path)["task"]["solved"] == -300.0
    env = gymnasium.make("synthgym:Synthetic", path=path)
    observation, _ = env.reset(seed=0)
    assert env.step(env.action_space.sample())[2]  # over after one step
    if kind == "exact_bandit":
        assert (
            (np.asarray(zoo.load(path).theta["initial_state"]["table"]) == observation).all(1).any()
        )


def test_another_task_than_its_name_says_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, "bandit", "pendulum")
    with pytest.raises(ValueError, match="is Synthetic-Pendulum-v1, not Synthetic-CartPole-v1"):
        gymnasium.make("synthgym:Synthetic-CartPole-v1", path=path)


@pytest.mark.parametrize(
    ("task", "name"),
    [({"name": name, "id": definition("task", name)["id"]}, None) for name in groups("task")]
    + [
        ({"name": "short_pendulum", "id": "Pendulum-v1"}, "Synthetic-short_pendulum"),
        ({"name": "cart", "id": "CartPole-v1"}, "Synthetic-cart"),
    ],
)
def test_a_task_of_ones_own_takes_no_name_of_another(task: dict[str, str], name: str) -> None:
    assert name_of(task) == (name or f"Synthetic-{task['id']}")


def test_whichever_file_needs_its_path() -> None:
    with pytest.raises(ValueError, match="say `path=FILE`"):
        gymnasium.make("synthgym:Synthetic")


def test_gymnax_takes_a_file_too(tmp_path: Path) -> None:
    path = made(tmp_path, "bandit", "pendulum")
    env, params = gymnax.make("Synthetic", path=path)
    assert env.name == "Synthetic-Pendulum-v1"
    jax.tree.map(np.testing.assert_array_equal, params.theta, zoo.load(path).theta)
    observation, state = env.reset(jax.random.key(0), params)
    done = env.step(jax.random.key(1), state, jax.numpy.zeros(1), params)[3]
    assert observation.shape == (3,)
    assert done


def test_a_file_that_says_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "environment.safetensors"
    checkpoint.save(path, {"x": np.zeros(2)}, {})
    with pytest.raises(ValueError, match="is no environment, by what it says of itself"):
        zoo.load(path)


def test_the_list_is_there_before_jax_could_be() -> None:
    code = "import sys; from synthgym.__main__ import main; main(['zoo', 'list']); "
    code += "sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
