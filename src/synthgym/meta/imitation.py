"""Imitation: an evolution strategy that goes on from what another agent does.

What a gradient finds with many parameters and random actions, an evolved policy of few parameters
and none does as well, more smoothly: what agents of a distilled bandit can learn in little time.
It is fitted to states that the other meets, then to those that it meets itself, too (dataset
aggregation, DAgger: Ross et al. 2011).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from synthgym.agents.es import ES, TrainState
from synthgym.agents.normalisation import Normaliser, normalise
from synthgym.core.display import say
from synthgym.core.rng import stream
from synthgym.core.settings import Imitate
from synthgym.core.types import Env, Policy, PRNGKey
from synthgym.synth.distil import Fit, Preferences, contexts, fit_network
from synthgym.tasks.rollout import episodes

FIT = Fit(steps=20000, batch_size=256, learning_rate=0.003)
NOISE = 0.1  # largest, added to a state that is fitted to, in standard deviations


class Begun(NamedTuple):
    """What a training goes on from."""

    state: TrainState
    real_steps: int
    updates: int


def imitated(
    key: PRNGKey,
    es: ES,
    state: TrainState,
    task: Env,
    policy: Policy,
    preferences: Preferences,
    how: Imitate,
) -> Begun:
    """`state` with its search around parameters that do what another policy would."""

    def seen(key: PRNGKey, name: str, policy: Policy) -> Float[np.ndarray, "S o"]:
        run = jax.jit(lambda key: episodes(key, task, policy, how.episodes))
        met, happened = jax.tree.map(np.asarray, run(key))
        say(f"{name} earns {met.reward.sum(-1, where=happened).mean():.1f}")
        return met.observation[happened]

    states, fresh = seen(stream(key, "other"), "what is imitated", policy), state.params[0]
    for number in range(how.rounds):
        key_round = jax.random.fold_in(key, number)
        normaliser = _statistics(states) if es.normalise_observations else None
        batch = partial(_batch, jnp.asarray(states), normaliser, preferences, es.spec.discrete)
        fit = stream(key_round, "fit"), es.network, fresh["params"], batch, FIT
        network, error = fit_network(*fit, logit=es.spec.discrete)
        state = es.begun_at(state, {"params": network}, normaliser)
        own = partial(es.act, state.params)
        name = f"round {number + 1}/{how.rounds} of imitation: error {error:.3f}, {es.name}"
        states = np.concatenate([states, seen(stream(key_round, "own"), name, own)])
    return Begun(state, len(states), how.rounds * FIT.steps)


def _batch(
    states: Float[Array, "S o"],
    normaliser: Normaliser | None,
    preferences: Preferences,
    discrete: bool,
    key: PRNGKey,
) -> tuple[Float[Array, "b o"], Float[Array, "b k"]]:
    """States about these, as the network sees them, and what is done there."""
    key_rows, key_near = jax.random.split(key)
    rows = jax.random.randint(key_rows, (FIT.batch_size,), 0, len(states))
    near = contexts(key_near, states[rows], FIT.batch_size, NOISE)
    preferred = jax.vmap(preferences)(near)
    best = jax.nn.one_hot(preferred.argmax(-1), preferred.shape[-1])
    return normalise(normaliser, near), best if discrete else preferred


def _statistics(states: Float[np.ndarray, "S o"]) -> Normaliser:
    return Normaliser(
        jnp.asarray(states.mean(0)), jnp.asarray(states.var(0)), jnp.float32(len(states))
    )
