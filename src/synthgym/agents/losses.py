"""The mathematics of the losses: pure functions of arrays, no networks, no environments."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree


def td_target(
    reward_t: Float[Array, "*b"],
    terminated_t: Bool[Array, "*b"],
    value_t: Float[Array, "*b"],
    gamma: Float[Array, ""],
) -> Float[Array, "*b"]:
    """One-step bootstrap target (Sutton & Barto 2018, eq. 6.2).

    `value_t` is that of the true next observation; it counts unless the task *terminated* there.
    """
    return reward_t + gamma * jnp.where(terminated_t, 0.0, value_t)


def generalised_advantages(
    reward_t: Float[Array, "T B"],
    terminated_t: Bool[Array, "T B"],
    truncated_t: Bool[Array, "T B"],
    value_tm1: Float[Array, "T B"],
    value_t: Float[Array, "T B"],
    gamma: Float[Array, ""],
    gae_lambda: Float[Array, ""],
) -> Float[Array, "T B"]:
    """Generalised advantage estimates (Schulman et al. 2016, eq. 16).

    `value_tm1` is the value of the observation acted on, `value_t` that of the true next one (the
    final one where an episode ended). Termination stops the bootstrap; both kinds of end stop the
    trace.
    """
    delta_t = td_target(reward_t, terminated_t, value_t, gamma) - value_tm1
    trace_t = jnp.where(terminated_t | truncated_t, 0.0, gamma * gae_lambda)

    def backwards(advantage, inputs):
        delta, trace = inputs
        advantage = delta + trace * advantage
        return advantage, advantage

    last = jnp.zeros_like(delta_t[0])
    _, advantages = jax.lax.scan(backwards, last, (delta_t, trace_t), reverse=True)
    return advantages


def clipped_policy_loss(
    log_ratio: Float[Array, "*b"], advantage: Float[Array, "*b"], clip: Float[Array, ""]
) -> Float[Array, ""]:
    """Clipped surrogate objective, negated (Schulman et al. 2017, eq. 7)."""
    ratio = jnp.exp(log_ratio)
    clipped = jnp.clip(ratio, 1.0 - clip, 1.0 + clip)
    return -jnp.minimum(ratio * advantage, clipped * advantage).mean()


def clipped_value_loss(
    value: Float[Array, "*b"],
    old_value: Float[Array, "*b"],
    return_: Float[Array, "*b"],
    clip: Float[Array, ""],
) -> Float[Array, ""]:
    """Half the squared error, the larger of plain and clipped change (as in OpenAI's baselines)."""
    clipped = old_value + jnp.clip(value - old_value, -clip, clip)
    errors = jnp.maximum((value - return_) ** 2, (clipped - return_) ** 2)
    return 0.5 * errors.mean()


def normalised(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """Zero mean, unit variance."""
    return (x - x.mean()) / (x.std() + 1e-8)


def q_target(
    online_t: Float[Array, "*b n"], target_t: Float[Array, "*b n"], double: Float[Array, ""]
) -> Float[Array, "*b"]:
    """Value of the next observation: the target network's value of the greedy action.

    Greedy by the online network where `double` is 1 (van Hasselt et al. 2016), else by the target
    network.
    """
    greedy = jnp.where(double > 0.5, online_t.argmax(-1), target_t.argmax(-1))
    return select_action_value(target_t, greedy)


def select_action_value(
    values: Float[Array, "*b n"], action: Int[Array, "*b"]
) -> Float[Array, "*b"]:
    """The value of the action taken."""
    # Not a gather: its gradient is a scatter, which is slow for a population on a CPU.
    return (values * jax.nn.one_hot(action, values.shape[-1])).sum(-1)


def polyak(slow: PyTree, fast: PyTree, tau: Float[Array, ""]) -> PyTree:
    """A step of `tau` from the slow parameters towards the fast ones (Lillicrap et al. 2016)."""
    return jax.tree.map(lambda x, y: x + tau * (y - x), slow, fast)


def linear_schedule(
    start: Float[Array, ""],
    end: Float[Array, ""],
    fraction: Float[Array, ""],
    step: Int[Array, ""],
    num_steps: int,
) -> Float[Array, ""]:
    """From `start` to `end` over the first `fraction` of `num_steps`, then `end`."""
    progress = jnp.clip(step / jnp.maximum(fraction * num_steps, 1.0), 0.0, 1.0)
    return start + (end - start) * progress
