"""Does the document say what the benchmark of faults found?"""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bugs import places, table
from benchmarks.bugs.__main__ import RESULTS, Task, done
from benchmarks.bugs.agents import train
from benchmarks.bugs.faults import FAULTS
from benchmarks.bugs.places import BANDIT, CARTPOLE, place, sound_cartpole
from synthgym.verbs.documents import replaced

NEEDS_TORCH = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
LINES = table.read(RESULTS)


def line(fault: str, place: str, refused: bool, returned: float = 1.0) -> dict[str, Any]:
    about = {"agent": "dqn", "run": 0, "steps": 10, "seconds": 2.0, "returns": [returned]}
    return {**about, "fault": fault, "place": place, "refused": refused, "accepted": not refused}


SEEN = line("loss_sign", "Probe-Delay-v0", True)


def test_no_number_of_the_document_is_edited_by_hand() -> None:
    text = table.DOCUMENT.read_text("utf-8")
    again = "run: python -m benchmarks.bugs --only-tables"
    assert replaced(text, table.block(LINES)) == text, again


def test_at_least_thirty_faults_were_tried_everywhere() -> None:
    tried = {(x["agent"], x["fault"]) for x in LINES if x["fault"] and x["place"] == CARTPOLE}
    assert len(tried) >= 30


def test_the_summary_counts_faults_and_not_verdicts() -> None:
    lines = [
        SEEN,
        line("loss_sign", "Probe-Patience-v0", False),
        line("gamma_one", "Probe-Delay-v0", False),
        line("gamma_one", BANDIT, False),
        line("", "Probe-Delay-v0", False),
    ]
    rows = [[c.strip() for c in row.split("|")] for row in table.summary(lines).splitlines()]
    assert ["", "battery", "1 of 2 (50%)", "0 of 1", "4", ""] in rows
    assert [row[2] for row in rows if row[1] == f"`{BANDIT}`"] == ["0 of 2 (0%)"]


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
    case = sound_cartpole(returns, "dqn")
    assert (case.limit, case.p0) == (100.0, 0.1)
    assert case.make().spec.id == CARTPOLE


@pytest.mark.parametrize("agent", FAULTS)
def test_every_fault_is_in_the_code_of_its_agent(agent: str) -> None:
    code = Path(places.__file__).with_name(f"{agent}.py").read_text()
    assert [fault for fault in FAULTS[agent] if f'"{fault}"' not in code] == []


@NEEDS_TORCH
def test_a_fault_changes_what_is_learned() -> None:
    case = place("Probe-Sequence-v0")
    returns = [
        case.judge(train("dqn", case.make(), 0, 1500, fault=fault), 0, 20)[0]
        for fault in ("", "loss_sign")
    ]
    assert case.passes(returns[0])
    assert not case.passes(returns[1])
