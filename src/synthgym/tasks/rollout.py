"""Episodes: what a policy earns in them, and what happens."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from synthgym.core.failure import WORST
from synthgym.core.types import Action, Env, EnvSpec, Observation, Policy, PRNGKey, Transition
from synthgym.tasks.base import select


def uniform_action(spec: EnvSpec, key: PRNGKey, observation: Observation) -> Action:
    """Any action within the bounds, whatever is observed."""
    if spec.discrete:
        return jax.random.randint(key, (), 0, spec.num_actions)
    low, high = spec.action_low, spec.action_high
    return jax.random.uniform(key, (spec.action_size,), minval=low, maxval=high)


def episode_returns(
    key: PRNGKey,
    env: Env,
    policy: Policy,
    num_episodes: int,
    horizon: int | Int[Array, ""] | None = None,
) -> tuple[Float[Array, " E"], Int[Array, " E"]]:
    """Undiscounted return and length (steps) of `num_episodes` episodes of at most `horizon` steps.

    Stops as soon as all have ended. A return that is not finite is `WORST`.
    """
    limit = env.spec.horizon if horizon is None else horizon
    key_reset, key_steps = jax.random.split(key)
    states, observations = jax.vmap(env.reset)(jax.random.split(key_reset, num_episodes))

    def running(carry):
        t, _, _, alive, _, _ = carry
        return (t < limit) & alive.any()

    def advance(carry):
        t, states, observations, alive, returns, lengths = carry
        # The same random numbers for every candidate of a population whose keys are not batched.
        keys = jax.random.split(jax.random.fold_in(key_steps, t), (num_episodes, 2))
        actions = jax.vmap(policy)(keys[:, 0], observations)
        states, step = jax.vmap(env.step)(keys[:, 1], states, actions)
        returns = returns + jnp.where(alive, step.reward, 0.0)
        lengths = lengths + alive
        alive = alive & ~(step.terminated | step.truncated)
        return t + 1, states, step.observation, alive, returns, lengths

    start = (
        jnp.int32(0),
        states,
        observations,
        jnp.ones(num_episodes, bool),
        jnp.zeros(num_episodes),
        jnp.zeros(num_episodes, jnp.int32),
    )
    _, _, _, _, returns, lengths = jax.lax.while_loop(running, advance, start)
    return jnp.where(jnp.isfinite(returns), returns, WORST), lengths


def episodes(
    key: PRNGKey, env: Env, policy: Policy, num_episodes: int
) -> tuple[Transition, Bool[Array, "E T"]]:
    """The transitions of whole episodes, [episode, step], and which of them happened.

    The others would be after the end of their episode, and mean nothing.
    """

    def episode(key):
        key_reset, key_steps = jax.random.split(key)
        state, observation = env.reset(key_reset)

        def advance(carry, t):
            state, observation, alive = carry
            key_act, key_step = jax.random.split(jax.random.fold_in(key_steps, t))
            action = policy(key_act, observation)
            new_state, step = env.step(key_step, state, action)
            transition = Transition(observation, action, step.reward, step.observation, *step[2:])
            still = alive & ~(step.terminated | step.truncated)
            # A state past its end may overflow; keep the last one.
            carry = (
                select(alive, new_state, state),
                jnp.where(alive, step.observation, observation),
                still,
            )
            return carry, (transition, alive)

        start: PyTree = (state, observation, jnp.bool_(True))
        _, (transitions, happened) = jax.lax.scan(advance, start, jnp.arange(env.spec.horizon))
        return transitions, happened

    return jax.vmap(episode)(jax.random.split(key, num_episodes))
