"""Training stops where the rules of Ferreira et al. 2022 say so, and nowhere else."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from learners import section
from probes import table
from synthgym.agents import base, stopping
from synthgym.agents.stopping import Stop
from synthgym.core.types import Transition


def seen(rule: Stop, rewards: Any, ends: Any) -> stopping.Episodes:
    """After rewards and ends of episodes, [step, environment]."""
    reward, end = jnp.asarray(rewards, jnp.float32), jnp.asarray(ends, bool)
    blank = jnp.zeros((*reward.shape, 1))
    transitions = Transition(blank, end, reward, blank, end, jnp.zeros_like(end))
    return rule.seen(rule.no_episodes(reward.shape[1]), transitions)


def test_returns_of_episodes_are_those_of_each_environment_in_the_order_of_their_ends() -> None:
    rewards = [[1, 10], [2, 20], [3, 30], [4, 40]]
    ends = [[0, 1], [1, 0], [0, 1], [0, 0]]
    episodes = seen(Stop("solved", window=2), rewards, ends)
    # Second environment: 10, then 20 + 30; first: 1 + 2. Going on: 3 + 4 and 40.
    assert episodes.last.tolist() == [0.0, 10.0, 3.0, 50.0]
    assert episodes.running.tolist() == [7.0, 40.0]
    assert episodes.count == 3


def after(rule: Stop, returns: list[float]) -> bool:
    return bool(rule.holds(seen(rule, [[r] for r in returns], [[1]] * len(returns))))


def test_solved_is_a_mean_over_the_last_ten_episodes() -> None:
    rule = Stop("solved", level=195.0)
    assert after(rule, [195.0] * 10)
    assert not after(rule, [195.0] * 9)  # too few
    assert not after(rule, [195.0] * 9 + [194.0])
    assert after(rule, [0.0] * 20 + [194.0, 196.0] * 5)
    assert not after(Stop("solved", level=195.0, begin=1), [195.0] * 10)


def test_converged_is_a_change_of_less_than_one_percent_between_two_tens() -> None:
    rule = Stop("converged")
    assert not after(rule, [7.0] * 19)  # too few
    assert after(rule, [7.0] * 20)
    assert after(rule, [-100.0] * 10 + [-100.9] * 10)
    assert not after(rule, [-100.0] * 10 + [-101.1] * 10)
    assert not after(Stop("converged", begin=1), [7.0] * 20)


def test_an_agent_that_has_learnt_enough_stays_as_it_is() -> None:
    """The learner's episodes take one step of reward 1; with 4 environments 10 end in 3 steps.

    So `solved` from 1 on holds after 3 iterations of 4 steps, of 8; from 2 on, never. Both at once,
    in a batch, are as each for itself.
    """
    env = table((0.5, 0.5, 0.5), (1.0, 1.0, 1.0), horizon=1)
    config = section("learner", "extra")
    agent = base.load(config, env.spec)

    def run(stop: Stop | None) -> Any:
        def train(reward: Any, key: Any) -> Any:
            scaled = env.replace(reward=env.reward * reward)
            return base.train_with_tests(
                agent, scaled, {"rate": 1.0}, key, 32, 2, lambda key, params: params.sum(), stop
            )

        keys = jax.random.split(jax.random.key(0), 2)
        return jax.jit(jax.vmap(train))(jnp.array([1.0, 0.1]), keys)

    (params, curve), (_, unstopped) = run(Stop("solved", level=0.95)), run(None)
    assert curve.step.tolist() == [[12, 12], [16, 32]]
    assert curve.episode.tolist() == [[12, 12], [16, 32]]
    assert unstopped.step.tolist() == [[16, 32], [16, 32]]
    np.testing.assert_allclose(curve.result[0, 0], curve.result[0, 1])
    np.testing.assert_allclose(params[0].sum(), curve.result[0, 1])
    np.testing.assert_allclose(curve.result[1], unstopped.result[1])


def test_studies_say_never_or_a_rule() -> None:
    assert stopping.rule("never", None) is None
    assert stopping.rule("solved", -100.0, begin=3) == Stop("solved", level=-100.0, begin=3)
    assert stopping.rule("converged", None) == Stop("converged")
    with pytest.raises(ValueError, match="needs a return at which the task is solved"):
        stopping.rule("solved", None)
