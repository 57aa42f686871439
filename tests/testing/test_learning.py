"""What is said of agents that learn, and of those that do not."""

import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from synthgym import zoo
from synthgym.testing import assert_learns
from synthgym.testing.cases import find, names
from synthgym.testing.learning import examine
from synthgym.testing.sequential import rank
from tabular import QLearning, balances

CARTPOLE = "Synthetic-CartPole-v1"
DOCUMENT = Path(__file__).parents[2] / "docs" / "testing.md"


def always(action: Any) -> Callable[..., Callable]:
    """Trains nothing."""
    return lambda env, seed: lambda observation: action


def test_an_agent_that_balances_the_real_pole_passes() -> None:
    assert_learns(balances)


def test_one_that_always_does_the_same_fails_with_a_sentence() -> None:
    expected = (
        r"^Trained in Synthetic-CartPole-v1, the agent returns 9\.\d, 9\.\d, 9\.\d, 9\.\d in "
        r"CartPole-v1; that fails with 4 of 4 seeds\. A sound agent returns .* Its action is "
        r"always the same: look at the loss"
    )
    with pytest.raises(AssertionError, match=expected):
        assert_learns(always(1))


def test_the_document_expects_what_the_card_does() -> None:
    text = " ".join(DOCUMENT.read_text("utf-8").split())
    assert f"A sound agent returns {find(CARTPOLE).expected}. " in text


def test_the_limit_is_a_quantile_of_the_agents_in_the_card() -> None:
    """Of 60 agents the second from the worst: 0.1 bounds the share below it (0.02 is expected)."""
    transfer = zoo.card(CARTPOLE)["transfer"]
    returns = sorted(r for agent in transfer.values() for r in agent["returns"])
    case = find(CARTPOLE)
    assert (len(returns), case.p0, case.limit) == (60, 0.1, returns[rank(60, 0.1) - 1])
    assert rank(60, 0.1) == 2
    assert sum(r < case.limit for r in returns) == 1


def drawn(env: gymnasium.Env, seed: int) -> Callable[[Any], int]:
    draw = np.random.default_rng(seed)
    return lambda observation: int(draw.integers(2))


@pytest.mark.parametrize(
    ("train", "env", "said"),
    [
        (drawn, CARTPOLE, "what random actions earn"),
        (QLearning(through_the_end=True), "Probe-Termination-v0", "Look at termination"),
        (QLearning(gamma=1.0), "Probe-Impatience-v0", "Look at the discount"),
    ],
)
def test_a_failure_names_what_to_look_at(train: Callable, env: str, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        assert_learns(train, env)


def test_actions_that_are_no_numbers_fail() -> None:
    with pytest.raises(AssertionError, match="returns -inf"):
        assert_learns(always(np.array([np.nan])), "Synthetic-MountainCarContinuous-v0")


@pytest.mark.parametrize("env", [CARTPOLE, "Probe-Impatience-v0", "Probe-Patience-v0"])
@pytest.mark.parametrize("returned", [-math.inf, math.inf, math.nan])
def test_a_return_that_is_no_number_fails(env: str, returned: float) -> None:
    """In Impatience the right return is the lower one."""
    assert not find(env).passes(returned)


def test_a_policy_with_a_memory_is_reset_before_each_episode() -> None:
    class Remembers:
        def reset(self) -> None:
            self.cue: int | None = None

        def __call__(self, observation: np.ndarray) -> int:
            self.cue = int(observation.argmax()) if self.cue is None else self.cue
            return int(self.cue == 0)  # a cue is followed by the other twin, twice by the same

    *_, found = examine(lambda env, seed: Remembers(), find("Probe-Memory-v0"))
    assert found.verdict.accepted
    forgets = always(1)
    *_, found = examine(forgets, find("Probe-Memory-v0"))
    assert found.verdict.refused


def test_what_training_is_told_is_what_it_asks_for() -> None:
    told: list[dict[str, Any]] = []

    def train(env: gymnasium.Env, seed: int, **others: Any) -> Callable:
        return balances(env, seed)

    def asks(env: gymnasium.Env, seed: int, gamma: float, steps: int) -> Callable:
        told.append({"gamma": gamma, "steps": steps})
        return QLearning()(env, seed, steps, gamma)

    assert_learns(train)
    assert_learns(asks, "Probe-Impatience-v0")
    assert told[0] == {"gamma": 0.5, "steps": 10_000}


def test_training_may_be_in_an_environment_of_gymnax() -> None:
    def train(env: Any, seed: int) -> Callable:
        assert (env.name, env.default_params.max_steps_in_episode) == (CARTPOLE, 1)
        return balances(env, seed)

    assert_learns(train, library="gymnax")
    with pytest.raises(ValueError, match="Probe-Delay-v0 is not"):
        assert_learns(train, "Probe-Delay-v0", library="gymnax")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"env": "Synthetic-CartPole-v2"}, "do you mean Synthetic-CartPole-v1"),
        ({"env": "Probe-Patient-v0"}, "do you mean Probe-Patience-v0"),
        ({"env": "Synthetic-hopper"}, "no task of Gymnasium"),
        ({"env": "Synthetic-MountainCar-v0", "variant": "evolved"}, "too many sound agents"),
        ({"env": CARTPOLE, "seeds": 3}, "3 seeds can refuse no agent.*: give 4"),
        ({"env": "Probe-Impatience-v0"}, "`train` needs a parameter gamma"),
        ({"env": CARTPOLE, "library": "gym"}, "do you mean gymnasium|do you mean gymnax"),
    ],
)
def test_what_cannot_be_tested_is_refused_in_a_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        assert_learns(always(1), **given)


def test_all_that_is_offered_can_be_tested() -> None:
    assert CARTPOLE in names()
    for name in names():
        assert find(name).limit > find(name).low


def test_nothing_heavy_is_imported_with_it() -> None:
    code = (
        "import sys, synthgym.testing;"
        "print([m for m in ('jax', 'gymnasium', 'gymnax', 'pytest', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\[\]\n", done.stdout)
