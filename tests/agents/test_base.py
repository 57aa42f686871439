"""Training runs: what all agents have in common."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from probes import PROBES, defaults, section, tiny
from synthgym.agents import base
from synthgym.core.rng import stream
from synthgym.core.types import Agent, Env
from synthgym.synth import env as synth

ENV = PROBES["action by observation"]
STEPS = 256


class Runs:
    """Training runs of one agent, compiled once."""

    def __init__(self, name: str):
        self.section = tiny(name)
        self.agent = base.load(self.section, ENV.spec)
        self.train = jax.jit(self._train)
        self.train_many = jax.jit(jax.vmap(self._train))

    def _train(self, hyperparameters: Any, key: Any) -> Any:
        return base.train(self.agent, ENV, hyperparameters, key, STEPS)

    def settings(self, learning_rate: float = 0.001) -> dict[str, Any]:
        return defaults(self.section, learning_rate=learning_rate)


@pytest.fixture(scope="module", params=["ppo", "dqn"])
def runs(request: pytest.FixtureRequest) -> Runs:
    return Runs(request.param)


def differs(tree: Any, other: Any) -> float:
    """The largest difference between two trees."""
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(other), strict=True)
    return max(float(jnp.abs(x * 1.0 - y * 1.0).max()) for x, y in pairs)


def test_training_is_deterministic_in_its_key(runs: Runs) -> None:
    first, again, other = (
        runs.train(runs.settings(), jax.random.key(seed))[0] for seed in (0, 0, 1)
    )
    assert differs(first, again) == 0.0
    assert differs(first, other) > 1e-3


def test_settings_in_a_batch_are_those_one_at_a_time(runs: Runs) -> None:
    settings = [runs.settings(rate) for rate in (0.01, 0.0001)]
    batch = jax.tree.map(lambda *x: jnp.stack(x), *settings)
    together, _ = runs.train_many(batch, jax.random.split(jax.random.key(3), 2))
    alone = [
        runs.train(one, key)[0]
        for one, key in zip(settings, jax.random.split(jax.random.key(3), 2), strict=True)
    ]
    for i, params in enumerate(alone):
        assert differs(jax.tree.map(lambda x, i=i: x[i], together), params) < 1e-4
    assert differs(alone[0], alone[1]) > 1e-2


def test_tests_do_not_change_the_training(runs: Runs) -> None:
    """Also what a curve says: steps and episodes so far, results of the agent at that time."""

    def test(key: Any, params: Any) -> Any:
        return jax.random.uniform(key), params

    def train(key: Any) -> Any:
        return base.train_with_tests(runs.agent, ENV, runs.settings(), key, STEPS, 4, test)

    params, curve = jax.jit(train)(jax.random.key(0))
    plain, transitions = runs.train(runs.settings(), jax.random.key(0))
    assert differs(params, plain) < 1e-6  # another program may round otherwise
    assert curve.step.tolist() == [64, 128, 192, 256]
    ended = (transitions.terminated | transitions.truncated).reshape(4, -1).sum(1)
    assert curve.episode.tolist() == np.cumsum(ended).tolist()
    numbers, seen = curve.result
    assert len(set(numbers.tolist())) == 4
    assert differs(jax.tree.map(lambda x: x[-1], seen), params) == 0.0
    assert differs(jax.tree.map(lambda x: x[0], seen), params) > 0.0


@pytest.mark.parametrize(
    ("steps", "tests", "iterations"),
    # 32 steps per iteration: rounded up, and to a multiple of the tests.
    [(1, 1, 1), (32, 1, 1), (33, 1, 2), (320, 1, 10), (320, 4, 12), (320, 5, 10)],
)
def test_a_run_has_at_least_the_steps_asked_for(steps: int, tests: int, iterations: int) -> None:
    assert base.iterations(Runs("ppo").agent, steps, tests) == iterations


def counted(agent: Agent, env: Env, settings: Any, steps: int) -> int:
    """Updates that Adam counts in a training run."""
    total = base.iterations(agent, steps) * agent.steps_per_iteration

    def train(key: Any) -> Any:
        state = agent.init(stream(key, "init"), env, settings, total)

        def iterate(state: Any, i: Any) -> Any:
            key_i = jax.random.fold_in(stream(key, "loop"), i)
            return agent.iterate(key_i, state, env, settings, total)[0], None

        return jax.lax.scan(iterate, state, jnp.arange(base.iterations(agent, steps)))[0]

    state = jax.jit(train)(jax.random.key(0))
    assert state.step == total
    optimiser = getattr(state, "learner", state).optimiser
    return int(optax.tree_utils.tree_get(optimiser, "count"))


@pytest.mark.parametrize(
    ("name", "static", "steps", "updates"),
    [
        ("ppo", {}, 65, 3 * 2 * 2),  # 3 iterations, 2 epochs, 2 minibatches
        # 16 iterations of 4 steps; the fourth is the first that learns.
        ("dqn", {"warmup": 16, "num_updates": 3}, 62, 13 * 3),
        ("dqn", {"warmup": 0}, 20, 5),
    ],
)
def test_updates_are_those_that_the_optimiser_makes(
    name: str, static: Any, steps: int, updates: int
) -> None:
    config = tiny(name, static=static)
    agent = base.load(config, ENV.spec)
    assert agent.updates(steps) == updates
    assert counted(agent, ENV, defaults(config), steps) == updates


@pytest.mark.parametrize(
    ("warmup", "updates"), [(0, 5), (4, 5), (16, 2), (17, 1), (20, 1), (21, 0), (999, 0)]
)
def test_learning_begins_when_the_buffer_is_warm(warmup: int, updates: int) -> None:
    """Five iterations of 4 steps."""
    assert base.load(tiny("dqn", static={"warmup": warmup}), ENV.spec).updates(20) == updates


def test_a_batch_of_bandit_steps_is_the_steps_in_sequence() -> None:
    bandit = synth.make(section("synth", "bandit"), section("task", "cartpole"))
    bandit = bandit.replace(theta=synth.init_theta(jax.random.key(0), bandit))

    def policy(key: Any, observation: Any) -> Any:
        return jax.random.categorical(key, observation[:2])

    def steps(collect: Any) -> Any:
        key_begin, key_collect = jax.random.split(jax.random.key(1))
        states, observations = base.begin(bandit, key_begin, 3)
        return jax.jit(collect, static_argnums=(1, 5))(
            bandit, policy, states, observations, key_collect, 7
        )

    in_one, in_sequence = steps(base.collect_in_one_batch), steps(base.collect_sequentially)
    assert in_one[2].reward.shape == (7, 3)
    assert 0 < in_one[2].action.mean() < 1
    for one, other in zip(jax.tree.leaves(in_one), jax.tree.leaves(in_sequence), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(in_one[2].action, in_sequence[2].action)


def test_the_gradient_is_clipped_by_its_norm() -> None:
    # Norm 50, clipped to 5: (3, 4). Its mean and square root of the second moment are itself, so
    # Adam's first step is the learning rate, but for eps = 1e-5.
    optimiser = base.optimiser("adam", jnp.float32(0.1), jnp.float32(5.0))
    params = jnp.array([30.0, 40.0])
    change, state = optimiser.update(params, optimiser.init(params))
    np.testing.assert_allclose(change, -0.1, rtol=1e-4)
    mean = optax.tree_utils.tree_get(state, "mu")
    np.testing.assert_allclose(mean, np.array([3.0, 4.0]) * 0.1, rtol=1e-5)


@pytest.mark.parametrize(("name", "change"), [("sgd", -0.05), ("rmsprop", -0.1 / 0.1**0.5)])
def test_other_optimisers_step_by_their_rule(name: str, change: float) -> None:
    # SGD: rate times gradient, at first without momentum. RMSprop: over the root of a tenth of its
    # square.
    optimiser = base.optimiser(name, jnp.float32(0.1), jnp.float32(5.0))
    params = jnp.array([0.5])
    first, _ = optimiser.update(params, optimiser.init(params))
    np.testing.assert_allclose(first, change, rtol=1e-4)
