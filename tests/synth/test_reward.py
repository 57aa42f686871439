"""Reward networks: rewards worked out by hand, the task's own steps, and what stays optimal."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from jaxtyping import Array, Float, PyTree

from probes import defaults, section, task_section
from synthgym.agents import base as agents
from synthgym.core import checkpoint
from synthgym.core.types import Action, EnvSpec, Observation, PRNGKey, Step
from synthgym.plan.schema import REWARD_KINDS
from synthgym.synth import reward
from synthgym.tasks import base as tasks

CLIFF = section("task", "cliff")
GAMMA = 0.8
PLAIN = [kind for kind in REWARD_KINDS if not kind.endswith("_info")]


class Ramp(struct.PyTreeNode):
    """Leads from 1 to 2 to 3, where it terminates; pays 10. The info vector of x is (x, -x)."""

    spec: EnvSpec = struct.field(pytree_node=False)

    @property
    def info_names(self) -> tuple[str, ...]:
        return ("x", "minus x")

    def info(self, state: PyTree) -> Float[Array, " i"]:
        return jnp.stack([state, -state])

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        return jnp.float32(1.0), jnp.array([1.0])

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        new = state + 1
        end = new >= 3
        return new, Step(new[None], jnp.float32(10.0), end, jnp.bool_(False))


RAMP = Ramp(EnvSpec(1, 2, 0, -1.0, 1.0, 5))


def linear(kind: str, weights: tuple[float, ...], terminal: str = "zero") -> reward.RewardNetwork:
    """A network without hidden layers, so that Phi is a weighted sum; it has no bias."""
    env = reward.RewardNetwork(None, RAMP, None, kind, (), "tanh", terminal)
    env = env.with_discount(jnp.float32(0.5))
    if env.kind.linear:
        return env.replace(theta={"reward": {"weights": jnp.array(weights)}})
    dense = {"kernel": jnp.array(weights)[:, None], "bias": jnp.zeros(1)}
    return env.replace(theta={"reward": {"Dense_0": dense}})


@jax.jit
def two_rewards(env: reward.RewardNetwork) -> Float[Array, "2"]:
    """Of the steps from 1 to 2, and from 2 to 3."""
    state, _ = env.reset(jax.random.key(0))
    state, first = env.step(jax.random.key(1), state, jnp.int32(0))
    _, second = env.step(jax.random.key(2), state, jnp.int32(0))
    return jnp.stack([first.reward, second.reward])


@pytest.mark.parametrize(
    ("kind", "terminal", "rewards"),
    [
        # Phi(x) = 4 x: 4, 8, 12; discount 0.5. In 3 the episode is over.
        ("exclusive_potential", "zero", (0.5 * 8 - 4, 0.0 - 8)),
        ("exclusive_potential", "network", (0.5 * 8 - 4, 0.5 * 12 - 8)),
        ("additive_potential", "zero", (10 + 0.5 * 8 - 4, 10 - 8)),
        ("additive_potential", "network", (10 + 0.5 * 8 - 4, 10 + 0.5 * 12 - 8)),
        ("exclusive_non_potential", "zero", (8, 12)),
        ("additive_non_potential", "zero", (18, 22)),
        # Phi(x, info) = 4 x + x - 3 (-x) = 8 x: 8, 16, 24.
        ("exclusive_potential_info", "zero", (0.5 * 16 - 8, 0.0 - 16)),
        ("additive_potential_info", "network", (10 + 0.5 * 16 - 8, 10 + 0.5 * 24 - 16)),
        ("exclusive_non_potential_info", "zero", (16, 24)),
        ("additive_non_potential_info", "zero", (26, 34)),
        # w . info = x - 3 (-x) = 4 x
        ("exclusive_weighted_info", "zero", (8, 12)),
        ("additive_weighted_info", "zero", (18, 22)),
    ],
)
def test_rewards_are_those_worked_out_by_hand(
    kind: str, terminal: str, rewards: tuple[float, float]
) -> None:
    informed = (1.0, -3.0) if kind.endswith("_info") else ()
    observed = () if "weighted" in kind else (4.0,)
    env = linear(kind, (*observed, *informed), terminal)
    np.testing.assert_allclose(two_rewards(env), rewards, rtol=1e-6)


def test_the_info_of_each_state_is_its_own() -> None:
    """The published code has that of the next state in both terms: 0.5 * 16 - (4 + 8) = -4 here."""
    env = linear("exclusive_potential_info", (4.0, 1.0, -3.0))
    assert two_rewards(env)[0] == 0.5 * 16 - 8


def test_each_kind_is_known_by_its_name() -> None:
    assert set(REWARD_KINDS) == set(reward.KINDS)
    for name, kind in reward.KINDS.items():
        assert kind.additive == name.startswith("additive")
        assert kind.potential == ("non_potential" not in name and "potential" in name)
        assert (kind.informed, kind.linear) == (name.endswith("info"), "weighted" in name)


def networks(
    kind: str, terminal: str = "zero", number: int = 5, scale: float = 8.0
) -> reward.RewardNetwork:
    """A batch of random networks around the cliff, with outputs of several units."""
    synth = section("synth", "reward_network", reward=kind, hidden=[8], terminal_potential=terminal)
    env = reward.make(synth, CLIFF)
    keys = jax.random.split(jax.random.key(0), number)
    theta = jax.vmap(lambda key: reward.init_theta(key, env))(keys)
    theta = jax.tree.map(lambda x: scale * x, theta)
    return env.replace(theta=theta, gamma=jnp.full(number, GAMMA))


@jax.jit
def optimal_values(env: Any) -> Float[Array, "s a"]:
    """By value iteration, whatever the time: the value of each action in each cell."""
    actions = jnp.arange(env.spec.num_actions)
    cells = jnp.eye(env.spec.num_states)

    def move(observation: Observation, action: Action) -> Step:
        return env.step(jax.random.key(0), env.state_at(observation), action)[1]

    step = jax.vmap(jax.vmap(move, (None, 0)), (0, None))(cells, actions)
    following = step.observation.argmax(-1)

    def backup(values: Float[Array, "s a"], _: Any) -> tuple[Any, None]:
        after = jnp.where(step.terminated, 0.0, values.max(-1)[following])
        return step.reward + GAMMA * after, None

    return jax.lax.scan(backup, jnp.zeros(step.reward.shape), None, length=150)[0]


GOES_ON = np.arange(37)  # in all other cells an episode is over
TASK = tasks.load(CLIFF)


def best(values: Any) -> np.ndarray:
    """Which actions are optimal in each cell; several may be."""
    values = np.asarray(values)[..., GOES_ON, :]
    return values > values.max(-1, keepdims=True) - 1e-3


def test_additive_potentials_leave_the_optimal_policy_what_it_is() -> None:
    """And Q* - Phi is what is optimal with them (Ng, Harada & Russell 1999, eq. 4)."""
    real, envs = optimal_values(TASK), networks("additive_potential")
    shaped = jax.vmap(optimal_values)(envs)
    potential = jax.vmap(lambda env: jax.vmap(env.output)(jnp.eye(48)))(envs)
    assert np.abs(potential).max() > 3  # not small beside rewards of -1
    for values in shaped:
        np.testing.assert_array_equal(best(values), best(real))
    expected = (real[None] - potential[..., None])[:, GOES_ON]
    np.testing.assert_allclose(np.asarray(shaped)[:, GOES_ON], expected, atol=1e-3)


def test_without_the_zero_in_terminal_states_they_do_not() -> None:
    changed = jax.vmap(optimal_values)(networks("additive_potential", "network", scale=60.0))
    real = best(optimal_values(TASK))
    assert any((best(values) != real).any() for values in changed)


def test_non_potentials_do_not_either() -> None:
    changed = jax.vmap(optimal_values)(networks("additive_non_potential"))
    real = best(optimal_values(TASK))
    assert all((best(values) != real).any() for values in changed)


def test_an_exclusive_potential_that_ends_at_zero_is_indifferent() -> None:
    values = jax.vmap(optimal_values)(networks("exclusive_potential"))
    assert best(values).all()


@pytest.mark.parametrize("kind", PLAIN)
def test_everything_but_the_reward_is_the_tasks(kind: str) -> None:
    """A walk of 60 random steps: same states, observations and ends."""
    env = jax.tree.map(lambda x: x[0], networks(kind))

    @partial(jax.jit, static_argnums=0)
    def walk(learned: bool) -> Any:
        there = env if learned else TASK
        state, observation = there.reset(jax.random.key(0))

        def advance(carry: Any, i: Any) -> Any:
            key = jax.random.fold_in(jax.random.key(1), i)
            key_act, key_step = jax.random.split(key)
            action = jax.random.randint(key_act, (), 0, 4)
            state, observation, step = tasks.step_and_reset(there, key_step, carry[0], action)
            return (state, observation), (state.task if learned else state, step)

        _, (states, steps) = jax.lax.scan(advance, (state, observation), jnp.arange(60))
        return states, steps

    (states, steps), (real_states, real_steps) = walk(True), walk(False)
    jax.tree.map(np.testing.assert_array_equal, states, real_states)
    for name in ("observation", "terminated", "truncated"):
        np.testing.assert_array_equal(getattr(steps, name), getattr(real_steps, name))
    assert real_steps.terminated.any()
    assert (steps.reward != real_steps.reward).any()


def test_an_agent_tells_its_discount() -> None:
    env = networks("additive_potential", number=1)
    env = jax.tree.map(lambda x: x[0], env).replace(gamma=None)
    agent = section("agent", "q_learning")
    told: Any = agents.discounted(env, defaults(agent, gamma=0.25))
    assert told.gamma == 0.25
    untold: Any = agents.discounted(env, {})  # an evolution strategy has none
    assert untold.gamma == 1.0
    assert agents.discounted(TASK, defaults(agent)) is TASK
    with pytest.raises(ValueError, match="needs the agent's discount"):
        env.step(jax.random.key(0), env.reset(jax.random.key(0))[0], jnp.int32(0))


def test_a_network_is_what_it_was_after_loading(tmp_path: Path) -> None:
    synth = section("synth", "reward_network", hidden=[4])
    env = reward.make(synth, CLIFF)
    theta = reward.init_theta(jax.random.key(0), env)
    checkpoint.save(tmp_path / "network.safetensors", theta, {})
    loaded = reward.load(tmp_path / "network.safetensors", synth, CLIFF)
    jax.tree.map(np.testing.assert_array_equal, loaded.theta, theta)
    with pytest.raises(ValueError, match=r"other arrays|has shape"):
        reward.load(tmp_path / "network.safetensors", section("synth", "reward_network"), CLIFF)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"reward": "additive_potential_info"}, "cliff does not have. Use additive_potential"),
        ({"reward": "additive_weighted_info"}, "cliff does not have. Use another kind"),
        ({"reward": "3"}, "synth.reward must be one of exclusive_potential"),
        ({"activation": "sine"}, "synth.activation must be one of"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        reward.make(section("synth", "reward_network", **changes), CLIFF)


def test_a_probe_has_no_info_vector() -> None:
    assert not reward.informs(tasks.load(task_section()))
    assert reward.informs(RAMP)
