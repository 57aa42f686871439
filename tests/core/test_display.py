"""What a log says about long work."""

import re
import sys

import pytest

from synthgym.core import display
from synthgym.core.display import Work, duration


class Clock:
    """Time that passes when told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(display, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3600, "1:00:00")]
)
def test_durations_are_read_as_hours_minutes_seconds(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_line_says_what_is_done_and_how_long_the_rest_takes(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Work("cartpole", total=4, unit="generation") as work:
        clock.now = 20.0
        work.done(1, "fitness 12")
    assert capsys.readouterr().out == "cartpole: generation 1/4  fitness 12  1:00 left\n"


def test_a_log_is_not_flooded_and_the_end_is_always_told(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Work("cartpole", total=44, unit="generation", every=10.0) as work:
        for count in range(1, 45):
            clock.now = float(count)
            work.done(count)
    told = [line.split("  ")[0].split()[-1] for line in capsys.readouterr().out.splitlines()]
    assert told == ["10/44", "20/44", "30/44", "40/44", "44/44"]


def test_units_of_an_earlier_run_say_nothing_about_the_time_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Work("cartpole", total=100, unit="generation", already=90) as work:
        clock.now = 20.0
        work.done(92)  # two took 20 s; eight are left
    assert "1:20 left" in capsys.readouterr().out


def test_units_that_are_done_several_at_a_time_count_each(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Work("ppo in cartpole", total=20, unit="agent") as work:
        clock.now = 20.0
        work.done(10)
    assert "0:20 left" in capsys.readouterr().out


def test_a_terminal_gets_a_bar_with_the_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    with Work("cartpole", total=4, unit="generation", already=1) as work:
        work.done(3, "fitness 12")
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().out)  # without colours
    assert re.search(r"cartpole \S+ 1/4 ", shown)
    assert re.search(r"cartpole \S+ 3/4 fitness 12 ", shown)
