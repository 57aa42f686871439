"""Drift functions: closed forms by hand, zero where nothing has changed, PPO's gradient."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes import PROBES, defaults, section, tiny
from synthgym.agents import base, drift, losses, ppo

CLIP = jnp.float32(0.2)
RATIOS = jnp.array([0.3, 0.79, 0.81, 1.0, 1.19, 1.21, 3.0])


def everywhere() -> Any:
    """Log-ratios and advantages, on both sides of what matters."""
    ratio, advantage = jnp.meshgrid(RATIOS, jnp.array([-2.0, -0.5, 0.5, 2.0]))
    return jnp.log(ratio).reshape(-1), advantage.reshape(-1)


def test_with_the_clips_drift_loss_and_gradient_are_those_of_clipped_ppo() -> None:
    log_ratio, advantage = everywhere()

    def by_drift(log_ratio: Any) -> Any:
        return drift.policy_loss(log_ratio, advantage, drift.clipped(log_ratio, advantage, CLIP))

    def by_clipping(log_ratio: Any) -> Any:
        return losses.clipped_policy_loss(log_ratio, advantage, CLIP)

    one, other = (jax.value_and_grad(f)(log_ratio) for f in (by_drift, by_clipping))
    np.testing.assert_allclose(one[0], other[0], rtol=1e-6)
    np.testing.assert_allclose(one[1], other[1], rtol=1e-5, atol=1e-7)
    assert (np.asarray(other[1]) == 0).any()  # some are beyond the clip


def test_the_clips_drift_is_what_is_clipped_away() -> None:
    # Ratio 1.5 at advantage 2: 0.3 too much, times 2. Ratio 0.5 at -2: (0.5 - 0.8) * -2.
    # On the other sides clipping takes nothing.
    values = drift.clipped(
        jnp.log(jnp.array([1.5, 0.5, 1.5, 0.5])), jnp.array([2.0, -2.0, -2.0, 2.0]), CLIP
    )
    np.testing.assert_allclose(values, [0.6, 0.6, 0.0, 0.0], rtol=1e-5)


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [
        (2.0, 1.0, 1.0 - 2.0 * np.tanh(0.5)),  # (r - 1) A = 1, alpha = 2: 0.0758
        (3.0, 2.0, 4.0 - 2.0 * np.tanh(2.0)),
        (0.5, 1.0, 0.0),  # -0.5 + 2 tanh(0.25) < 0
        (np.exp(-0.6), -1.0, 0.6 - 0.6 * np.tanh(1.0)),  # log(r) A = 0.6 = beta: 0.1430
        (0.5, -2.0, 2 * np.log(2.0) - 0.6 * np.tanh(2 * np.log(2.0) / 0.6)),
        (2.0, -1.0, 0.0),  # -log 2 + 0.6 tanh(1.155) < 0
    ],
)
def test_dpo_is_its_closed_form(ratio: float, advantage: float, expected: float) -> None:
    value = drift.discovered(jnp.log(jnp.float32(ratio)), jnp.float32(advantage))
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), scale=st.floats(0.01, 30.0), advantage=st.floats(-5.0, 5.0))
def test_a_learned_drift_is_never_negative_and_flat_at_zero_where_nothing_has_changed(
    seed: int, scale: float, advantage: float
) -> None:
    key_hidden, key_output = jax.random.split(jax.random.key(seed))
    theta = {
        "hidden": scale * jax.random.normal(key_hidden, (8, drift.WIDTH)),
        "output": scale * jax.random.normal(key_output, (drift.WIDTH,)),
    }

    def at(log_ratio: Any) -> Any:
        return drift.learned(theta, log_ratio, jnp.float32(advantage))

    value, slope = jax.value_and_grad(at)(jnp.float32(0.0))
    assert (value, slope) == (0.0, 0.0)
    far = jax.vmap(at)(jnp.array([-90.0, -1.0, -0.01, 0.01, 1.0, 90.0]))
    assert np.isfinite(far).all()
    assert (far >= 0.0).all()


def test_a_learned_drift_is_made_of_eight_inputs() -> None:
    # One unit each that sees one input, ratio 2 and advantage 3: x = log 2, y = -1.
    x, y = np.log(2.0), -1.0
    inputs = np.array([x, x**2, y, y**2, 3 * x, 3 * x**2, 3 * y, 3 * y**2])
    hidden = jnp.eye(8, drift.WIDTH)
    for i, seen in enumerate(inputs):
        output = jnp.zeros(drift.WIDTH).at[i].set(np.sign(seen))
        value = drift.learned(
            {"hidden": hidden, "output": output}, jnp.log(jnp.float32(2.0)), jnp.float32(3.0)
        )
        np.testing.assert_allclose(value, np.tanh(abs(seen)) - drift.MARGIN, rtol=1e-4)


def test_at_first_there_is_no_drift() -> None:
    log_ratio, advantage = everywhere()
    theta = drift.init_theta(jax.random.key(0))
    assert not drift.learned(theta, log_ratio, advantage).any()


def trained(agent: Any, settings: Any) -> Any:
    env = PROBES["action by observation"]
    return base.train(ppo.make(agent, env.spec), env, settings, jax.random.key(0), 160)[0][0]


def test_a_population_of_drifts_trains_a_population_of_agents() -> None:
    """Each as it would alone; and those that are kept from drifting stay nearer the beginning."""
    agent = tiny("lpo")
    rate = defaults(agent, learning_rate=0.01)
    theta = drift.init_theta(jax.random.key(1))
    outputs = jnp.stack([theta["output"], jnp.full(drift.WIDTH, 0.5)])
    thetas = {"hidden": jnp.broadcast_to(theta["hidden"], (2, 8, drift.WIDTH)), "output": outputs}
    both = jax.jit(jax.vmap(lambda theta: trained(agent, rate | {"drift": theta})))(thetas)
    alone = jax.jit(lambda theta: trained(agent, rate | {"drift": theta}))(theta)
    for one, other in zip(jax.tree.leaves(both), jax.tree.leaves(alone), strict=True):
        np.testing.assert_allclose(one[0], other, rtol=1e-3, atol=1e-4)
    assert any(not np.allclose(x[0], x[1]) for x in jax.tree.leaves(both))


def test_an_agent_without_its_drift_says_what_is_missing() -> None:
    agent = tiny("lpo")
    with pytest.raises(ValueError, match=r"lpo has no drift: .*agents/drift.py"):
        trained(agent, defaults(agent))


@pytest.mark.parametrize("name", ["dpo", "lpo"])
def test_they_differ_from_ppo_in_their_drift_only(name: str) -> None:
    agent, plain = section("agent", name), section("agent", "ppo")
    assert {k: v for k, v in agent.static.items() if k != "drift"} == plain.static
    assert agent.hyperparameters == plain.hyperparameters
    assert agent.search == {k: v for k, v in plain.search.items() if k != "clip"}


def test_an_unknown_drift_is_refused() -> None:
    with pytest.raises(ValueError, match=r"agents.dpo.static.drift must be one of clip, dpo, lea"):
        ppo.make(tiny("dpo", static={"drift": "dqo"}), PROBES["constant"].spec)
