"""Fitness of a synthetic environment: the return on the real task of an agent trained in it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Key, PyTree

from synthgym.agents.base import footprint, iterations, train, train_until
from synthgym.core import parallel
from synthgym.core.parallel import spread
from synthgym.core.rng import stream
from synthgym.core.types import Agent, Discounted, Env, Hyperparameters, PRNGKey, Transition
from synthgym.meta.scoring import Objective
from synthgym.synth.env import SyntheticEnv
from synthgym.tasks.rollout import episode_returns


class Lengths(NamedTuple):
    """How long the episodes of a training were, in a synthetic MDP that decides that itself."""

    episodes: Int[Array, "*P"]  # ended in the training
    of_one_step: Int[Array, "*P"]  # of these


class Evaluation(NamedTuple):
    """How the agents did."""

    return_: Float[Array, "*P"]  # mean undiscounted return of the test episodes, real task
    score: Float[Array, "*P"]  # what the search maximises: the same, or the score of an objective
    real_steps: Int[Array, "*P"]  # that all tests took; with a reward network, training too
    lengths: Lengths | None = None  # of a synthetic MDP, where the return after training counts


@dataclass(frozen=True)
class Trial:
    """How one environment is tried: who trains in it, how long, and how that agent is tested."""

    agent: Agent
    task: Env  # real
    num_steps: int  # of training in the synthetic environment
    num_episodes: int  # of testing on the real task
    objective: Objective | None = None  # None: the final return

    def __call__(
        self,
        env: Env,
        hyperparameters: Hyperparameters,
        key: PRNGKey,
        horizon: Int[Array, ""] | None = None,
    ) -> Evaluation:
        """Train an agent from scratch, test it in episodes of at most `horizon` steps."""

        def test(key: PRNGKey, params: PyTree) -> tuple[Float[Array, ""], Int[Array, ""]]:
            policy = partial(self.agent.act, params)
            returns, lengths = episode_returns(key, self.task, policy, self.num_episodes, horizon)
            return returns.mean(), lengths.sum()

        key_train, key_test = stream(key, "train"), stream(key, "test")
        run = (self.agent, env, hyperparameters, key_train, self.num_steps)
        objective, lengths = self.objective, None
        if objective is None:
            params, transitions = train(*run)
            if isinstance(env, SyntheticEnv) and not env.spec.bandit:
                lengths = lengths_of(transitions)
            whole = iterations(self.agent, self.num_steps) * self.agent.steps_per_iteration
            step, tests = jnp.int32(whole), jnp.int32(0)
        else:
            how = (objective.tests, test, objective.level, objective.window)
            params, (step, curve, tests) = train_until(*run, *how)
        return_, real_steps = test(key_test, params)
        real_steps = real_steps + tests
        if isinstance(env, Discounted):  # a reward network: its dynamics are the real task's
            real_steps = real_steps + step
        score = return_ if objective is None else objective.score(step, curve, return_)
        return Evaluation(return_, score, real_steps, lengths)


def lengths_of(transitions: Transition) -> Lengths:
    """Count the episodes that ended in a whole training, [iteration, step, environment]."""
    ended = transitions.terminated | transitions.truncated
    ended = ended.reshape(-1, ended.shape[-1])
    begun = jnp.concatenate([jnp.ones_like(ended[:1]), ended[:-1]])
    return Lengths(ended.sum(), (begun & ended).sum())


def chunk(trial: Trial, env: Env, hyperparameters: Hyperparameters) -> int:
    """How many such agents to train at a time on one device."""
    sizes = footprint(trial.agent, env, hyperparameters, trial.num_steps)
    return parallel.chunk(*sizes, count=sys.maxsize)


def over_populations(
    trial: Trial, chunk: int, mesh: Mesh, own_settings: bool = False, own_keys: bool = False
) -> Callable[[Env, Hyperparameters, Key[Array, "..."], Int[Array, " S"]], Evaluation]:
    """Try the `P` candidates of each of `S` searches, with `R` agents each: results are [S, P, R].

    Environments are [S, P]. Settings and keys are [S, R], the same for all candidates of a search,
    or [S, P, R] where they are to have their own. Common ones are the rule: candidates are
    compared, so what is not theirs should not differ. The last argument is the horizon of test
    episodes. Each population is spread over the devices of `mesh`, and on each tried `chunk` at a
    time (so that what one update touches stays in a core's cache); where whole populations fit into
    a chunk, as many searches at a time. `P` must be a multiple of the number of devices.
    """

    def of_one_search(envs, hyperparameters, keys, horizon):
        def tried(own):
            env, own_hyperparameters, own_keys = own
            each = (own_hyperparameters or hyperparameters, keys if own_keys is None else own_keys)
            rollouts = jax.tree.leaves(each)[0].shape[0]
            if rollouts == 1:  # an axis of size 1 is not free
                setting, key = jax.tree.map(lambda x: x[0], each)
                return jax.tree.map(lambda x: x[None], trial(env, setting, key, horizon))
            return jax.vmap(trial, (None, 0, 0, None))(env, *each, horizon)

        own = (envs, hyperparameters if own_settings else None, keys if own_keys else None)
        return _in_chunks(tried, own, chunk)

    def on_one_device(envs, *others):
        candidates = jax.tree.leaves(envs)[0].shape[1]
        return _side_by_side(of_one_search, (envs, *others), chunk // candidates)

    return spread(on_one_device, mesh, batched=(True, own_settings, own_keys, False), axis=1)


def over_means(
    trial: Trial, chunk: int, mesh: Mesh
) -> Callable[[Env, Hyperparameters, Key[Array, "S D"]], Evaluation]:
    """Try one environment of each of `S` searches with `D` settings, each with a key of its own.

    Results are [S, D]; chunks as above.
    """

    def on_one_device(envs, hyperparameters, keys):
        of_each = (envs, hyperparameters, keys)
        return _side_by_side(_draws(trial, chunk), of_each, chunk // keys.shape[1])

    return spread(on_one_device, mesh, batched=(False, True, True), axis=1)


def over_draws(
    trial: Trial, chunk: int, mesh: Mesh
) -> Callable[[Env, Hyperparameters, Key[Array, " D"]], Evaluation]:
    """Try one environment with `D` settings: results are [D]."""
    return spread(_draws(trial, chunk), mesh, batched=(False, True, True))


def _draws(trial: Trial, chunk: int) -> Callable[..., Evaluation]:
    def of_one_environment(env, hyperparameters, keys):
        return _in_chunks(lambda x: trial(env, *x), (hyperparameters, keys), chunk)

    return of_one_environment


def _side_by_side(function: Callable[..., Evaluation], of_each: PyTree, fit: int) -> Evaluation:
    """As many searches at a time as `fit` with all that they try; else one after the other."""
    return _in_chunks(lambda own: function(*own), of_each, max(1, fit))


def _in_chunks(function: Callable[[Any], Evaluation], inputs: PyTree, chunk: int) -> Evaluation:
    """In as few chunks as need be, of equal size where that is possible."""
    size = len(jax.tree.leaves(inputs)[0])
    num_chunks = -(-size // chunk)
    # What is left over would be compiled once more, and be slow for its size.
    at_once = -(-size // num_chunks)
    return jax.lax.map(function, inputs, batch_size=at_once if at_once > 1 else None)
