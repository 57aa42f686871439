"""The mathematics of the losses, against numbers worked out by hand."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from synthgym.agents import losses

HALF = jnp.float32(0.5)


def column(*values: Any) -> Any:
    """`T` steps of one environment."""
    return jnp.array(values)[:, None]


def test_a_target_bootstraps_unless_the_task_terminated() -> None:
    # 1 + 0.5 * 10 = 6, and 1 where it terminated.
    target = losses.td_target(
        jnp.array([1.0, 1.0]), jnp.array([False, True]), jnp.array([10.0, 10.0]), HALF
    )
    assert target.tolist() == [6.0, 1.0]


@pytest.mark.parametrize(
    ("terminated", "truncated", "expected"),
    [
        # gamma = lambda = 0.5, rewards 1, 2, 3, values 4, 8, 2, then 10 after the last.
        # Deltas: 1 + 4 - 4 = 1; 2 + 1 - 8 = -5; 3 + 5 - 2 = 6. Trace: 0.25.
        # Advantages backwards: 6; -5 + 1.5 = -3.5; 1 - 0.875 = 0.125.
        ((0, 0, 0), (0, 0, 0), (0.125, -3.5, 6.0)),
        # Terminated after the second: its delta is 2 - 8 = -6, and nothing flows into it.
        # First: 1 + 0.25 * -6 = -0.5.
        ((0, 1, 0), (0, 0, 0), (-0.5, -6.0, 6.0)),
        # Truncated after the second: its delta keeps the bootstrap, -5, and nothing flows into it.
        # First: 1 + 0.25 * -5 = -0.25.
        ((0, 0, 0), (0, 1, 0), (-0.25, -5.0, 6.0)),
    ],
    ids=["running", "terminated", "truncated"],
)
def test_advantages_stop_at_both_ends_and_bootstrap_at_one(
    terminated: Any, truncated: Any, expected: Any
) -> None:
    advantages = losses.generalised_advantages(
        column(1.0, 2.0, 3.0),
        column(*terminated).astype(bool),
        column(*truncated).astype(bool),
        column(4.0, 8.0, 2.0),
        column(8.0, 2.0, 10.0),
        HALF,
        HALF,
    )
    np.testing.assert_allclose(advantages[:, 0], expected)


def test_the_policy_loss_stops_where_a_change_has_gone_far_enough() -> None:
    # Ratios 2, 2, 0.5, 0.5 with clip 0.2, advantages 1, -1, 1, -1:
    # min(2, 1.2) = 1.2; min(-2, -1.2) = -2; min(0.5, 0.8) = 0.5; min(-0.5, -0.8) = -0.8.
    # Their mean, negated: 1.1 / 4.
    loss = losses.clipped_policy_loss(
        jnp.log(jnp.array([2.0, 2.0, 0.5, 0.5])),
        jnp.array([1.0, -1.0, 1.0, -1.0]),
        jnp.float32(0.2),
    )
    np.testing.assert_allclose(loss, 0.275, rtol=1e-6)


def test_the_value_loss_is_the_worse_of_both() -> None:
    # Clip 0.5. First: from 0 to 2, clipped to 0.5, return 1: max(1, 0.25) = 1.
    # Second: from 0 to 2, clipped to 0.5, return 3: max(1, 6.25) = 6.25. Half their mean.
    loss = losses.clipped_value_loss(
        jnp.array([2.0, 2.0]), jnp.zeros(2), jnp.array([1.0, 3.0]), HALF
    )
    np.testing.assert_allclose(loss, 0.5 * (1.0 + 6.25) / 2)


def test_without_a_clip_the_value_loss_is_half_the_squared_error() -> None:
    value, old, return_ = jnp.array([2.0, -1.0]), jnp.zeros(2), jnp.array([1.0, 3.0])
    loss = losses.clipped_value_loss(value, old, return_, jnp.float32(jnp.inf))
    np.testing.assert_allclose(loss, 0.5 * (1.0 + 16.0) / 2)


def test_normalised_has_no_mean_and_one_deviation() -> None:
    # Mean 2, deviation sqrt((4 + 0 + 4) / 3).
    np.testing.assert_allclose(
        losses.normalised(jnp.array([0.0, 2.0, 4.0])),
        np.array([-2.0, 0.0, 2.0]) / np.sqrt(8 / 3),
        rtol=1e-6,
    )
    assert losses.normalised(jnp.ones(3)).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("double", "expected"),
    [
        # First: online prefers action 0, the target network 1. Second: the other way round.
        (1.0, [10.0, 40.0]),  # what the target network thinks of the online network's choice
        (0.0, [20.0, 50.0]),  # what it thinks of its own
    ],
)
def test_double_targets_choose_by_the_online_network(double: float, expected: Any) -> None:
    online = jnp.array([[3.0, 1.0], [1.0, 3.0]])
    target = jnp.array([[10.0, 20.0], [50.0, 40.0]])
    assert losses.q_target(online, target, jnp.float32(double)).tolist() == expected


def test_the_value_of_an_action_is_picked_along_the_last_axis() -> None:
    values = jnp.arange(12.0).reshape(2, 2, 3)
    actions = jnp.array([[0, 1], [2, 0]])
    assert losses.select_action_value(values, actions).tolist() == [[0.0, 4.0], [8.0, 9.0]]


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 1.0), (25, 0.55), (50, 0.1), (51, 0.1), (100, 0.1)]
)
def test_a_schedule_falls_over_a_fraction_and_stays(step: int, expected: float) -> None:
    # From 1 to 0.1 over half of 100 steps: 1 - 0.9 * 25 / 50 = 0.55 in the middle.
    value = losses.linear_schedule(
        jnp.float32(1.0), jnp.float32(0.1), HALF, jnp.int32(step), num_steps=100
    )
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_polyak_is_a_step_from_the_slow_towards_the_fast() -> None:
    slow, fast = {"w": jnp.array([0.0, 4.0])}, {"w": jnp.array([10.0, 0.0])}
    np.testing.assert_allclose(losses.polyak(slow, fast, jnp.float32(0.1))["w"], [1.0, 3.6])
