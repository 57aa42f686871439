"""Synthetic environments by supervision: what a trained agent, the teacher, meets and prefers.

What meta-training has to be better than, and may begin at. A contextual bandit: contexts are states
that the teacher visits, and the reward says what it would rather do there (Liesen et al. 2024
describe such baselines, without numbers). Or a full synthetic MDP: networks that predict what the
real task answered (the world model that Ferreira et al. 2022 compare with).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PyTree

from synthgym.core.rng import stream
from synthgym.core.types import Action, Env, EnvSpec, Observation, Policy, PRNGKey, Transition
from synthgym.synth.env import SyntheticEnv, init_head, network
from synthgym.synth.networks import MLP
from synthgym.tasks.rollout import episodes, uniform_action

SAMPLES = 16384  # that the spread of a network's inputs and outputs, and its error, are taken from
OUTSIDE = 3.0  # standard deviations in every dimension: where no state of the real task is
Preferences = Callable[[Observation], Float[Array, " k"]]  # as `Agent.preferences`
Batch = Callable[[PRNGKey], tuple[Float[Array, "b i"], Float[Array, "b k"]]]
Reward = Callable[[EnvSpec, Float[Array, " k"], Action], Float[Array, ""]]
Moments = tuple[ArrayLike, ArrayLike]  # what is subtracted, and divided by


class Fit(NamedTuple):
    """How the networks are fitted: Adam with a learning rate that falls to zero (cosine)."""

    steps: int
    batch_size: int
    learning_rate: float


# What the real task shows.


def visit(
    key: PRNGKey, task: Env, policy: Policy, num_episodes: int, exploration: float
) -> Transition:
    """Transitions of whole episodes in which a share of the actions, `exploration`, is uniform."""

    def act(key: PRNGKey, observation: Observation) -> Action:
        key_whether, key_random, key_policy = jax.random.split(key, 3)
        explores = jax.random.uniform(key_whether) < exploration
        random = uniform_action(task.spec, key_random, observation)
        return jnp.where(explores, random, policy(key_policy, observation))

    run = jax.jit(lambda key: episodes(key, task, act, num_episodes))
    transitions, happened = jax.tree.map(np.asarray, run(key))
    return jax.tree.map(lambda x: x[happened], transitions)


def contexts(
    key: PRNGKey, visited: Float[Array, "S o"], count: int, noise: float, indifferent: float = 0.0
) -> Float[Array, "K o"]:
    """So many of the visited states, with Gaussian noise in units of their standard deviation.

    Its size differs from context to context, uniformly in [0, noise]: some are as they were
    visited, others are where the teacher might get when it is not quite itself. A share of the
    contexts, `indifferent`, is where nobody ever gets: see `outside`.
    """
    key_which, key_level, key_noise, key_sign = jax.random.split(key, 4)
    which = jax.random.choice(key_which, len(visited), (count,), replace=count > len(visited))
    level = jax.random.uniform(key_level, (count, 1), maxval=noise)
    spread = level * visited.std(0) * jax.random.normal(key_noise, (count, visited.shape[1]))
    states = visited[which] + spread
    sign = jax.random.rademacher(key_sign, states.shape, jnp.float32)
    far = visited.mean(0) + OUTSIDE * visited.std(0) * sign
    return jnp.where((jnp.arange(count) < round(indifferent * count))[:, None], far, states)


def outside(visited: Float[Array, "S o"], observation: Observation) -> Bool[Array, ""]:
    """Whether a context is one of those in which all actions are worth the same.

    An agent whose entropy has a target (SAC) spends it there, and is decided where it counts.
    """
    from_mean = jnp.abs(observation - visited.mean(0))
    return (from_mean > (OUTSIDE - 0.1) * visited.std(0)).all()


# What the teacher prefers, as a reward. Of one state.


def action_preference(
    spec: EnvSpec, preferences: Float[Array, " k"], action: Action
) -> Float[Array, ""]:
    """Preferences, centred over actions, then scaled so that the largest deviation is 1."""
    centred = preferences - preferences.mean()
    return (centred / jnp.maximum(jnp.abs(centred).max(), 1e-6))[action]


def log_probability(
    spec: EnvSpec, preferences: Float[Array, " k"], action: Action
) -> Float[Array, ""]:
    """Log-probability of the softmax over preferences; the teacher's own where they are logits."""
    return jax.nn.log_softmax(preferences)[action]


