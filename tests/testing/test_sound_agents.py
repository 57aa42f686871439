"""Agents of this package and of Stable-Baselines3, with their own settings, pass as documented."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from benchmarks.bugs import own
from benchmarks.bugs.places import BATTERIES
from benchmarks.bugs.sound import returns
from clones import run
from synthgym.testing.cases import find

DOCUMENT = Path(__file__).parents[2] / "docs" / "testing.md"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("agent", "name"),
    [(agent, name) for agent in own.FAULTS for name in BATTERIES[agent in own.CONTINUOUS]],
)
def test_agents_of_this_package_pass(agent: str, name: str) -> None:
    case = find(name)
    earned, _ = returns(agent, case, count=8, seed=1)
    assert sum(case.passes(float(r)) for r in earned) >= 7, earned  # of 20 seeds one may fail


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("stable_baselines3") is None, reason="Stable-Baselines3 is not here"
)
@pytest.mark.parametrize("broken", [False, True])
def test_the_example_does_what_the_text_says(broken: bool, tmp_path: Path) -> None:
    (example,) = re.findall(
        r"```python\n(from stable_baselines3.*?)```", DOCUMENT.read_text(), re.S
    )
    code = example.replace("seed=seed)", "seed=seed, learning_rate=0.0)") if broken else example
    assert (code != example) == broken
    (tmp_path / "test_example.py").write_text(code)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = (sys.executable, "-m", "pytest", "-q", "test_example.py")
    said = " ".join(run(*command, cwd=tmp_path, fails=broken).split())
    assert ("fails with 4 of 4 seeds. A sound agent returns at least" in said) == broken
    assert ("at the learning rate" in said) == broken
