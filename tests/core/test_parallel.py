"""As many agents at a time as fit, unless somebody says how many."""

import os
import subprocess
import sys

import pytest

from probes import PROBES, defaults, free_address, tiny
from synthgym.agents import base
from synthgym.core import parallel

MIB = 1024**2
ONE_OF_TWO = """
import os, sys
import jax
from synthgym.core import parallel
parallel.join("2", int(sys.argv[1]), sys.argv[2])
mesh = parallel.devices_for(4)
twice = parallel.spread(lambda x, key: x * 2 + jax.random.uniform(key), mesh, (True, False), axis=1)
numbers = jax.numpy.arange(8.0).reshape(2, 4)
result = twice(numbers, jax.random.key(0))
parallel.wait("both are here")
expected = numbers * 2 + jax.random.uniform(jax.random.key(0))
try:
    parallel.devices_for(5)
except ValueError as error:
    print(mesh.size, bool((result == expected).all()), parallel.first(), error)
"""


@pytest.fixture(autouse=True)
def nobody_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(parallel.CHUNK, raising=False)
    monkeypatch.setattr(parallel, "_memory", lambda device: 1000 * MIB)


def test_two_processes_have_the_devices_and_the_results_of_both() -> None:
    words = [sys.executable, "-c", ONE_OF_TWO]
    address = free_address()
    both = [
        subprocess.Popen(
            [*words, str(i), address],
            env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(2)
    ]
    said = [process.communicate(timeout=100)[0].splitlines()[-1] for process in both]
    why = "5 agents or candidates cannot be divided among 2 processes."
    assert said == [f"4 True {first} {why}" for first in (True, False)]


@pytest.mark.parametrize(
    ("working", "total", "count", "chunk"),
    [
        (MIB // 8, MIB // 4, 100, 16),  # 2 MiB of cache
        (MIB // 8, MIB // 4, 5, 5),
        (MIB // 8, 100 * MIB, 100, 4),  # 40 % of 1,000 MiB of memory
        (5 * MIB, 5 * MIB, 100, 1),  # never none
        (MIB, 5000 * MIB, 100, 1),
    ],
)
def test_what_is_trained_at_a_time_fits(working: int, total: int, count: int, chunk: int) -> None:
    assert parallel.chunk(working, total, count) == chunk


def test_the_environment_variable_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(parallel.CHUNK, "7")
    assert parallel.chunk(MIB, MIB, 100) == 7
    assert parallel.chunk(MIB, MIB, 3) == 3
    monkeypatch.setenv(parallel.CHUNK, "many")
    with pytest.raises(ValueError, match="SYNTHGYM_CHUNK must be a whole number above 0, not 'm"):
        parallel.chunk(MIB, MIB, 3)


def test_a_footprint_is_that_of_the_state_and_the_buffer_is_not_touched_all_the_time() -> None:
    env = PROBES["constant"]
    section = tiny("dqn", static={"buffer_size": 64, "dueling": False, "hidden": [8]})
    agent = base.load(section, env.spec)
    working, total = base.footprint(agent, env, defaults(section), 100)
    # Ring: observation and next one, action, reward (4 bytes each), two flags; 4 environments with
    # a state of two integers and an observation.
    assert total - working == 64 * (4 * 4 + 2) + 4 * (2 * 4 + 4)
    # 1 x 8 + 8 + 8 x 2 + 2 weights: the network, its target, two moments of Adam; three counters.
    assert working == 4 * (34 * 4 + 3)
