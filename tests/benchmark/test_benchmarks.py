"""Is what the benchmark compares the same on both sides, and what it says about it right?"""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import pytest

from benchmarks import __main__ as command
from benchmarks import clients, flops, machine, table
from benchmarks.cases import PAIRS, Case, pays_for_balance
from synthgym.verbs.documents import replaced

SMALL = Case("dqn", population=2, steps=1100, episodes=2)


def measured(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """A file of results/ with one agent."""
    run = {"updates": 901, "test_steps": 1200, "return": 100.0, "flops": 4e9, "products": 8e9}
    run["core_seconds"] = 0.5
    return {
        "machine": {"cpu": "Abacus", "cores": 2, "device": "cpu", "system": "Linux"},
        "agents": {
            "dqn": {
                "case": {"name": "dqn", "population": 128, "steps": 10_000, "episodes": 50},
                "task": "CartPole-v1",
                "versions": {"jax": "1.0"},
                "sides": {side: [run | {"seconds": x} for x in xs] for side, xs in seconds.items()},
            }
        },
    }


def test_table_shows_medians_and_ratios_of_runs_that_follow_each_other() -> None:
    shown = table.block([measured({"ours": [1.0, 2.0, 4.0], "rejax": [3.0, 4.0, 20.0]})])
    row = next(line for line in shown.splitlines() if line.startswith("| dqn"))
    assert "2.00 (1.00 to 4.00)" in row
    assert "4.00 (3.00 to 20.00)" in row
    assert "3.00 (2.00 to 5.00)" in row  # ratios 3, 2, 5


def test_table_shows_speed_of_arithmetic_beside_what_there_is() -> None:
    shown = table.block([measured({"ours": [1.0], "rejax": [1.0]})])
    row = [line for line in shown.splitlines() if line.startswith("| dqn")][1]
    assert [cell.strip() for cell in row.split("|")][-5:-1] == ["0.00", "4", "8", "50%"]


def test_table_shows_steps_of_clients() -> None:
    speeds = [{"alone": speed, "16": 3 * speed} for speed in (1e5, 4e5, 2e5)]
    machine = {"cpu": "Abacus", "cores": 1, "device": "cpu", "system": "Linux"}
    clients = {"CartPole-v1": {"runs": speeds, "versions": {"jax": "1.0"}}}
    shown = table.block([{"machine": machine, "clients": clients}])
    assert "### Abacus, 1 core\n" in shown
    row = next(line for line in shown.splitlines() if line.startswith("| CartPole-v1"))
    assert [cell.strip() for cell in row.split("|")][2:-1] == ["3", "200,000", "600,000"]


def test_table_shows_the_median_cold_start_and_the_least_return() -> None:
    runs = [
        {"seconds": x, "returns": {"ppo": y, "dqn": 500.0}}
        for x, y in [(19.0, 480.5), (17.0, 500.0), (30.0, 490.0)]
    ]
    machine = {"cpu": "Abacus", "cores": 2, "device": "cpu", "system": "Linux"}
    cold = {"distilled": {"runs": runs, "versions": {"jax": "1.0"}}}
    shown = table.block([{"machine": machine, "cold": cold}])
    row = next(line for line in shown.splitlines() if line.startswith("| distilled"))
    cells = [cell.strip() for cell in row.split("|")][2:-1]
    assert cells == ["3", "19.00 (17.00 to 30.00)", "480.5", "500.0"]


def test_steps_of_a_client_are_counted() -> None:
    """A clock that goes on by a second at each look: a round of 100 steps takes one."""
    seconds = iter(range(100))
    clock = SimpleNamespace(perf_counter=lambda: float(next(seconds)))
    steps: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "time", clock)
        assert clients._rate(steps.append, list(range(100)), 0.0) == 100.0
    assert len(steps) == 300


def test_readme_shows_what_was_measured() -> None:
    here = Path(command.__file__).parent
    files = [json.loads(path.read_text()) for path in sorted((here / "results").glob("*.json"))]
    text = (here / "README.md").read_text()
    assert replaced(text, table.block(files), "results") == text


def test_a_new_result_replaces_only_its_agents(tmp_path: Path) -> None:
    for agent, seconds in (("ppo", 1.0), ("dqn", 2.0), ("ppo", 3.0)):
        command._add(tmp_path, "cpu", "agents", agent, {"seconds": seconds})
    (file,) = tmp_path.glob("*.json")
    agents = json.loads(file.read_text())["agents"]
    assert {name: result["seconds"] for name, result in agents.items()} == {"ppo": 3.0, "dqn": 2.0}
    assert set(agents["ppo"]["versions"]) >= {"python", "jax", "rejax", "commit"}


def test_a_file_is_named_after_the_kind_of_machine() -> None:
    about = {"cpu": "AMD EPYC (family 26, model 2)", "cores": 2, "device": "cpu"}
    assert machine.name(about) == "amd-epyc-family-26-model-2-2-cores"
    assert machine.name(about | {"device": "NVIDIA H200"}) == "nvidia-h200"


def test_operations_of_ppo_by_hand() -> None:
    """CartPole, 64 x 64: actor 4-64-64-2, critic 4-64-64-1; 50 samples in a minibatch.

    Forward: 2 (4 64 + 64 64 + 64 2) = 8960 and 2 (4 64 + 64 64 + 64) = 8832. With gradients three
    times that, less the 512 of the first layer. The environment: 4-32-4 and 6-32-1, 2 (256 + 224).
    """
    update = 50 * (3 * 8960 - 512 + 3 * 8832 - 512)
    step = 8960 + 2 * (256 + 224) + 8960 + 8832
    expected = 128 * (2000 * update + 10_000 * step) + 7 * 8960
    assert flops.of_generation(Case("ppo"), 2000, 10_000, 7) == expected


def test_operations_through_a_critic_by_hand() -> None:
    """3-5-1, of whose inputs one is the action: forward 2 (15 + 5), then back 2 (5 + 5)."""
    assert flops.through([(3, 5), (5, 1)], 1) == 2 * (15 + 5) + 2 * (5 + 5)


@pytest.mark.parametrize("name", PAIRS)
def test_operations_of_every_agent_are_counted(name: str) -> None:
    assert flops.of_generation(Case(name), 1, 0, 0) > 0


def test_cartpole_agents_are_paid_for_balance() -> None:
    """The pole leans right by 0.5 and falls at 1.0: the sum is earned or paid."""
    env = Case("ppo").bandit()
    env = env.replace(theta={"reward": pays_for_balance(env)})
    observation = jnp.array([0.0, 0.0, 0.5, 1.0])
    right, left = (float(env.reward(observation, jnp.int32(action))) for action in (1, 0))
    assert right == pytest.approx(1.5)
    assert left == pytest.approx(-1.5)


@pytest.mark.parametrize(
    "side",
    [
        "ours",
        pytest.param(
            "rejax",
            marks=pytest.mark.skipif(
                importlib.util.find_spec("rejax") is None, reason="needs the extra benchmark"
            ),
        ),
    ],
)
def test_both_sides_make_the_updates_that_are_asked_for(
    side: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    """In a process each, as they are measured: (1,100 - 1,000) / 10 + 1 updates of DQN."""
    cache = pytestconfig.rootpath / ".pytest_cache" / "jax"
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(cache))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    command.measure_agent(SMALL, 1, [side], tmp_path)
    (file,) = tmp_path.glob("*.json")
    (run,) = json.loads(file.read_text())["agents"]["dqn"]["sides"][side]
    assert run["updates"] == 11
    assert run["seconds"] > 0.0
    assert 0.0 < run["return"] <= 500.0
