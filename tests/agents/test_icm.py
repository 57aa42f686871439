"""Curiosity: errors of a model that is written down, and what is paid for them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import defaults, section
from synthbench.agents import base as agents
from synthbench.types import EnvSpec, Transition

SPECS = {
    "ddqn_icm": EnvSpec(2, 3, 0, -1.0, 1.0, 10),
    "td3_icm": EnvSpec(2, 0, 2, -1.0, 1.0, 10),
}
STATIC = {"buffer_size": 64, "batch_size": 4, "hidden": [4], "feature_size": 5, "model_hidden": 6}


def curious(name: str) -> tuple[Any, Any]:
    config = section("agent", name, static={**STATIC, "warmup_episodes": 0})
    return agents.load(config, SPECS[name]), config


def batch(name: str) -> Transition:
    key_before, key_after = jax.random.split(jax.random.key(1))
    discrete = SPECS[name].discrete
    action = jnp.array([0, 1, 2, 1]) if discrete else jnp.full((4, 2), 0.5)
    ends = jnp.zeros(4, bool)
    before, after = (jax.random.normal(key, (4, 2)) for key in (key_before, key_after))
    return Transition(before, action, jnp.arange(4.0), after, ends, ends)


def blank(agent: Any, config: Any) -> Any:
    """What it begins with, but a model that says nothing: all its outputs are 0."""
    learner = agent.init_learner(jax.random.key(0), defaults(config))
    return learner.replace(model=jax.tree.map(jnp.zeros_like, learner.model))


def with_features(model: Any, value: float) -> Any:
    """The same, but that every feature of every observation is `value`."""
    last = {**model["features"]["params"]["Dense_2"], "bias": jnp.full(5, value)}
    return {**model, "features": {"params": {**model["features"]["params"], "Dense_2": last}}}


@pytest.mark.parametrize(
    ("name", "inverse"),
    # Three actions, each as likely as the others: log 3. Continuous: 0 instead of 0.5.
    [("ddqn_icm", np.log(3.0)), ("td3_icm", 0.25)],
)
def test_errors_by_hand(name: str, inverse: float) -> None:
    agent, config = curious(name)
    model = with_features(blank(agent, config).model, 3.0)
    forward_error, inverse_error = agent.errors(model, batch(name))
    np.testing.assert_allclose(forward_error, 9.0)  # (0 - 3)^2, of each feature
    np.testing.assert_allclose(inverse_error, inverse, rtol=1e-6)


def test_the_agent_learns_as_if_the_error_was_paid() -> None:
    """Reward + 0.5 * 9, whatever it is for."""
    agent, config = curious("ddqn_icm")
    settings = defaults(config, curiosity=0.5)
    learner = blank(agent, config)
    learner = learner.replace(model=with_features(learner.model, 3.0))
    seen = batch("ddqn_icm")
    learnt = agent.learn(learner, jax.random.key(2), seen, settings)
    paid = seen._replace(reward=seen.reward + 4.5)
    alone = agent.agent.learn(learner.agent, jax.random.key(2), paid, settings)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), learnt.agent.policy, alone.policy
    )


def test_what_is_seen_often_is_foreseen() -> None:
    agent, config = curious("ddqn_icm")
    settings = defaults(config, model_learning_rate=0.01, forward_share=0.5)
    learner = agent.init_learner(jax.random.key(0), settings)
    seen = batch("ddqn_icm")

    def learn(learner: Any, i: Any) -> tuple[Any, Any]:
        key = jax.random.fold_in(jax.random.key(3), i)
        return agent.learn(learner, key, seen, settings), agent.errors(learner.model, seen)

    _, (forward_error, inverse_error) = jax.jit(
        lambda learner: jax.lax.scan(learn, learner, jnp.arange(200))
    )(learner)
    assert forward_error[-1].mean() < 0.2 * forward_error[0].mean()
    assert inverse_error[-1].mean() < 0.2 * inverse_error[0].mean()


def test_a_bandit_is_refused() -> None:
    spec = EnvSpec(2, 3, 0, -1.0, 1.0, 1)
    with pytest.raises(ValueError, match="ddqn_icm: in a contextual bandit there is nothing"):
        agents.load(section("agent", "ddqn_icm"), spec)
