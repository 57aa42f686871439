"""What the doctor says of a sound agent and of a broken one."""

from pathlib import Path

import pytest

from synthgym.__main__ import main
from synthgym.testing.battery import PROCESSES
from synthgym.verbs import commands

MODULE = """
from tabular import QLearning
sound = QLearning()
forgets = QLearning(time_limit_ends=True)
number = 3
"""
PROBES = [w for name in ("Termination", "Truncation") for w in ("--env", f"Probe-{name}-v0")]


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_to_examine.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)


def test_a_sound_agent_passes(capsys: pytest.CaptureFixture) -> None:
    assert main(["doctor", "mine_to_examine:sound", *PROBES]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in said[1:3]] == ["passes", "passes"]
    assert said[-1].startswith("Nothing looks broken.")


def test_what_looks_broken_is_named_and_the_status_is_one(capsys: pytest.CaptureFixture) -> None:
    assert main(["doctor", "mine_to_examine:forgets", *PROBES]) == 1
    said = capsys.readouterr().out
    assert "fails with 3 of 3 seeds" in said
    assert "Look at truncation: a time limit is treated as the end" in said
    assert "Look at termination" not in said


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("mine_to_examine", "is not of the form module:function"),
        ("not_there:train", "there is no module not_there here"),
        ("mine_to_examine:other", "has no function other"),
        ("mine_to_examine:number", "has no function number"),
    ],
)
def test_a_function_that_is_not_there_is_said(
    function: str, said: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["doctor", function]) == 2
    assert said in capsys.readouterr().err


def test_what_agents_may_have_is_what_processes_ask_for() -> None:
    assert {process.needs for process in PROCESSES.values()} == {"", *commands.NEEDS}
