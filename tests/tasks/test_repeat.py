"""Every action several times in a row: rewards add up, and nothing happens past an end."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from probes import section, task_section
from synthgym.core.types import EnvSpec, Informed
from synthgym.tasks import base

CLASSIC = "synthgym.tasks.classic"


def repeated(probe: str, repeat: int) -> Any:
    """A probe that is at its horizon after three steps."""
    options = {"of": "probes", "repeat": repeat}
    changes = {"id": probe, "horizon": 3, "module": "synthgym.tasks.repeat"}
    return base.load(task_section(**changes, options=options))


def episode(env: Any, steps: int) -> list[tuple[float, bool, bool]]:
    state, _ = env.reset(jax.random.key(0))
    found = []
    for _ in range(steps):
        state, step = env.step(jax.random.key(1), state, jnp.int32(0))
        found.append((float(step.reward), bool(step.terminated), bool(step.truncated)))
    return found


def test_rewards_add_up_until_the_episode_ends() -> None:
    assert repeated("truncated", 2).spec.horizon == 2
    assert episode(repeated("truncated", 2), 2) == [(2, False, False), (1, False, True)]
    assert episode(repeated("terminated", 2), 2) == [(2, False, False), (1, True, False)]
    assert episode(repeated("terminated", 5), 1) == [(3, True, False)]
    assert repeated("terminated", 3).spec.horizon == 1


def test_once_is_the_task_itself() -> None:
    once, task = repeated("delayed", 1), base.load(task_section(id="delayed", horizon=3))
    assert once.spec == task.spec
    assert episode(once, 2) == episode(task, 2) == [(0, False, False), (1, True, False)]


def test_two_steps_of_a_car_are_one() -> None:
    options = {"of": CLASSIC, "repeat": 2}
    changes = {"module": "synthgym.tasks.repeat", "options": options}
    twice = base.load(section("task", "mountain_car_continuous", **changes))
    task = base.load(section("task", "mountain_car_continuous"))
    assert twice.spec == EnvSpec(2, 0, 1, -1.0, 1.0, 500)  # of 999 steps
    state, observation = twice.reset(jax.random.key(0))
    np.testing.assert_array_equal(observation, task.reset(jax.random.key(0))[1])
    action = jnp.array([0.7])
    _, step = twice.step(jax.random.key(1), state, action)
    between, first = task.step(jax.random.key(1), state, action)
    _, second = task.step(jax.random.key(1), between, action)
    np.testing.assert_allclose(step.observation, second.observation, rtol=1e-6)
    np.testing.assert_allclose(step.reward, first.reward + second.reward, rtol=1e-6)


def test_it_says_of_a_state_what_the_task_does() -> None:
    assert isinstance(repeated("delayed", 2), Informed)
    assert repeated("delayed", 2).info_names == ()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"of": CLASSIC}, "must say `of` .* and `repeat`"),
        ({"repeat": 2}, "must say `of` .* and `repeat`"),
        ({"of": CLASSIC, "repeat": 0}, "repeat must be 1 or more, not 0"),
        ({"of": CLASSIC, "repeat": 2, "speed": 1}, "has no option speed"),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], complaint: str) -> None:
    changes = {"module": "synthgym.tasks.repeat", "options": options}
    with pytest.raises(ValueError, match=complaint):
        base.load(section("task", "cartpole", **changes))
