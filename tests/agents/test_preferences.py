"""What an agent prefers is what it does where chance is left out."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import PROBES, defaults, hold, section
from synthgym.agents import base
from synthgym.plan.schema import definition, groups
from synthgym.tasks.base import load

PAIRS = [(name, kind) for name in groups("agent") for kind in definition("agent", name)["actions"]]


def task(name: str, kind: str) -> Any:
    if definition("agent", name)["observations"] == ["one_hot"]:
        return load(section("task", "cliff"))
    return PROBES["action by observation"] if kind == "discrete" else hold(terminates=True)


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_preferences_are_those_of_the_policy(name: str, kind: str) -> None:
    env = task(name, kind)
    chance = "test_policy" in definition("agent", name)["static"]
    without_chance = {"static": {"test_policy": "mode"}} if chance else {}
    agent = base.load(section("agent", name, **without_chance), env.spec)
    settings = defaults(section("agent", name))
    params = agent.init(jax.random.key(1), env, settings, 4000).params
    # Networks begin with outputs near zero; these differ, and some are beyond the bounds.
    random = np.random.default_rng(4)  # so that no policy does the same everywhere
    params = jax.tree.map(
        lambda x: x + random.normal(size=x.shape).astype("f4") if x.ndim >= 2 else x, params
    )
    if env.spec.num_states:
        observations = jnp.eye(env.spec.num_states)
    else:
        observations = jnp.linspace(-3, 3, 50)[:, None]
    act = jax.jit(jax.vmap(lambda o: agent.act(params, jax.random.key(0), o)))
    done = np.asarray(act(observations))
    preferred = np.asarray(jax.vmap(lambda o: agent.preferences(params, o))(observations))
    if kind == "discrete":
        assert preferred.shape == (len(observations), env.spec.num_actions)
        preferred = preferred.argmax(-1)
    np.testing.assert_allclose(preferred, done, rtol=1e-5)
    assert len(np.unique(done)) > 1