def advantage(spec: EnvSpec, preferences: Float[Array, " k"], action: Action) -> Float[Array, ""]:
    """Preference less that of the best action: where they are action values, what it costs."""
    return (preferences - preferences.max())[action]


def agreement(spec: EnvSpec, preferences: Float[Array, " k"], action: Action) -> Float[Array, ""]:
    """1 for what the teacher would do, -1 for anything else."""
    return jnp.where(preferences.argmax() == action, 1.0, -1.0)


def negative_distance(
    spec: EnvSpec, preferences: Float[Array, " k"], action: Action
) -> Float[Array, ""]:
    """To the teacher's action: root mean square over dimensions, in halves of the bounds' width."""
    return -jnp.sqrt(_squared_distance(spec, preferences, action) + 1e-8)


def negative_squared_distance(
    spec: EnvSpec, preferences: Float[Array, " k"], action: Action
) -> Float[Array, ""]:
    """Squared distance to the teacher's action, negated."""
    return -_squared_distance(spec, preferences, action)


def _squared_distance(
    spec: EnvSpec, preferences: Float[Array, " k"], action: Action
) -> Float[Array, ""]:
    half_width = (spec.action_high - spec.action_low) / 2
    return (((action - preferences) / half_width) ** 2).mean()


REWARDS: Mapping[str, Mapping[str, Reward]] = {  # kind of action -> name -> reward
    "discrete": {
        "advantage": advantage,
        "action_preference": action_preference,
        "log_probability": log_probability,
        "agreement": agreement,
    },
    "continuous": {
        "negative_distance": negative_distance,
        "negative_squared_distance": negative_squared_distance,
    },
}


# Networks that say so.


def bandit(
    key: PRNGKey,
    env: SyntheticEnv,
    states: Float[Array, "K o"],
    preferences: Preferences,
    reward: str,
    fit: Fit,
    indifferent: Callable[[Observation], Bool[Array, ""]] = lambda _: jnp.bool_(False),
) -> tuple[SyntheticEnv, dict[str, float]]:
    """The bandit with these contexts, which pays what REWARDS says; errors as in `fit_network`.

    In contexts that are `indifferent` it pays nothing.
    """
    kind = REWARDS["discrete" if env.spec.discrete else "continuous"][reward]
    env, errors = _begin_in(stream(key, "initial_state"), env, states, fit)

    def batch(key: PRNGKey) -> tuple[Float[Array, "b i"], Float[Array, "b k"]]:
        def sample(key: PRNGKey) -> tuple[Float[Array, " i"], Float[Array, " k"]]:
            key_state, key_action = jax.random.split(key)
            observation = env.reset(key_state)[1]
            action = uniform_action(env.spec, key_action, observation)
            worth = kind(env.spec, preferences(observation), action)
            worth = jnp.where(indifferent(observation), 0.0, worth)
            return env.pair(observation, action), worth[None]

        return jax.vmap(sample)(jax.random.split(key, fit.batch_size))

    return _with_head(stream(key, "reward"), env, "reward", batch, fit, errors)


def mdp(
    key: PRNGKey, env: SyntheticEnv, seen: Transition, first: Float[Array, "E o"], fit: Fit
) -> tuple[SyntheticEnv, dict[str, float]]:
    """The synthetic MDP that predicts these transitions, from these first states.

    `done` learns the logit of termination in the state that follows; truncation is left to the
    horizon. Errors as in `fit_network`.
    """
    seen = jax.tree.map(jnp.asarray, seen)
    pairs = jax.vmap(env.pair)(seen.observation, seen.action)
    change = seen.next_observation - seen.observation
    after = seen.next_observation if env.spec.num_states else change
    env, errors = _begin_in(stream(key, "initial_state"), env, first, fit)
    samples = {"reward": (pairs, seen.reward[:, None]), "transition": (pairs, after)}
    for head, (inputs, targets) in samples.items():
        batch = partial(_rows, inputs, targets, fit.batch_size)
        env, errors = _with_head(stream(key, head), env, head, batch, fit, errors)
    ended = seen.terminated[:, None].astype(jnp.float32)
    batch = partial(_rows, seen.next_observation, ended, fit.batch_size)
    return _with_head(stream(key, "done"), env, "done", batch, fit, errors, logit=True)


