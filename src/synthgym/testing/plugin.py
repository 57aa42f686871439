"""pytest's part: options, and fixtures parametrised over the zoo.

Nothing is imported unless one of them is used.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

FIXTURES = ("synthgym_learns", "synthgym_env", "synthgym_gymnax_env")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long agents are trained, how often, and where."""
    group = parser.getgroup("synthgym", "agents that learn in synthetic environments")
    steps = "of training of each agent (default: those of the environment)"
    group.addoption("--synthgym-steps", type=int, metavar="N", help=steps)
    group.addoption("--synthgym-seeds", type=int, metavar="N", help="at most (default: 20)")
    tasks = "such as CartPole-v1,Acrobot-v1 (default: all in which an agent can be judged)"
    group.addoption("--synthgym-tasks", metavar="NAMES", help=tasks)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that uses one of the fixtures runs once for each environment."""
    for fixture in set(FIXTURES) & set(metafunc.fixturenames):
        metafunc.parametrize(fixture, _names(metafunc.config), indirect=True)


@pytest.fixture
def synthgym_learns(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`assert_learns` for an environment of the zoo: `synthgym_learns(train)`."""
    from synthgym.testing import assert_learns

    given = {what: request.config.getoption(f"--synthgym-{what}") for what in ("steps", "seeds")}
    chosen = {what: number for what, number in given.items() if number}
    return partial(assert_learns, env=request.param, **chosen)


@pytest.fixture
def synthgym_env(request: pytest.FixtureRequest) -> Any:
    """An environment of the zoo, for Gymnasium."""
    from synthgym.testing.cases import find

    env = find(request.param).make()
    yield env
    env.close()


@pytest.fixture
def synthgym_gymnax_env(request: pytest.FixtureRequest) -> Any:
    """An environment of the zoo, for gymnax; its parameters are its `default_params`."""
    from synthgym.testing.cases import find

    return find(request.param).make("gymnax")


def _names(config: pytest.Config) -> list[str]:
    from synthgym.testing.cases import names

    if chosen := config.getoption("--synthgym-tasks"):
        return [
            f"Synthetic-{task.strip().removeprefix('Synthetic-')}" for task in chosen.split(",")
        ]
    return names()
