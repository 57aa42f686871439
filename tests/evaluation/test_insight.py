"""What a bandit knows is found where it is known by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from probes import section
from synthgym.core.settings import Mirror
from synthgym.evaluation import insight
from synthgym.synth import env as synth

STATES = np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32)
NAMES = ("first", "second")


def sign_of_first(observation: Any) -> Any:
    """The second action where the first observation is above zero, by as much; else the first."""
    return jnp.stack([-observation[0], observation[0]])


def test_only_what_matters_is_important() -> None:
    rng = np.random.default_rng(0)
    table = insight.importance({"p": sign_of_first}, STATES, NAMES, discrete=True, rng=rng)
    first, second = table.to_dict("records")
    assert first["permutation"] == pytest.approx(0.5, abs=0.07)  # two signs, by chance
    assert (second["permutation"], second["gradient"]) == (0.0, 0.0)
    assert first["gradient"] == pytest.approx(1.0)


def test_gradients_are_per_deviation() -> None:
    """Twice the slope, a third of the spread: two fifths of three fifths."""
    wide = STATES * np.array([3.0, 1.0], np.float32)
    wide = (wide / wide.std(0) * np.array([3.0, 1.0])).astype(np.float32)

    def output(observation: Any) -> Any:
        return jnp.array([observation[0] + 2 * observation[1]])

    rng = np.random.default_rng(0)
    table = insight.importance({"p": output}, wide, NAMES, discrete=False, rng=rng)
    np.testing.assert_allclose(table["gradient"], [0.6, 0.4], rtol=1e-2)


def test_symmetry_is_agreement_with_the_mirror_image() -> None:
    mirror = Mirror.read({"observation": [-1.0, 1.0], "action": [1.0, 0.0]})
    outputs = {"odd": sign_of_first, "stubborn": lambda observation: jnp.array([1.0, 0.0])}
    table = insight.symmetry(outputs, STATES, mirror, discrete=True).set_index("policy")
    assert table.agreement.to_dict() == {"odd": 1.0, "stubborn": 0.0}
    images = Mirror.read({"observation": [-1.0, 1.0], "action": [-1.0]})
    straight = {"odd": lambda o: o[:1], "even": lambda o: o[:1] ** 2, "flat": lambda o: 0 * o[:1]}
    table = insight.symmetry(straight, STATES, images, discrete=False).set_index("policy")
    assert table.agreement["odd"] == pytest.approx(1.0)
    assert table.agreement["even"] == pytest.approx(-1.0)
    assert table.agreement["flat"] == 0.0
    assert insight.symmetry(outputs, STATES, None, discrete=True).empty


def test_the_best_continuous_action_is_found() -> None:
    """Rewards of a random network in two dimensions, against a grid."""
    task = section(
        "task", "pendulum", action={"kind": "continuous", "size": 2, "low": -2.0, "high": 2.0}
    )
    env = synth.make(section("synth", "bandit"), task)
    env = env.replace(theta=synth.init_theta(jax.random.key(3), env))
    line = np.linspace(-2.0, 2.0, 81, dtype=np.float32)
    grid = jnp.asarray(np.stack(np.meshgrid(line, line), -1).reshape(-1, 2))
    observations = jax.random.normal(jax.random.key(1), (10, 3))
    for observation in observations:
        found = insight.best_action(env, observation)
        rewards = jax.vmap(env.reward, (None, 0))(observation, grid)
        assert (jnp.abs(found) <= 2.0).all()
        assert env.reward(observation, found) >= rewards.max() - 0.02 * jnp.ptp(rewards)


@pytest.mark.parametrize("trained", ["bandit"], indirect=True)
def test_every_table_is_written(trained: Any, tmp_path: Any) -> None:
    config, path = trained
    mirror = {"observation": [-1.0] * 4, "action": [1.0, 0.0]}
    settings = {"agents": 2, "episodes": 3, "visits": 1, "states": 8}
    config = config.replace(insight=settings, mirror=mirror)
    names = insight.run(config, {"environment": [path]}, tmp_path, tmp_path)
    tables = {name: pd.read_parquet(tmp_path / name) for name in names}
    counts = tables["policies.parquet"].groupby("policy").size().to_dict()
    assert counts == {"best paid": 6, "trained": 6, "random": 6}
    assert set(tables["importance.parquet"]["policy"]) == {"best paid", "trained 0", "trained 1"}
    assert len(tables["symmetry.parquet"]) == 3
    sources = tables["states.parquet"].groupby("source").size()
    assert sources["context"] == sources["visited"] == 8 * 4