def _rows(
    inputs: Float[Array, "N i"], targets: Float[Array, "N k"], count: int, key: PRNGKey
) -> tuple[Float[Array, "b i"], Float[Array, "b k"]]:
    which = jax.random.randint(key, (count,), 0, len(inputs))
    return inputs[which], targets[which]


def _begin_in(
    key: PRNGKey, env: SyntheticEnv, states: Float[Array, "K o"], fit: Fit
) -> tuple[SyntheticEnv, dict[str, float]]:
    """Episodes that begin in these states: all of them in a table, or a network that makes alike.

    Raises ValueError for a table of another size.
    """
    if env.initial_states:
        if len(states) != env.initial_states:
            raise ValueError(f"{len(states)} states for a table of {env.initial_states}.")
        return env.replace(theta={**(env.theta or {}), "initial_state": {"table": states}}), {}
    params, error = fit_generator(key, network(env, "initial_state"), states, fit)
    theta = {**(env.theta or {}), "initial_state": params}
    return env.replace(theta=theta), {"initial_state": error}


def _with_head(
    key: PRNGKey,
    env: SyntheticEnv,
    head: str,
    batch: Batch,
    fit: Fit,
    errors: dict[str, float],
    logit: bool = False,
) -> tuple[SyntheticEnv, dict[str, float]]:
    begin = init_head(stream(key, "init"), env, head)
    params, error = fit_network(stream(key, "fit"), network(env, head), begin, batch, fit, logit)
    return env.replace(theta={**env.theta, head: params}), {**errors, head: error}


