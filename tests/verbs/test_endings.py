"""How commands end: with a sentence instead of a traceback, and an exit status that is true."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from synthgym.__main__ import main
from synthgym.jobs.places import writable
from synthgym.plan.schema import ConfigError
from synthgym.verbs import commands, training

ROOT = Path(__file__).parents[2]
NAME = "Synthetic-CartPole-v1"


def ended(*words: str, **options: Any) -> tuple[int, str]:
    """Exit status of a command, and what it says of errors."""
    done = subprocess.run(
        [sys.executable, "-m", "synthgym", *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **options,
    )
    return done.returncode, done.stderr


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        assert ended("settings", stdout=full) == (
            1,
            "synthgym: what it writes: No space left on device.\n",
        )


WRITING = """
import resource, sys
import numpy as np, pandas as pd
from synthgym import __main__ as command
from synthgym.core.io import write_table
from synthgym.jobs.run import execute

def run(config, inputs, out, checkpoint):
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    write_table(out / "table.parquet", pd.DataFrame({"x": np.random.default_rng(0).random(9999)}))

spec = {"stage": "summary", "config": {}, "out": "out", "files": {}, "upstream": {}}
command._stage = lambda *_: execute({**spec, "forced": False}, run)
sys.exit(command.main(["summary"]))
"""


def test_a_table_that_cannot_be_written_is_said_and_not_left(tmp_path: Path) -> None:
    """As on a full disk, or where a quota is spent."""
    done = subprocess.run(
        [sys.executable, "-c", WRITING], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "synthgym: what it writes: File too large.\n")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "status"),
    [(errno.ENOSPC, 1), (errno.EROFS, 1), (errno.EACCES, 1), (errno.EDQUOT, 1), (None, None)],
)
def test_what_is_no_fault_of_a_stage_is_said_in_a_sentence(
    number: int | None, status: int | None, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def full(*_: Any) -> None:
        error = OSError(number, os.strerror(number), "out/x") if number else OSError("odd")
        error.add_note("The same command goes on from the last checkpoint.")
        raise error

    monkeypatch.setattr("synthgym.__main__._stage", full)
    if status is None:
        with pytest.raises(OSError, match="odd"):  # where it happened is worth knowing
            main(["metatrain"])
        return
    assert main(["metatrain"]) == status
    said = capsys.readouterr().err
    assert said.startswith(f"synthgym: out/x: {os.strerror(number or 0)}. The same command goes on")


@pytest.mark.parametrize("verb", ["train", "compare"])
def test_a_folder_that_cannot_be_written_to_is_refused_before_training(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(commands, "_prepare", lambda: None)
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("it trains"))
    monkeypatch.setattr(training, "compare", lambda *_: pytest.fail("it trains"))
    (tmp_path / "file").touch()
    out = str(tmp_path / "file/out")
    assert main([verb, "--env", NAME, "--agent", "ppo", "--out", out]) == 2
    assert capsys.readouterr().err == (
        f"synthgym: {out}: nothing can be written there: Not a directory.\n"
    )


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null/x"])
def test_a_place_that_takes_nothing_is_refused(place: str) -> None:
    with pytest.raises(ConfigError, match=f"{place}: nothing can be written there: "):
        writable(Path(place))


def test_a_place_is_left_as_it_was(tmp_path: Path) -> None:
    assert list(writable(tmp_path / "new/folder").iterdir()) == []


@pytest.mark.parametrize(("verb", "status"), [("settings", 0), ("transfer", 128 + signal.SIGPIPE)])
def test_work_that_nobody_reads_of_is_not_said_to_be_done(
    verb: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("synthgym.__main__._do", broken)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    assert main([verb]) == status


def test_ctrl_c_promises_nothing(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def interrupted(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("synthgym.__main__._do", interrupted)
    assert main(["settings"]) == 128 + signal.SIGINT
    assert capsys.readouterr().err == "synthgym: interrupted.\n"


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.5", "one"])
@pytest.mark.parametrize("verb", [["reference", "--task", "cartpole"], ["train", "--env", NAME]])
def test_seeds_that_are_none_are_refused(verb: list[str], seed: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main([*verb, "--seed", seed])
    said = capsys.readouterr().err
    assert f"argument --seed: {seed} is not a whole number from 0 to 2**32 - 1" in said
    assert commands.seed("4294967295") == 2**32 - 1


@pytest.mark.parametrize("text", [None, "", "[1]", "{}", '{"content": {"stage": "transfer"}}'])
def test_a_spec_that_is_damaged_is_refused(text: str | None, tmp_path: Path, capsys: Any) -> None:
    spec = tmp_path / "spec.json"
    if text is not None:
        spec.write_text(text)
    assert main(["transfer", "--spec", str(spec)]) == 2
    assert "spec.json is not there, or not as it was written" in capsys.readouterr().err


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"HOME": "/proc/nowhere", "MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    ],
    ids=["latin-1", "ascii", "no home, a notebook's figures"],
)
def test_the_zoo_is_listed_in_any_environment(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "synthgym", "zoo", "list"],
        env={**os.environ, "XDG_CACHE_HOME": "", **environment},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"{NAME} ".encode() in done.stdout


def test_figures_are_drawn_whatever_a_notebook_shows_them_with() -> None:
    """Matplotlib refuses a backend that is not installed, when it is imported."""
    code = (
        "from synthgym.__main__ import main; main(['zoo', 'list']); "
        "import synthgym.analysis.style, matplotlib; print(matplotlib.get_backend())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MPLBACKEND": "module://nowhere"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[-1] == "agg"
