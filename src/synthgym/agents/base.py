"""Training runs: what all agents have in common."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Array, Bool, Float, Int, PyTree

from synthgym.agents.stopping import Episodes, Stop
from synthgym.core import settings
from synthgym.core.rng import stream
from synthgym.core.types import (
    Action,
    Agent,
    Discounted,
    Env,
    EnvSpec,
    Hyperparameters,
    Observation,
    Policy,
    PRNGKey,
    Step,
    Transition,
)
from synthgym.tasks.base import step_and_reset

OPTIMISERS: Mapping[str, Callable[..., optax.GradientTransformation]] = {
    "adam": partial(optax.adam, eps=1e-5),
    "rmsprop": optax.rmsprop,
    "sgd": partial(optax.sgd, momentum=0.9),
}
T = TypeVar("T")
# state and number of an iteration -> state, and what was collected
Iterate = Callable[[PyTree, Int[Array, ""]], tuple[PyTree, Transition]]
Advance = Callable[[tuple[PyTree, PyTree], Int[Array, " I"]], tuple[PyTree, PyTree]]


class Curve(NamedTuple):
    """Results of tests during training, at `T` moments."""

    step: Int[Array, "T"]  # environment steps so far
    episode: Int[Array, "T"]  # episodes ended so far
    result: PyTree  # what `test` returned


class Tested(NamedTuple):
    """How good an agent was at `T` evenly spaced moments of a training that may end early."""

    step: Int[Array, ""]  # environment steps that it trained
    returns: Float[Array, "T"]  # on the real task; after the end, as at the end
    test_steps: Int[Array, ""]  # that these tests took


class Module(Protocol):
    """A module that provides an algorithm."""

    def make(self, agent: settings.Agent, spec: EnvSpec) -> Agent: ...


def load(agent: settings.Agent, spec: EnvSpec) -> Agent:
    """The agent of these settings for environments of this kind."""
    module = cast(Module, importlib.import_module(agent.module))
    return module.make(agent, spec)


def build(kind: Callable[..., T], agent: settings.Agent, spec: EnvSpec, **defaults: object) -> T:
    """The algorithm of these settings; `defaults` are of static ones that it may leave out."""
    static: dict[str, Any] = {"convolution": True, **defaults, **agent.static}
    if not static.pop("convolution"):
        spec = dataclasses.replace(spec, image=())
    return kind(spec=spec, name=agent.name, **static)


def iterations(agent: Agent, num_steps: int, num_tests: int = 1) -> int:
    """How many make at least `num_steps` environment steps, in `num_tests` equal parts."""
    per_part = num_tests * agent.steps_per_iteration
    return -(-num_steps // per_part) * num_tests


def footprint(
    agent: Agent, env: Env, hyperparameters: Hyperparameters, num_steps: int
) -> tuple[int, int]:
    """Bytes of an agent in training: those that every update touches, and all."""

    def begin(key):
        return agent.init(key, env, hyperparameters, num_steps)

    state = jax.eval_shape(begin, jax.random.key(0))
    everything = _bytes(state)
    return everything - _bytes(getattr(state, "experience", None)), everything


def _bytes(tree: PyTree) -> int:
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))


def train(
    agent: Agent, env: Env, hyperparameters: Hyperparameters, key: PRNGKey, num_steps: int
) -> tuple[PyTree, Transition]:
    """Train a fresh agent for `num_steps`, rounded up to whole iterations.

    Returns its parameters, and all that it saw, [iteration, ...].
    """
    key_init, key_loop = stream(key, "init"), stream(key, "loop")
    env = discounted(env, hyperparameters)
    num_iterations = iterations(agent, num_steps)
    total = num_iterations * agent.steps_per_iteration
    state = agent.init(key_init, env, hyperparameters, total)

    def iterate(state, i):
        return agent.iterate(jax.random.fold_in(key_loop, i), state, env, hyperparameters, total)

    state, transitions = jax.lax.scan(iterate, state, jnp.arange(num_iterations))
    return state.params, transitions


def train_with_tests(
    agent: Agent,
    env: Env,
    hyperparameters: Hyperparameters,
    key: PRNGKey,
    num_steps: int,
    num_tests: int,
    test: Callable[[PRNGKey, PyTree], PyTree],
    stop: Stop | None = None,
) -> tuple[PyTree, Curve]:
    """As `train`, with `test(key, params)` after each of `num_tests` equal parts.

    Tests change nothing about the training: without them the same agent comes out, where
    `num_tests` divides the number of iterations. Where `stop` holds after an iteration the agent
    stays as it is, and later tests are of that agent.
    """
    key_init, key_loop, key_test = stream(key, "init"), stream(key, "loop"), stream(key, "test")
    env = discounted(env, hyperparameters)
    num_iterations = iterations(agent, num_steps, num_tests)
    total = num_iterations * agent.steps_per_iteration
    state = agent.init(key_init, env, hyperparameters, total)

    def iterate(state, i):
        key_i = jax.random.fold_in(key_loop, i)
        return agent.iterate(key_i, state, env, hyperparameters, total)

    advance = _until(iterate, stop) if stop else _all(iterate)
    episodes = stop.no_episodes(_num_envs(iterate, state)) if stop else None

    def part(carry, part_indices):
        state, episodes = advance(carry, part_indices)
        result = test(jax.random.fold_in(key_test, part_indices[0]), state.params)
        return (state, episodes), Curve(state.step, state.episodes, result)

    parts = jnp.arange(num_iterations).reshape(num_tests, -1)
    (state, _), curve = jax.lax.scan(part, (state, episodes), parts)
    return state.params, curve


def train_until(
    agent: Agent,
    env: Env,
    hyperparameters: Hyperparameters,
    key: PRNGKey,
    num_steps: int,
    num_tests: int,
    test: Callable[[PRNGKey, PyTree], tuple[Float[Array, ""], Int[Array, ""]]],
    level: float,
    window: int,
) -> tuple[PyTree, Tested]:
    """As `train_with_tests`, to the first test at which the mean of the last `window` is `level`.

    `test(key, params)` gives a return and the steps that it took. A batch of agents trains until
    the last of them is there; the others stay as they were. Where it never comes to that, training
    is whole.
    """
    key_init, key_loop, key_test = stream(key, "init"), stream(key, "loop"), stream(key, "test")
    env = discounted(env, hyperparameters)
    num_iterations = iterations(agent, num_steps, num_tests)
    total = num_iterations * agent.steps_per_iteration
    per_part = num_iterations // num_tests

    def iterate(state, i):
        key_i = jax.random.fold_in(key_loop, i)
        return agent.iterate(key_i, state, env, hyperparameters, total)

    def goes_on(carry):
        part, _, tested = carry
        at = jnp.arange(num_tests)
        recent = (at < part) & (at >= part - window)
        mean = jnp.where(recent, tested.returns, 0.0).sum() / window
        return (part < num_tests) & ~((part >= window) & (mean >= level))

    def once(carry):
        part, state, tested = carry
        indices = part * per_part + jnp.arange(per_part)
        state, _ = _all(iterate)((state, None), indices)
        return_, length = test(jax.random.fold_in(key_test, part), state.params)
        later = jnp.arange(num_tests) >= part  # an agent that trains no more stays as good
        returns = jnp.where(later, return_, tested.returns)
        return part + 1, state, Tested(state.step, returns, tested.test_steps + length)

    state = agent.init(key_init, env, hyperparameters, total)
    blank = Tested(state.step, jnp.zeros(num_tests), jnp.int32(0))
    _, state, tested = jax.lax.while_loop(goes_on, once, (jnp.int32(0), state, blank))
    return state.params, tested


def discounted(env: Env, hyperparameters: Hyperparameters) -> Env:
    """The environment as it is for this agent, where its rewards depend on the discount.

    An agent that has none, such as an evolution strategy, maximises the plain sum of rewards.
    """
    if not isinstance(env, Discounted):
        return env
    return env.with_discount(hyperparameters.get("gamma", jnp.float32(1.0)))


def _all(iterate: Iterate) -> Advance:
    """All iterations, of the indices that are given."""

    def advance(carry: tuple[PyTree, None], indices: Int[Array, " I"]) -> tuple[PyTree, None]:
        state, episodes = carry
        state, _ = jax.lax.scan(lambda state, i: (iterate(state, i)[0], None), state, indices)
        return state, episodes

    return advance


def _until(iterate: Iterate, stop: Stop) -> Advance:
    """Iterations until the rule holds; in a batch of agents, until it holds for all."""

    def advance(
        carry: tuple[PyTree, Episodes], indices: Int[Array, " I"]
    ) -> tuple[PyTree, Episodes]:
        def goes_on(loop: tuple[Int[Array, ""], PyTree, Episodes]) -> Bool[Array, ""]:
            i, _, episodes = loop
            return (i < len(indices)) & ~stop.holds(episodes)

        def once(
            loop: tuple[Int[Array, ""], PyTree, Episodes],
        ) -> tuple[Int[Array, ""], PyTree, Episodes]:
            i, state, episodes = loop
            state, transitions = iterate(state, indices[i])
            return i + 1, state, stop.seen(episodes, transitions)

        _, state, episodes = jax.lax.while_loop(goes_on, once, (jnp.int32(0), *carry))
        return state, episodes

    return advance


def _num_envs(iterate: Iterate, state: PyTree) -> int:
    return jax.eval_shape(iterate, state, jnp.int32(0))[1].reward.shape[1]


class Translated(struct.PyTreeNode):
    """An environment that gets `to_action` of what an agent does.

    So what an agent stores is what it drew, which is what its policy gives a density to.
    """

    env: PyTree  # an Env
    to_action: Callable[[Action], Action] = struct.field(pytree_node=False)

    @property
    def spec(self) -> EnvSpec:
        return self.env.spec

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        return self.env.reset(key)

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        return self.env.step(key, state, self.to_action(action))


def bounded(action: Action, spec: EnvSpec) -> Action:
    """A continuous action, clipped to its bounds; a discrete one as it is."""
    return action if spec.discrete else jnp.clip(action, spec.action_low, spec.action_high)


def begin(env: Env, key: PRNGKey, num_envs: int) -> tuple[PyTree, Float[Array, "B o"]]:
    """The states and first observations of `B` parallel environments."""
    return jax.vmap(env.reset)(jax.random.split(key, num_envs))


def collect(
    env: Env,
    policy: Policy,
    states: PyTree,
    observations: Float[Array, "B o"],
    key: PRNGKey,
    num_steps: int,
) -> tuple[PyTree, Float[Array, "B o"], Transition]:
    """Act `num_steps` times in each of `B` environments: transitions are [step, environment].

    In a contextual bandit nothing is sequential, so all steps are taken in one batch; with the same
    keys, `collect_sequentially` gives the same transitions.
    """
    steps = collect_in_one_batch if env.spec.bandit else collect_sequentially
    return steps(env, policy, states, observations, key, num_steps)


def collect_sequentially(
    env: Env,
    policy: Policy,
    states: PyTree,
    observations: Float[Array, "B o"],
    key: PRNGKey,
    num_steps: int,
) -> tuple[PyTree, Float[Array, "B o"], Transition]:
    """The general path of `collect`."""

    def advance(carry, t):
        states, observations = carry
        keys = jax.random.split(jax.random.fold_in(key, t), (len(observations), 2))
        actions = jax.vmap(policy)(keys[:, 0], observations)
        new = jax.vmap(step_and_reset, (None, 0, 0, 0))(env, keys[:, 1], states, actions)
        states, next_observations, step = new
        return (states, next_observations), Transition(
            observations, actions, step.reward, step.observation, step.terminated, step.truncated
        )

    start = (states, observations)
    (states, observations), transitions = jax.lax.scan(advance, start, jnp.arange(num_steps))
    return states, observations, transitions


def collect_in_one_batch(
    env: Env,
    policy: Policy,
    states: PyTree,
    observations: Float[Array, "B o"],
    key: PRNGKey,
    num_steps: int,
) -> tuple[PyTree, Float[Array, "B o"], Transition]:
    """The path of `collect` for episodes of one step: all next states are resets, known before."""

    def split(t):
        return jax.random.split(jax.random.fold_in(key, t), (len(observations), 2))

    keys = jax.vmap(split)(jnp.arange(num_steps))
    in_step = jax.vmap(jax.vmap(jax.random.split))(keys[..., 1])
    key_step, key_reset = in_step[..., 0], in_step[..., 1]
    resets = jax.vmap(jax.vmap(env.reset))(key_reset)
    first = (states, observations)
    acted_on = jax.tree.map(lambda x, xs: jnp.concatenate([x[None], xs[:-1]]), first, resets)
    states, observations = acted_on
    actions = jax.vmap(jax.vmap(policy))(keys[..., 0], observations)
    _, step = jax.vmap(jax.vmap(env.step))(key_step, states, actions)
    last_states, last_observations = jax.tree.map(lambda xs: xs[-1], resets)
    return (
        last_states,
        last_observations,
        Transition(
            observations, actions, step.reward, step.observation, step.terminated, step.truncated
        ),
    )


def optimiser(
    name: str, learning_rate: Float[Array, ""], max_grad_norm: Float[Array, ""]
) -> optax.GradientTransformation:
    """One of OPTIMISERS on gradients whose global norm is clipped; both numbers may be traced."""
    return optax.chain(optax.clip_by_global_norm(max_grad_norm), OPTIMISERS[name](learning_rate))