def fit_network(
    key: PRNGKey, mlp: nn.Module, params: PyTree, batch: Batch, fit: Fit, logit: bool = False
) -> tuple[PyTree, float]:
    """Parameters that predict targets from inputs; and their error on inputs of other batches.

    The error: share of the targets' variance that is left, over all outputs (1 - R^2). With `logit`
    targets are 0 or 1, outputs their log-odds, and the error is the share of wrong decisions.
    Inputs, and targets, are standardised for the fit; that is part of the weights that come out.
    """

    def many(key: PRNGKey) -> tuple[Float[Array, "n i"], Float[Array, "n k"]]:
        keys = jax.random.split(key, -(-SAMPLES // fit.batch_size))
        batches = jax.jit(jax.vmap(batch))(keys)
        return jax.tree.map(lambda x: x.reshape(-1, x.shape[-1]), batches)

    inputs, targets = many(stream(key, "spread"))
    from_inputs = inputs.mean(0), _not_zero(inputs.std(0))
    to_targets = (0.0, 1.0) if logit else (targets.mean(0), _not_zero(targets.std(0)))
    optimiser = optax.adam(optax.cosine_decay_schedule(fit.learning_rate, fit.steps))

    def loss(params: PyTree, key: PRNGKey) -> Float[Array, ""]:
        x, y = batch(key)
        out = mlp.apply({"params": params}, _standard(x, from_inputs))
        if logit:
            return optax.sigmoid_binary_cross_entropy(out, y).mean()
        return ((out - _standard(y, to_targets)) ** 2).mean()

    fitted = _descend(stream(key, "descend"), loss, params, optimiser, fit.steps)
    fitted = unstandardised(fitted, from_inputs, to_targets)
    x, y = many(stream(key, "error"))
    out = mlp.apply({"params": fitted}, x)
    if logit:
        return fitted, float(((out > 0) != (y > 0.5)).mean())
    return fitted, float(((out - y) ** 2).mean() / _not_zero(((y - y.mean(0)) ** 2).mean()))


def fit_generator(
    key: PRNGKey, mlp: MLP, states: Float[Array, "K o"], fit: Fit
) -> tuple[PyTree, float]:
    """A network of z ~ N(0, I) whose outputs are distributed as the states; and how far off it is.

    By the energy distance (Szekely & Rizzo 2013) of the standardised states, 0 where there is no
    difference. What is returned is that of the fitted network.
    """
    shift, scale = states.mean(0), _not_zero(states.std(0))
    optimiser = optax.adam(optax.cosine_decay_schedule(fit.learning_rate, fit.steps))
    size = states.shape[1]

    def loss(params: PyTree, key: PRNGKey) -> Float[Array, ""]:
        key_latent, key_rows = jax.random.split(key)
        latent = jax.random.normal(key_latent, (fit.batch_size, size))
        rows = jax.random.randint(key_rows, (fit.batch_size,), 0, len(states))
        made = mlp.apply({"params": params}, latent)
        return energy_distance(made, (states[rows] - shift) / scale)

    params = mlp.init(stream(key, "init"), jnp.zeros(size))["params"]
    params = _descend(stream(key, "descend"), loss, params, optimiser, fit.steps)
    error = float(loss(params, stream(key, "error")))
    return unstandardised(params, (0.0, 1.0), (shift, scale)), error


def energy_distance(x: Float[Array, "n o"], y: Float[Array, "n o"]) -> Float[Array, ""]:
    """2 E|x - y| - E|x - x'| - E|y - y'| over all pairs of different samples."""

    def mean_distance(a: Float[Array, "n o"], b: Float[Array, "n o"]) -> Float[Array, ""]:
        squared = ((a[:, None] - b[None]) ** 2).sum(-1)
        return jnp.sqrt(squared + 1e-12).mean()

    within = len(x) / (len(x) - 1)  # the distance to itself is none
    return 2 * mean_distance(x, y) - within * mean_distance(x, x) - within * mean_distance(y, y)


def unstandardised(params: PyTree, from_inputs: Moments, to_targets: Moments) -> PyTree:
    """Parameters for inputs and outputs as they are; the first and last layer take up scales."""
    layers = sorted(params, key=lambda name: int(name.rpartition("_")[2]))
    params = {name: dict(params[name]) for name in layers}
    first, last = params[layers[0]], params[layers[-1]]
    (shift, scale), (mean, spread) = from_inputs, to_targets
    first["kernel"] = first["kernel"] / jnp.broadcast_to(scale, len(first["kernel"]))[:, None]
    offset = jnp.broadcast_to(shift, len(first["kernel"]))
    first["bias"] = first["bias"] - offset @ first["kernel"]
    last["kernel"], last["bias"] = last["kernel"] * spread, last["bias"] * spread + mean
    return params


def _descend(
    key: PRNGKey,
    loss: Callable[[PyTree, PRNGKey], Float[Array, ""]],
    params: PyTree,
    optimiser: optax.GradientTransformation,
    steps: int,
) -> PyTree:
    def step(carry: tuple[PyTree, PyTree], i: Int[Array, ""]) -> tuple[tuple[PyTree, PyTree], None]:
        params, state = carry
        gradient = jax.grad(loss)(params, jax.random.fold_in(key, i))
        change, state = optimiser.update(gradient, state)
        return (optax.apply_updates(params, change), state), None

    def run(params: PyTree) -> PyTree:
        return jax.lax.scan(step, (params, optimiser.init(params)), jnp.arange(steps))[0][0]

    return jax.jit(run)(params)


def _standard(x: Float[Array, "n i"], moments: Moments) -> Float[Array, "n i"]:
    return (x - moments[0]) / moments[1]


def _not_zero(spread: Float[Array, "*i"]) -> Float[Array, "*i"]:
    """Something that never changes is left as wide as it is."""
    return jnp.where(spread > 1e-6, spread, 1.0)
