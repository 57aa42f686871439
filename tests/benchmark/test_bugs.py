"""Does the document say what the benchmark of faults found?"""

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.bugs import by_hand, own, places, table
from benchmarks.bugs.__main__ import RESULTS, Task, done
from benchmarks.bugs.agents import AGENTS, train
from benchmarks.bugs.faults import FAULTS
from benchmarks.bugs.places import BANDIT, CARTPOLE, case_of, expecting, sound_returns
from benchmarks.bugs.trained import Trained
from synthgym import agents
from synthgym.agents import losses

NEEDS_TORCH = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
LINES = table.read(RESULTS)


def line(fault: str, place: str, refused: bool, returned: float = 1.0) -> dict[str, Any]:
    about = {"agent": "dqn", "run": 0, "steps": 10, "seconds": 2.0, "returns": [returned]}
    return {**about, "fault": fault, "place": place, "refused": refused, "accepted": not refused}


SEEN = line("loss_sign", "Probe-Delay-v0", True)


def test_no_number_of_the_document_is_edited_by_hand() -> None:
    again = "run: python -m benchmarks.bugs --only-tables"
    for path, text in table.documents(LINES).items():
        assert text == path.read_text("utf-8"), again


def test_at_least_thirty_faults_were_tried_everywhere() -> None:
    tried = {(x["agent"], x["fault"]) for x in LINES if x["fault"] and x["place"] == CARTPOLE}
    assert len(tried) >= 30


def test_the_summary_counts_faults_where_they_were_tried_and_sound_agents_not_verdicts() -> None:
    lines = [
        SEEN,
        line("loss_sign", "Probe-Patience-v0", False),
        line("gamma_one", "Probe-Delay-v0", False),
        line("gamma_one", BANDIT, False),
        line("", "Probe-Delay-v0", False),
        line("", "Probe-Patience-v0", True),
    ]
    rows = [[c.strip() for c in row.split("|")] for row in table.summary(lines).splitlines()]
    assert ["", "PPO, DQN", "1 of 2 (50%)", "0 of 1 (0%)", "", "", "3", ""] in rows
    assert ["", "none: false alarms", "1 of 1", "", "", "", "", ""] in rows


def test_a_bound_is_that_of_the_binomial() -> None:
    """None of 59 failed: 0.95^59 is below 0.05, so the probability is below 0.05."""
    assert table.upper(0, 58) > 0.05 > table.upper(0, 59)
    assert table.upper(3, 3) == 1.0


def test_what_was_seen_in_one_process_is_not_tried_in_the_next() -> None:
    assert done(Task("dqn", "loss_sign", "Probe-Delay-v0", 0), [SEEN])
    assert done(Task("dqn", "loss_sign", "Probe-Patience-v0", 0), [SEEN])
    assert not done(Task("dqn", "loss_sign", CARTPOLE, 0), [SEEN])
    assert not done(Task("dqn", "gamma_one", "Probe-Patience-v0", 0), [SEEN])


def test_cartpole_itself_expects_what_sound_agents_return() -> None:
    returns = [line("", CARTPOLE, False, float(r)) for r in range(100, 129)]
    case = expecting(case_of(CARTPOLE), sound_returns(returns, "dqn"))
    assert (case.limit, case.p0) == (100.0, 0.1)
    assert case.make().spec.id == CARTPOLE
    with pytest.raises(ValueError, match="28 sound agents are too few"):
        expecting(case, [1.0] * 28)


@pytest.mark.parametrize("agent", FAULTS)
def test_every_fault_is_in_the_code_of_its_agent(agent: str) -> None:
    files = [f"{AGENTS[agent].module}.py", *(["off_policy.py"] if agent in ("sac", "td3") else [])]
    code = "".join(Path(places.__file__).with_name(name).read_text() for name in files)
    assert [fault for fault in FAULTS[agent] if f'"{fault}"' not in code] == []


@pytest.mark.parametrize("agent", own.FAULTS)
def test_every_fault_of_an_own_agent_has_its_place_in_the_code(agent: str) -> None:
    for fault in own.FAULTS[agent].values():
        code = Path(agents.__file__).with_name(f"{fault.module}.py").read_text("utf-8")
        assert (code.count(fault.old), fault.old == fault.new) == (1, False), fault.wrong
        compile(code.replace(fault.old, fault.new), fault.module, "exec")


def test_an_own_agent_has_a_fault_for_a_while() -> None:
    def target() -> float:
        true = jnp.array([True])
        return float(losses.td_target(jnp.zeros(1), true, jnp.ones(1), jnp.float32(0.5))[0])

    assert target() == 0.0
    with own.with_fault(own.FAULTS["own_dqn"]["through_the_end"]):
        assert target() == 0.5
    assert target() == 0.0
    unknown = own.Fault("not there", "losses", "no such text", "")
    with pytest.raises(ValueError, match="losses has 0 times, not once: no such text"):
        own.with_fault(unknown).__enter__()


@pytest.mark.parametrize("continuous", [False, True])
def test_probes_written_by_hand_ask_for_values_and_choices(continuous: bool) -> None:
    def train(knows: bool, env: by_hand.Probe, *_: Any) -> Trained:
        kind = env.kind
        due = by_hand.GAMMA if kind.steps == 2 else 1.0

        def value(seen: np.ndarray) -> float:
            shown = float(seen[0])
            told = {"one reward": 1.0, "reward after two steps": 1.0 if shown else due}
            return told.get(names[id(kind)], shown)

        def act(seen: np.ndarray) -> Any:
            right = seen[0] if names[id(kind)] == "choice as observed" else 1.0
            return np.array([right], np.float32) if continuous else int(right > 0)

        return Trained(act, value if knows else lambda seen: 0.5)

    names = {id(kind): name for name, kind in by_hand.KINDS.items()}
    assert by_hand.passes(partial(train, True), continuous, 0)
    assert not by_hand.passes(partial(train, False), continuous, 0)
    assert by_hand.right(partial(train, False), "choice as observed", continuous, 0)


@NEEDS_TORCH
def test_a_fault_changes_what_is_learned() -> None:
    case = case_of("Probe-Sequence-v0")
    returns = [
        case.judge(train("dqn", case.make(), 0, 1500, fault=fault), 0, 20)[0]
        for fault in ("", "loss_sign")
    ]
    assert case.passes(returns[0])
    assert not case.passes(returns[1])


@NEEDS_TORCH
@pytest.mark.parametrize("agent", ["sac", "td3"])
def test_agents_with_continuous_actions_learn(agent: str) -> None:
    case = case_of("Probe-BoundsContinuous-v0")
    returns = [
        case.judge(train(agent, case.make(), 0, 1000, fault=fault), 0, 20)[0]
        for fault in ("", "actor_sign")
    ]
    assert case.passes(returns[0])
    assert not case.passes(returns[1])
