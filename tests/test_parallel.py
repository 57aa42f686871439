"""As many agents at a time as fit, unless somebody says how many."""

import pytest

from probes import PROBES, defaults, tiny
from synthbench import parallel
from synthbench.agents import base

MIB = 1024**2


@pytest.fixture(autouse=True)
def nobody_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(parallel.CHUNK, raising=False)
    monkeypatch.setattr(parallel, "_memory", lambda device: 1000 * MIB)


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
    with pytest.raises(ValueError, match="SYNTHBENCH_CHUNK must be a whole number above 0, not 'm"):
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
