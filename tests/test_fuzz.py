"""The fuzzer itself: it says what is wrong, and its figures are of all kinds."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fuzz
from plans import ROOT
from synthgym.core.settings import ConfigError


def raising(error: Exception) -> fuzz.Case:
    def case(rng: random.Random, folder: Path) -> bool:
        raise error

    return case


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ConfigError("x: must be 3."), False),
        (ValueError("x: must be 3."), False),
        (ValueError("no end"), "no sentence: 'no end'"),
        (ValueError("two\nlines."), "no sentence: 'two\\nlines.'"),
        (KeyError("x"), "KeyError: 'x' (test_fuzz.py:"),
        (RecursionError("deep"), "RecursionError: deep (test_fuzz.py:"),
        (fuzz.Insane("accepted"), "Insane: accepted (test_fuzz.py:"),
    ],
    ids=str,
)
def test_what_is_no_sentence_is_a_failure(error: Exception, outcome: Any, tmp_path: Path) -> None:
    found = fuzz._tried(raising(error), random.Random(0), tmp_path)
    assert str(found).startswith(str(outcome))
    assert isinstance(found, type(outcome))


def test_what_writes_outside_its_folder_or_starts_a_program_is_seen(tmp_path: Path) -> None:
    script = f"""
import fuzz, os, pathlib, json
def case(rng, folder):
    (folder / "inside").write_text("")
    if rng.random() < 0.5:
        pathlib.Path({str(tmp_path / "outside")!r}).write_text("")
    else:
        os.system("true")
    return True
fuzz.KINDS = {{"case": (case, 1)}}
print(json.dumps(fuzz.run("case", 20, 0)))
"""
    found = json.loads(_said("-c", script))
    assert len(found["failures"]) == 20
    assert {failure.split(": ")[1].split()[0] for failure in found["failures"]} == {
        "writes",
        "os.system",
    }


@pytest.mark.parametrize("kind", ["texts of plans", "manifests"])
def test_a_few_cases_are_in_order(kind: str) -> None:
    found = json.loads(_said(str(ROOT / "tests/fuzz.py"), "--kind", kind, "--cases", "50"))
    assert found["failures"] == []
    assert 0 < found["accepted"] < found["cases"] == 50


@pytest.mark.slow
@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_a_thousand_cases_of_each_kind_are_in_order(kind: str) -> None:
    script = str(ROOT / "tests/fuzz.py")
    found = json.loads(_said(script, "--kind", kind, "--cases", "1000", "--seed", "5"))
    assert found["failures"] == []


def test_the_figures_are_of_twenty_thousand_cases_of_all_kinds() -> None:
    figures = json.loads(fuzz.FIGURES.read_text())["kinds"]
    assert figures.keys() == fuzz.KINDS.keys()
    assert sum(kind["cases"] for kind in figures.values()) >= 20_000
    for kind in figures.values():
        assert kind["failures"] == 0
        assert kind["slowest_seconds"] < fuzz.SECONDS
        assert kind["megabytes"] < fuzz.MEGABYTES


def _said(*words: str) -> str:
    paths = f"{ROOT / 'src'}:{ROOT / 'tests'}"
    command = ["env", f"PYTHONPATH={paths}", sys.executable, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]
