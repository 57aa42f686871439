"""Both agents reach the known values of the probes (see `probes.PROBES`), all in one batch."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import GAMMA, HORIZON, PROBES, defaults, parts, stacked, tiny
from synthgym.agents import base

# What follows a state is worth nothing after termination, and after truncation what it would be
# without the time limit. `truncated`: v = 1 + gamma v. `terminated` looks the same at each of its
# HORIZON steps, of which the last has no future: v = 1 + gamma v (HORIZON - 1) / HORIZON.
FOREVER = 1 / (1 - GAMMA)
ENDING = 1 / (1 - GAMMA * (HORIZON - 1) / HORIZON)
AT = (-1.0, 0.5, 1.0)  # observations
VALUES: dict[str, dict[float, float]] = {
    "constant": {0.5: 1.0},
    "observed": {-1.0: -1.0, 1.0: 1.0},
    "delayed": {-1.0: GAMMA, 1.0: 1.0},
    "action": {0.5: 1.0},
    "action by observation": {-1.0: 1.0, 1.0: 1.0},
    "truncated": {0.5: FOREVER},
    "terminated": {0.5: ENDING},
}
# Where they differ from the values: (observation, action) -> worth.
WORSE = {"action": {(0.5, 0): -1.0}, "action by observation": {(-1.0, 1): -1.0, (1.0, 0): -1.0}}
BEST = {"action": {0.5: 1}, "action by observation": {-1.0: 0, 1.0: 1}}


def trained(section: Any, steps: int, **hyperparameters: float) -> tuple[Any, Any]:
    """The agent, and its parameters after training in each probe."""
    probes = list(PROBES.values())
    agent = base.load(section, probes[0].spec)
    settings = defaults(section, gamma=GAMMA, **hyperparameters)
    keys = jax.random.split(jax.random.key(0), len(probes))

    def train(env: Any, key: Any) -> Any:
        return base.train(agent, env, settings, key, steps)[0]

    params = jax.jit(jax.vmap(train))(stacked(probes), keys)
    return agent, parts(params, len(probes))


@pytest.fixture(scope="module")
def ppo() -> dict[str, Any]:
    """What each probe's agent thinks of each observation, and its probability of action 1."""
    section = tiny("ppo", static={"num_epochs": 4, "hidden": [16]})
    changes = {"learning_rate": 0.01, "gae_lambda": 0.0, "entropy_coefficient": 0.0}
    agent, params = trained(section, 9600, **changes)
    at = jnp.array(AT)[:, None]
    return {
        name: (
            dict(zip(AT, agent._value(p[0], at), strict=True)),
            dict(
                zip(
                    AT,
                    jnp.exp(agent._log_prob(p[0], agent._policy(p[0], at), jnp.ones(3, jnp.int32))),
                    strict=True,
                )
            ),
        )
        for name, p in zip(PROBES, params, strict=True)
    }


@pytest.fixture(scope="module", params=[True, False], ids=["dueling", "plain"])
def dqn(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What each probe's agent thinks of each observation and action, and the action it takes."""
    static = {"dueling": request.param, "buffer_size": 480, "batch_size": 32, "num_updates": 2}
    section = tiny("dqn", static=static)
    agent, params = trained(section, 6000, learning_rate=0.0015, epsilon_end=0.3)
    at = jnp.array(AT)[:, None]
    return {
        name: (
            dict(zip(AT, agent._network.apply(p[0], at), strict=True)),
            dict(zip(AT, jax.vmap(partial(agent.act, p, jax.random.key(0)))(at), strict=True)),
        )
        for name, p in zip(PROBES, params, strict=True)
    }


@pytest.mark.parametrize("probe", PROBES)
def test_the_critic_of_ppo_knows_what_a_state_is_worth(ppo: Any, probe: str) -> None:
    for observation, value in VALUES[probe].items():
        np.testing.assert_allclose(ppo[probe][0][observation], value, atol=0.15, rtol=0.03)


@pytest.mark.parametrize("probe", BEST)
def test_the_actor_of_ppo_takes_the_better_action(ppo: Any, probe: str) -> None:
    for observation, action in BEST[probe].items():
        assert abs(action - ppo[probe][1][observation]) < 0.1


@pytest.mark.parametrize("probe", PROBES)
def test_dqn_knows_what_an_action_is_worth(dqn: Any, probe: str) -> None:
    for observation, value in VALUES[probe].items():
        for action in (0, 1):
            worth = WORSE.get(probe, {}).get((observation, action), value)
            np.testing.assert_allclose(
                dqn[probe][0][observation][action], worth, atol=0.15, rtol=0.03
            )


@pytest.mark.parametrize("probe", BEST)
def test_dqn_takes_the_better_action(dqn: Any, probe: str) -> None:
    for observation, action in BEST[probe].items():
        assert dqn[probe][1][observation] == action
