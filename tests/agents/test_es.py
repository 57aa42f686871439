"""The evolution strategy on policies: one generation by hand, and that it learns."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from jax.flatten_util import ravel_pytree

from probes import PROBES, TARGET, defaults, section, spec
from synthgym.agents import base, es
from synthgym.core.types import EnvSpec, Step

POPULATION, ROLLOUTS = 6, 4
ENV = PROBES["action by observation"]


def loaded(env_spec: EnvSpec, **static: Any) -> tuple[Any, es.ES]:
    small = {"population": POPULATION, "rollouts": ROLLOUTS, "hidden": [8]}
    config = section("agent", "es", static={**small, **static})
    agent = base.load(config, env_spec)
    assert isinstance(agent, es.ES)
    return config, agent


def differs(tree: Any, other: Any) -> float:
    """The largest difference between two trees."""
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(other), strict=True)
    return max(float(jnp.abs(x * 1.0 - y * 1.0).max()) for x, y in pairs)


def test_the_first_return_is_that_of_the_first_episode() -> None:
    reward = jnp.array([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0], [8.0, 8.0]])
    ended = jnp.array([[False, False], [True, False], [False, False], [True, True]])
    returns = jax.vmap(es.first_return, 1)(reward, ended)
    assert returns.tolist() == [3.0, 15.0]


class Walk(struct.PyTreeNode):
    """An action is a step on a line; who goes too far is out. No two policies do equally well."""

    spec: EnvSpec = struct.field(pytree_node=False)

    def reset(self, key: Any) -> Any:
        place = jax.random.uniform(key, (1,), minval=-0.5, maxval=0.5)
        return (place, jnp.int32(0)), place

    def step(self, key: Any, state: Any, action: Any) -> Any:
        place, time = state[0] + action, state[1] + 1
        out = place[0] > OUT
        end = (time >= self.spec.horizon) & ~out
        return (place, time), Step(place, -(place**2).sum(), out, end)


OUT = 0.6


class Generation:
    """One generation, and what led to it."""

    env = Walk(EnvSpec(1, 0, 1, -1.0, 1.0, 5))

    def __init__(self) -> None:
        config, self.agent = loaded(self.env.spec, hidden=[])
        self.settings = defaults(config, sigma=0.5, learning_rate=0.7, sigma_rate=2.0)
        self.before = self.agent.init(jax.random.key(0), self.env, self.settings, 1)
        iterate = jax.jit(
            lambda key: self.agent.iterate(key, self.before, self.env, self.settings, 1)
        )
        self.after, self.seen = iterate(jax.random.key(1))
        # The policies it drew: the first of the three keys is for this.
        mean, std = self.before.search.mean, self.before.search.std
        key_ask = jax.random.split(jax.random.key(1), 3)[0]
        self.z = np.asarray(jax.random.normal(key_ask, (POPULATION, len(mean))))
        assert std.tolist() == [0.5] * len(mean)


@pytest.fixture(scope="module")
def generation() -> Generation:
    return Generation()


def test_all_steps_are_genuine_and_counted(generation: Generation) -> None:
    seen, agent = generation.seen, generation.agent
    assert seen.reward.shape == (5, POPULATION * ROLLOUTS)
    assert agent.steps_per_iteration == 5 * POPULATION * ROLLOUTS
    assert generation.after.step == agent.steps_per_iteration
    assert agent.updates(2 * agent.steps_per_iteration + 1) == 3
    to = seen.observation[..., 0] + seen.action[..., 0]
    np.testing.assert_allclose(seen.next_observation[..., 0], to, atol=1e-6)
    np.testing.assert_allclose(seen.reward, -(to**2), atol=1e-6)
    np.testing.assert_array_equal(seen.terminated, to > OUT)
    ended = seen.terminated | seen.truncated
    assert seen.terminated.sum() > 0
    assert seen.truncated.sum() > 0
    assert generation.after.episodes == ended.sum() > POPULATION * ROLLOUTS
    goes_on = ~ended[:-1]
    np.testing.assert_array_equal(
        seen.next_observation[:-1][goes_on], seen.observation[1:][goes_on]
    )


def test_all_policies_begin_alike(generation: Generation) -> None:
    first = generation.seen.observation[0].reshape(POPULATION, ROLLOUTS)
    assert (first == first[0]).all()
    assert len(np.unique(first)) == ROLLOUTS


def test_one_generation_by_hand(generation: Generation) -> None:
    """SNES as Wierstra et al. 2014 have it (their algorithm 6, with utilities from ranks)."""
    seen, z = generation.seen, generation.z
    reward = np.asarray(seen.reward).reshape(5, POPULATION, ROLLOUTS)
    ended = np.asarray(seen.terminated | seen.truncated).reshape(reward.shape)
    fitness = np.zeros(POPULATION)
    for p, b in np.ndindex(POPULATION, ROLLOUTS):
        fitness[p] += reward[: ended[:, p, b].argmax() + 1, p, b].sum() / ROLLOUTS
    assert len(set(fitness)) == POPULATION  # no ties, whose order would be arbitrary
    rank = (-fitness).argsort().argsort() + 1
    utility = np.maximum(0.0, np.log(POPULATION / 2 + 1) - np.log(rank))
    utility = utility / utility.sum() - 1 / POPULATION
    before, after = generation.before.search, generation.after.search
    size = len(before.mean)
    mean = before.mean + 0.7 * 0.5 * utility @ z
    rate = 2.0 * (3 + np.log(size)) / (5 * size**0.5)
    np.testing.assert_allclose(after.mean, mean, rtol=1e-4, atol=1e-6)
    std = 0.5 * np.exp(rate / 2 * utility @ (z**2 - 1))
    np.testing.assert_allclose(after.std, std, rtol=1e-4)
    network, _ = generation.after.params
    flat, _ = ravel_pytree(network)
    np.testing.assert_array_equal(flat, after.mean)


def trained(env: Any, generations: int, static: Any, **hyperparameters: float) -> Any:
    """An agent, its parameters, and its mean reward in each generation."""
    config, agent = loaded(env.spec, **static)
    settings = defaults(config, **hyperparameters)
    steps = generations * agent.steps_per_iteration
    params, seen = jax.jit(lambda key: base.train(agent, env, settings, key, steps))(
        jax.random.key(0)
    )
    return agent, params, seen


def test_it_learns_to_look() -> None:
    agent, params, seen = trained(ENV, 20, {"population": 20})
    rewards = seen.reward.mean((1, 2))
    assert rewards[0] < 0.6
    assert rewards[-1] > 0.8
    for observation, action in ((-1.0, 0), (1.0, 1)):
        chosen = agent.act(params, jax.random.key(0), jnp.array([observation]))
        assert chosen == action
        assert chosen.dtype == jnp.int32


def test_it_learns_continuous_actions_within_their_bounds() -> None:
    agent, params, seen = trained(TARGET, 40, {"population": 20, "normalise_observations": True})
    assert seen.reward[0].mean() < -0.07  # 1/12 for a policy that does nothing
    assert seen.reward[-1].mean() > -0.01
    assert np.abs(seen.action).max() <= 1.0
    observations = jnp.linspace(-0.5, 0.5, 5)[:, None]
    actions = jax.vmap(lambda o: agent.act(params, jax.random.key(0), o))(observations)
    np.testing.assert_allclose(actions, observations, atol=0.15)
    _, normaliser = params
    np.testing.assert_allclose(normaliser.count, 40 * agent.steps_per_iteration, rtol=1e-5)
    np.testing.assert_allclose(normaliser.variance, 1 / 12, rtol=0.1)
    network, _ = params
    wild = jax.tree.map(lambda x: 1000.0 * x, network)
    far = jax.vmap(lambda o: agent.act((wild, normaliser), jax.random.key(0), o))(observations)
    assert (jnp.abs(far) <= 1.0).all()
    assert jnp.abs(far).max() == 1.0


def test_the_short_cut_of_bandits_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    env = ENV.replace(spec=spec(1))
    _, short, short_seen = trained(env, 5, {})
    monkeypatch.setattr(es, "collect", base.collect_sequentially)
    agent, general, general_seen = trained(env, 5, {})
    assert agent.steps_per_iteration == POPULATION * ROLLOUTS
    for one, other in zip(short_seen, general_seen, strict=True):
        np.testing.assert_array_equal(one, other)
    assert differs(short, general) < 1e-6
    assert 0.0 < np.asarray(short_seen.action).mean() < 1.0


def test_settings_in_a_batch_are_those_one_at_a_time() -> None:
    config, agent = loaded(ENV.spec)
    settings = [
        defaults(config, sigma=sigma, sigma_rate=rate) for sigma, rate in ((0.1, 0), (1, 1))
    ]

    def train(hyperparameters: Any, key: Any) -> Any:
        return base.train(agent, ENV, hyperparameters, key, 5 * agent.steps_per_iteration)[0]

    batch = jax.tree.map(lambda *x: jnp.stack(x), *settings)
    together = jax.jit(jax.vmap(train, (0, None)))(batch, jax.random.key(0))
    alone = [jax.jit(train)(one, jax.random.key(0)) for one in settings]
    for i, params in enumerate(alone):
        assert differs(jax.tree.map(lambda x, i=i: x[i], together), params) < 1e-4
    assert differs(*alone) > 1e-2


@pytest.mark.parametrize(
    ("static", "reason"),
    [
        ({"population": 1}, "agents.es.static.population must be 2 or more, not 1."),
        ({"activation": "sine"}, "agents.es.static.activation must be one of tanh, "),
    ],
)
def test_what_makes_no_sense_is_refused(static: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        loaded(ENV.spec, **static)
