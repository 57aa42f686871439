import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthgym.analysis import readme, summary

ROOT = Path(__file__).parents[2]
TEXT = f"# Title\n\nbefore\n\n{readme.BEGIN}\nold\n{readme.END}\n\nafter\n"


def test_only_what_is_between_the_marks_is_replaced() -> None:
    assert readme.replaced(TEXT, "new") == TEXT.replace("old", "new")
    assert readme.shown(TEXT) == "old"


@pytest.mark.parametrize("text", ["", TEXT + TEXT, TEXT.replace(readme.END, "")])
def test_a_readme_without_both_marks_once_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="each once"):
        readme.replaced(text, "new")


def test_update_shows_the_numbers_of_the_summary(
    results_of: Callable[[str], Any], tmp_path: Path
) -> None:
    results = results_of("one environment")
    summary.run(results.world.config(), results.paths, tmp_path, tmp_path)
    path = tmp_path / "README.md"
    path.write_text(TEXT)
    readme.update(path, tmp_path / "summary.json")
    written = json.loads((tmp_path / "summary.json").read_text())
    numbers = written["transfer"]["cartpole"]["bandit_ppo"]["dqn"]
    assert f"{numbers['iqm']:.1f}" in readme.shown(path.read_text())
    assert readme.shown(path.read_text()) == readme.block(written)
    assert path.read_text().endswith("after\n")


def test_update_without_a_summary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"summary\.json is not there"):
        readme.update(tmp_path / "README.md", tmp_path / "summary.json")


def test_the_readme_shows_the_results_in_the_repository() -> None:
    """Not those of the working tree: a run on this machine may have made others."""
    shown = readme.shown((ROOT / "README.md").read_text())
    scale = re.search(r"Scale `(\w+)`", shown)
    if scale:
        path = f"results/{scale[1]}/summary.json"
        summary_of_scale = git("show", f":{path}") or (ROOT / path).read_text()
        assert shown == readme.block(json.loads(summary_of_scale)), "run: synthgym readme"
    else:
        assert git("ls-files", "results/*/summary.json") == "", "run: synthgym readme"


def git(*words: str) -> str:
    """What git answers; nothing if this is no repository, or it does not know."""
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout
