"""Agents of this package and of Stable-Baselines3, with their own settings, pass as documented."""

import importlib.util
import re
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import probes
from clones import run
from synthgym.agents import base, defaults
from synthgym.core.types import EnvSpec
from synthgym.testing import battery
from synthgym.testing.cases import probe

DOCUMENT = Path(__file__).parents[2] / "docs" / "testing.md"
KNOWN = [name for name, process in battery.PROCESSES.items() if not process.needs]


def in_jax(name: str) -> probes.Table:
    """The process as a table for agents of this package; the next episode begins anywhere."""
    table, process = battery.tables(name), battery.PROCESSES[name]
    count = len(table.names)
    start = np.bincount(table.start, minlength=count) / len(table.start)
    return probes.Table(
        observation=jnp.eye(count),
        reward=jnp.asarray(table.reward, jnp.float32),
        following=jnp.asarray(table.following, jnp.int32),
        terminates=jnp.asarray(table.ends),
        start=jnp.asarray(start, jnp.float32),
        spec=EnvSpec(count, 2, 0, -1.0, 1.0, process.horizon),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_agents_of_this_package_pass(algorithm: str, name: str) -> None:
    env, process = in_jax(name), battery.PROCESSES[name]
    agent, hyperparameters = defaults.make(algorithm, env.spec)
    hyperparameters |= {"gamma": jnp.float32(process.gamma)}

    def learned(key: jax.Array) -> object:
        return base.train(agent, env, hyperparameters, key, process.steps)[0]

    params = jax.jit(jax.vmap(learned))(jax.random.split(jax.random.key(0), 4))
    act, case = jax.jit(agent.act), probe(f"Probe-{name}-v0")
    for seed, one in enumerate(probes.parts(params, 4)):
        keys = iter(jax.random.split(jax.random.key(seed), 4000))
        returned, _ = case.judge(
            lambda observation, one=one, keys=keys: act(one, next(keys), observation), seed, 20
        )
        assert case.passes(returned), returned


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("stable_baselines3") is None, reason="Stable-Baselines3 is not here"
)
@pytest.mark.parametrize("broken", [False, True])
def test_the_example_does_what_the_text_says(broken: bool, tmp_path: Path) -> None:
    (example,) = re.findall(
        r"```python\n(from stable_baselines3.*?)```", DOCUMENT.read_text(), re.S
    )
    code = example.replace("seed=seed)", "seed=seed, learning_rate=0.0)") if broken else example
    assert (code != example) == broken
    (tmp_path / "test_example.py").write_text(code)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = (sys.executable, "-m", "pytest", "-q", "test_example.py")
    said = " ".join(run(*command, cwd=tmp_path, fails=broken).split())
    assert ("fails with 4 of 4 seeds. A sound agent returns at least" in said) == broken
    assert ("look at" in said) == broken
