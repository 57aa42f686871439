"""Is what counts as right in each process right, and does each fault find another thing right?"""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from synthgym.testing import battery
from synthgym.testing.cases import probe
from synthgym.testing.learning import examine
from tabular import QLearning

NAMES = list(battery.PROCESSES)
KNOWN = [name for name, process in battery.PROCESSES.items() if not process.blind]
DISCRETE = [name for name in KNOWN if name not in ("Offset", "Bounds")]


def right(tables: battery.Tables, state: int) -> int:
    """The first action; in a twin the second."""
    return int(tables.names[state].endswith(battery.TWIN))


def acted(name: str, actions: dict[int, int]) -> tuple[float, float]:
    """Return and length in the trial, means over its states, step by step through the table."""
    table, total, steps = battery.tables(name), 0.0, 0
    for state in table.trial:
        for _ in range(100):
            action = actions[int(state)]
            total += table.reward[state, action]
            steps += 1
            if table.ends[state, action]:
                break
            state = table.following[state, action]
    return total / len(table.trial), steps / len(table.trial)


def earned(name: str, actions: dict[int, int]) -> float:
    """The return."""
    return acted(name, actions)[0]


def values(name: str, gamma: float, fault: str = "") -> np.ndarray:
    """Of each state and action, by dynamic programming; `fault`: what is taken for an end."""
    table = battery.tables(name)
    ends = {"": table.ends, "none": np.zeros_like(table.ends), "all": np.ones_like(table.ends)}
    q = np.zeros_like(table.reward)
    for _ in range(1000):
        q = table.reward + gamma * np.where(ends[fault], 0.0, q.max(1)[table.following])
    return q


def choices(name: str) -> list[int]:
    states = battery.PROCESSES[name].rows
    two = [state for state, rows in states.items() if len(rows) == 2 and rows[0] != rows[1]]
    names = battery.tables(name).names
    return [i for i, state in enumerate(names) if state.removesuffix(battery.TWIN) in two]


@pytest.mark.parametrize("name", NAMES)
def test_returns_are_those_of_the_table(name: str) -> None:
    process, table = battery.PROCESSES[name], battery.tables(name)
    actions = {i: right(table, i) for i in range(len(table.names))}
    assert earned(name, actions) == pytest.approx(process.right)
    assert earned(name, {i: 1 - a for i, a in actions.items()}) == pytest.approx(process.wrong)
    case = probe(f"Probe-{name}Continuous-v0")
    for always in (0, 1):
        assert not case.passes(earned(name, dict.fromkeys(actions, always)))


@pytest.mark.parametrize("name", NAMES)
def test_a_bonus_for_each_step_is_never_for_the_wrong_action(name: str) -> None:
    table = battery.tables(name)
    actions = {i: right(table, i) for i in range(len(table.names))}
    _, steps = acted(name, actions)
    assert steps >= acted(name, {i: 1 - a for i, a in actions.items()})[1]


@pytest.mark.parametrize("name", KNOWN)
def test_the_right_action_is_the_best_by_a_clear_margin(name: str) -> None:
    process, table = battery.PROCESSES[name], battery.tables(name)
    q = values(name, process.gamma)
    for state in choices(name):
        best = right(table, state)
        assert q[state, best] - q[state, 1 - best] >= 0.2


@pytest.mark.parametrize(
    ("name", "gamma", "fault"),
    [
        ("Patience", 0.0, ""),
        ("Patience", 0.99, "all"),
        ("Impatience", 1.0, ""),
        ("Impatience", 0.99, ""),
        ("Termination", 0.99, "none"),
        ("Truncation", 0.99, "all"),  # as the choice is cut by the limit
    ],
)
def test_the_fault_finds_the_other_action_best(name: str, gamma: float, fault: str) -> None:
    table, q = battery.tables(name), values(name, gamma, fault)
    for state in choices(name):
        best = right(table, state)
        assert q[state, best] < q[state, 1 - best]


@pytest.mark.filterwarnings("ignore:.*symmetric and normalized")  # of Bounds, for that is its point
@pytest.mark.parametrize("identity", battery.IDS)
def test_gymnasium_accepts_the_environment(identity: str) -> None:
    made = gymnasium.make(f"synthgym.testing.battery:{identity}")
    check_env(made.unwrapped, skip_render_check=True)


def test_a_continuous_action_is_a_probability() -> None:
    env = gymnasium.make("Probe-PatienceContinuous-v0", trial=True)
    later = 0
    env.reset(seed=0)
    for _ in range(400):
        observation, _ = env.reset()
        side = 1.0 if observation.argmax() == 0 else -1.0
        observation, *_ = env.step(np.array([0.375 * side], np.float32))
        later += observation[1] == 1.0
    assert later / 400 == pytest.approx(0.25, abs=0.065)  # three standard errors


@pytest.mark.parametrize(("low", "high", "passes"), [(-3.0, 1.0, True), (-1.0, 1.0, False)])
def test_actions_of_another_interval_do_not_pass(low: float, high: float, passes: bool) -> None:
    case = probe("Probe-BoundsContinuous-v0")
    returned, _ = case.judge(lambda o: np.array([low if o.argmax() == 0 else high]), 0, 400)
    assert case.passes(returned) == passes


def verdict(agent: QLearning, name: str) -> bool:
    """Whether the agent passes."""
    *_, found = examine(agent, probe(f"Probe-{name}-v0"), steps=3000)
    return found.verdict.accepted and not found.verdict.refused


@pytest.mark.parametrize("name", DISCRETE)
def test_a_sound_agent_passes(name: str) -> None:
    assert verdict(QLearning(), name)


FAULTS = {  # fault -> where it shows, and nowhere else
    "no discount": (QLearning(gamma=1.0), {"Impatience"}),
    "no future": (QLearning(gamma=0.0), {"Patience", "Delay", "Truncation", "Options"}),
    "through the end": (QLearning(through_the_end=True), {"Termination"}),
    "time limit": (QLearning(time_limit_ends=True), {"Truncation"}),
    "after reset": (QLearning(after_reset=True), {"Truncation"}),
    "late": (QLearning(late=True), set(DISCRETE) - {"Impatience"}),
    "least": (QLearning(least=True), {"Options"}),
    "never renewed": (QLearning(looks_first=20), {"Delay", "Ladder"}),
    "does not learn": (QLearning(rate=0.0), set(DISCRETE)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_shows_where_it_should(fault: str) -> None:
    agent, shows = FAULTS[fault]
    for name in shows:
        assert not verdict(agent, name), name


@pytest.mark.parametrize(
    "fault", ["no discount", "through the end", "time limit", "after reset", "least"]
)
def test_it_shows_nowhere_else(fault: str) -> None:
    agent, shows = FAULTS[fault]
    for name in set(DISCRETE) - shows:
        assert verdict(agent, name), name
