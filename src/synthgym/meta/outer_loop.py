"""The outer loop of grading: PPO's surrogate, differentiated through fits of networks.

See grade.py.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Array, Float, Key, PyTree

from synthgym.agents import base as agents
from synthgym.agents import losses
from synthgym.agents.networks import MLP
from synthgym.core.rng import stream
from synthgym.core.settings import Config
from synthgym.core.types import Action, Observation, PRNGKey, Transition
from synthgym.meta import fits
from synthgym.synth import exact
from synthgym.synth.env import SyntheticEnv
from synthgym.synth.exact import ExactBandit
from synthgym.tasks import base as tasks
from synthgym.tasks.rollout import uniform_action

LIMIT = 10.0  # standard deviations at which the critic's observations are clipped


class Survey(NamedTuple):
    """What random actions meet: the units of contexts and of the critic."""

    mean: Float[Array, " o"]
    std: Float[Array, " o"]
    scale: Float[Array, ""]  # of discounted returns


class Tables(NamedTuple):
    """What is graded."""

    contexts: Float[Array, "K o"]  # in standard deviations from the mean of the survey
    targets: Float[Array, "K k"]  # rewards of actions; or best actions, in halves of their bounds
    log_std: Float[Array, " k"]  # of exploration with continuous actions


class State(struct.PyTreeNode):
    """Where a grading is."""

    tables: Tables
    optimiser: PyTree
    critic: PyTree
    critic_optimiser: PyTree
    survey: Survey
    env_states: PyTree  # [network, environment]
    observations: Float[Array, "N B o"]
    returns: Float[Array, "N B"]  # of the episodes that go on
    best: Tables
    best_score: Float[Array, ""]


class News(NamedTuple):
    """What an iteration saw."""

    earned: Float[Array, "T N B"]  # return of the episode that ended there, or NaN
    gradient: Float[Array, ""]  # norm, mean over epochs


class OuterLoop:
    """Iterations in which the tables of one bandit follow the gradient."""

    def __init__(self, config: Config):
        self.grade, self.synth, self.about = config.grade, config.synth, config.task
        self.task = tasks.load(config.task)
        self.spec = self.task.spec
        self.outputs = self.spec.num_actions or self.spec.action_size
        self.half = (self.spec.action_high - self.spec.action_low) / 2
        self.middle = (self.spec.action_high + self.spec.action_low) / 2
        self.critic = MLP((64, 64), 1, "tanh")
        g = self.grade
        falling = optax.cosine_decay_schedule(g.learning_rate, g.iterations * g.epochs, alpha=0.1)
        self.optimiser = optax.chain(
            optax.clip_by_global_norm(g.max_grad_norm), optax.adam(falling)
        )
        self.critic_optimiser = optax.adam(g.critic_learning_rate)
        self.bounded = agents.Translated(self.task, partial(agents.bounded, spec=self.spec))
        self.iterate = jax.jit(self._iterate)
        self.steps = g.networks * g.environments * g.steps  # in the real task, of an iteration

    def init(self, start: SyntheticEnv | None, key: PRNGKey) -> State:
        """The state before the first iteration, after a survey of the task."""
        g = self.grade
        seen = self._random(stream(key, "survey"))
        observations = seen.observation.reshape(-1, self.spec.observation_size)
        nothing = jnp.zeros_like(seen.reward)
        to_go = losses.generalised_advantages(
            seen.reward,
            seen.terminated,
            seen.truncated,
            nothing,
            nothing,
            jnp.float32(g.gamma),
            jnp.float32(1.0),
        )
        std = jnp.maximum(observations.std(0), 1e-3)
        survey = Survey(observations.mean(0), std, jnp.maximum(to_go.std(), 1e-2))
        tables = self._tables(stream(key, "tables"), survey, start)
        critic = self.critic.init(stream(key, "critic"), survey.mean)
        keys = jax.random.split(stream(key, "begin"), g.networks)
        begin = partial(agents.begin, self.task, num_envs=g.environments)
        env_states, first = jax.vmap(begin)(keys)
        return State(
            tables,
            self.optimiser.init(tables),
            critic,
            self.critic_optimiser.init(critic),
            survey,
            env_states,
            first,
            jnp.zeros((g.networks, g.environments)),
            tables,
            jnp.float32(-jnp.inf),
        )

    def _tables(self, key: PRNGKey, survey: Survey, start: SyntheticEnv | None) -> Tables:
        count, log_std = self.synth.initial_states, jnp.log(self.grade.noise)
        spread = 0.5 if self.spec.discrete else 0.3
        key_contexts, key_targets, key_read = jax.random.split(key, 3)
        contexts = jax.random.normal(key_contexts, (count, self.spec.observation_size))
        targets = spread * jax.random.normal(key_targets, (count, self.outputs))
        if start is not None:
            contexts, targets = exact.read(key_read, start, count)
            contexts = (contexts - survey.mean) / survey.std
            if not self.spec.discrete:
                targets = (targets - self.middle) / self.half
        return Tables(contexts, targets, jnp.full(self.outputs, log_std))

    def _iterate(self, key: PRNGKey, state: State) -> tuple[State, News]:
        """Fit networks, act, and follow the gradient for some epochs."""
        g, tables, survey = self.grade, state.tables, state.survey
        keys_fit = jax.random.split(stream(key, "fit"), g.networks)
        keys_act = jax.random.split(stream(key, "act"), g.networks)
        fitted = self._fits(tables, survey, keys_fit)

        def act(fitted, env_states, observations, key):
            policy = partial(self._sample, tables, fitted)
            begun = (env_states, observations, key, g.steps)
            return agents.collect(self.bounded, policy, *begun)

        env_states, observations, seen = jax.vmap(act)(
            fitted, state.env_states, state.observations, keys_act
        )
        advantages = jax.vmap(partial(self._advantages, state.critic, survey))(seen)
        aims = advantages + self._value(state.critic, survey, seen.observation)
        advantages = losses.normalised(advantages)
        before, _ = jax.vmap(partial(self._log_prob, tables))(fitted, seen)

        def loss(tables: Tables) -> Float[Array, ""]:
            fitted = self._fits(tables, survey, keys_fit)
            after, entropy = jax.vmap(partial(self._log_prob, tables))(fitted, seen)
            clip = jnp.float32(g.clip)
            surrogate = losses.clipped_policy_loss(after - before, advantages, clip)
            return surrogate - g.entropy_coefficient * entropy.mean()

        def critic_loss(critic: PyTree) -> Float[Array, ""]:
            error = self._value(critic, survey, seen.observation) - aims
            return ((error / survey.scale) ** 2).mean()

        def criticise(carry, _):
            critic, optimiser = carry
            change, optimiser = self.critic_optimiser.update(
                jax.grad(critic_loss)(critic), optimiser
            )
            return (optax.apply_updates(critic, change), optimiser), None

        def epoch(carry, _):
            tables, optimiser, *criticised = carry
            gradient = jax.grad(loss)(tables)
            change, optimiser = self.optimiser.update(gradient, optimiser)
            criticised, _ = jax.lax.scan(criticise, tuple(criticised), None, length=g.critic_steps)
            tables = optax.apply_updates(tables, change)
            return (tables, optimiser, *criticised), optax.tree.norm(gradient)

        carry = (tables, state.optimiser, state.critic, state.critic_optimiser)
        carry, norms = jax.lax.scan(epoch, carry, None, length=g.epochs)
        tables, optimiser, critic, critic_optimiser = carry
        returns, earned = _episodes(state.returns, seen)
        state = state.replace(
            tables=tables,
            optimiser=optimiser,
            critic=critic,
            critic_optimiser=critic_optimiser,
            env_states=env_states,
            observations=observations,
            returns=returns,
        )
        return state, News(earned, norms.mean())

    def env(self, tables: Tables, survey: Survey) -> ExactBandit:
        """The bandit of these tables."""
        contexts, targets = survey.mean + survey.std * tables.contexts, tables.targets
        if not self.spec.discrete:
            targets = self.middle + self.half * targets
        bandit = exact.make(self.synth, self.about)
        theta = {"initial_state": {"table": contexts}, "reward": {"table": targets}}
        return bandit.replace(theta=theta)

    def _random(self, key: PRNGKey) -> Transition:
        g = self.grade
        count = g.networks * g.environments
        states, first = agents.begin(self.task, stream(key, "begin"), count)
        policy = partial(uniform_action, self.spec)
        return agents.collect(self.task, policy, states, first, stream(key, "act"), g.steps)[2]

    def _fits(self, tables: Tables, survey: Survey, keys: Key[Array, " N"]) -> fits.Fitted:
        contexts = survey.mean + survey.std * tables.contexts
        fit = partial(fits.FITS[self.grade.fit.name], fit=self.grade.fit)
        return jax.vmap(lambda key: fit(key, contexts=contexts, targets=tables.targets))(keys)

    def _value(self, critic: PyTree, survey: Survey, observation: Float[Array, "*b o"]) -> Array:
        seen = jnp.clip((observation - survey.mean) / survey.std, -LIMIT, LIMIT)
        return survey.scale * self.critic.apply(critic, seen)[..., 0]

    def _advantages(self, critic: PyTree, survey: Survey, seen: Transition) -> Array:
        value = partial(self._value, critic, survey)
        return losses.generalised_advantages(
            seen.reward,
            seen.terminated,
            seen.truncated,
            value(seen.observation),
            value(seen.next_observation),
            jnp.float32(self.grade.gamma),
            jnp.float32(self.grade.gae_lambda),
        )

    # the policy of a fitted network

    def _sample(
        self, tables: Tables, fitted: fits.Fitted, key: PRNGKey, observation: Observation
    ) -> Action:
        output = self._output(fitted, observation)
        if self.spec.discrete:
            return jax.random.categorical(key, output / self.grade.temperature)
        noise = jnp.exp(tables.log_std) * jax.random.normal(key, output.shape)
        return self.middle + self.half * (output + noise)

    def _log_prob(
        self, tables: Tables, fitted: fits.Fitted, seen: Transition
    ) -> tuple[Float[Array, "*b"], Float[Array, "*b"]]:
        """Log-probability of the actions, but for a constant; and entropy, likewise."""
        output = self._output(fitted, seen.observation)
        if self.spec.discrete:
            policy = jax.nn.log_softmax(output / self.grade.temperature)
            entropy = -(jnp.exp(policy) * policy).sum(-1)
            return losses.select_action_value(policy, seen.action), entropy
        off = ((seen.action - self.middle) / self.half - output) * jnp.exp(-tables.log_std)
        wide = tables.log_std.sum()
        return -0.5 * (off**2).sum(-1) - wide, jnp.broadcast_to(wide, off.shape[:-1])

    def _output(self, fitted: fits.Fitted, observation: Float[Array, "*b o"]) -> Array:
        return fits.apply(self.grade.fit, fitted, observation, self.outputs)


def _episodes(
    returns: Float[Array, "N B"], seen: Transition
) -> tuple[Float[Array, "N B"], Float[Array, "T N B"]]:
    """Returns of episodes that go on, and of those that ended where they did."""

    def step(so_far, inputs):
        reward, ended = inputs
        so_far = so_far + reward
        return jnp.where(ended, 0.0, so_far), jnp.where(ended, so_far, jnp.nan)

    ended = seen.terminated | seen.truncated
    inputs = (jnp.moveaxis(seen.reward, 1, 0), jnp.moveaxis(ended, 1, 0))
    return jax.lax.scan(step, returns, inputs)
