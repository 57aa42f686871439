"""What the tutorial and the reference say is what happens: their commands and scripts are run."""

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from clones import Clone, run
from synthgym.verbs.configuration import markdown

ROOT = Path(__file__).parents[1]
NAME = "Synthetic-CartPole-v1"


class Block(NamedTuple):
    """A piece of code in a document."""

    section: str
    language: str
    code: str


@cache
def blocks() -> tuple[Block, ...]:
    text, found = (ROOT / "docs" / "tutorial.md").read_text(), []
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title = part.splitlines()[0]
        for indent, language, code in re.findall(
            r"^( *)```(\w+)\n(.*?)^ *```", part, flags=re.MULTILINE | re.DOTALL
        ):
            found.append(Block(title, language, code.replace(f"\n{indent}", "\n").lstrip()))
    return tuple(found)


def code(language: str, *words: str) -> str:
    """The block of a language that has all these words."""
    (one,) = (
        b.code for b in blocks() if b.language == language and all(w in b.code for w in words)
    )
    return one


def commands(section: str) -> Iterator[list[str]]:
    """The commands of a section, without comments."""
    for block in blocks():
        if block.section == section and block.language == "bash":
            yield from (line.split("#")[0].split() for line in block.code.splitlines())


def python(script: str, where: Path) -> str:
    (where / "script.py").write_text(script)
    return run(sys.executable, "script.py", cwd=where)


def earned(shown: str) -> list[float]:
    return [float(number) for number in re.findall(r"return in the real task: (\S+)", shown)]


def test_the_reference_of_settings_is_that_of_the_schema() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == markdown()


def headings(text: str) -> set[str]:
    """Anchors of a document."""
    titles = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("pattern", ["*.md", "docs/**/*.md", "benchmarks/*.md"])
def test_links_in_documents_lead_somewhere(pattern: str) -> None:
    for document in ROOT.glob(pattern):
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
            if "://" in link:
                continue
            file, _, anchor = link.partition("#")
            target = document.parent / file if file else document
            assert target.exists(), link
            assert not anchor or anchor in headings(target.read_text("utf-8")), link


def test_the_lines_in_the_readme_print_what_stands_there(tmp_path: Path) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert f"# {python(script, tmp_path)}" == script.splitlines(keepends=True)[-1]


def test_scripts_are_as_short_as_promised() -> None:
    gymnax, sb3 = (code("python", w) for w in ("gymnax.make", "stable_baselines3"))
    lines = [len([x for x in s.splitlines() if x.strip()]) for s in (gymnax, sb3)]
    assert lines == [12, 12]


def test_looking_at_the_zoo_works_as_written(tmp_path: Path) -> None:
    looking = [c for c in commands("Train your agent in a trained environment") if c[1] == "zoo"]
    verbs = [words[2] for words in looking]
    assert verbs == ["list", "show", "pull", "verify"]
    for words in looking[:2]:
        assert NAME in run(*words, cwd=tmp_path)


@pytest.mark.slow
def test_training_works_as_written(tmp_path: Path) -> None:
    section = "Train your agent in a trained environment"
    for words in [c for c in commands(section) if c[1] in ("train", "compare")]:
        said = run(*words, "--agents", "3", cwd=tmp_path)
        assert "return on the real task" in said or "return on CartPole-v1" in said
    there = {path.name for path in (tmp_path / f"outputs/{NAME}-ppo").iterdir()}
    assert there == {"policy.safetensors", "episode.gif", "comparison.png"}


@pytest.mark.slow
def test_the_script_for_gymnax_solves_the_real_task(tmp_path: Path) -> None:
    (returned,) = earned(python(code("python", "gymnax.make"), tmp_path))
    assert returned >= 475.0


@pytest.mark.slow
def test_the_notebook_shows_what_its_text_says(tmp_path: Path) -> None:
    cells = json.loads((ROOT / "docs" / "first_steps.ipynb").read_text())["cells"]
    scripts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    synthetic, control = earned(python("\n".join(scripts), tmp_path))
    assert synthetic >= 475.0 > control


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("stable_baselines3") is None, reason="Stable-Baselines3 is not here"
)
def test_the_script_for_stable_baselines_shows_what_its_text_says(tmp_path: Path) -> None:
    control, synthetic = earned(python(code("python", "stable_baselines3"), tmp_path))
    assert synthetic >= 400.0 > 100.0 > control


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy of this repository, with the task, plan and agent of the tutorial."""
    made = Clone.of_working_tree(tmp_path_factory.mktemp("clone"))
    conf = made.path / "src/synthgym/conf"
    (conf / "task/my_pendulum.yaml").write_text(code("yaml", "name: my_pendulum"))
    made.edit("params.yaml", "^scales:\n", f"scales:\n  {code('yaml', 'mine:')}")
    (conf / "agent/idle.yaml").write_text(code("yaml", "name: idle"))
    module = made.path / "src/synthgym/agents/idle.py"
    module.write_text(code("python", "class Idle"))
    return made


def inside(clone: Clone, *words: str) -> str:
    """A command in the clone, with its own copy of the package."""
    return run(*words, cwd=clone.path, more={"PYTHONPATH": str(clone.path / "src")})


def test_the_plan_of_the_tutorial_is_in_order(clone: Clone) -> None:
    (words,) = [c for c in commands("Make an environment for your own task") if "check" in c]
    said = inside(clone, *words)
    for stage in ("metatrain", "transfer", "behaviour", "baseline"):
        assert re.search(rf"{stage} +\d+ .*my_pendulum 1", said), said


@pytest.mark.slow
def test_an_environment_for_an_own_task_is_made_as_written(clone: Clone) -> None:
    for words in commands("Make an environment for your own task"):
        said = inside(clone, *words)
    assert "outputs/my-zoo: 1 environments of scale mine" in said
    file = "outputs/my-zoo/Synthetic-Pendulum-v1/evolved/environment.safetensors"
    assert "in order" in inside(clone, "synthgym", "zoo", "verify", file)


@pytest.mark.slow
def test_the_agent_of_the_tutorial_runs_as_written(clone: Clone) -> None:
    (words,) = commands("Add an agent")
    said = inside(clone, *words)
    (number,) = re.findall(r"return on CartPole-v1: (\S+) ", said)
    assert 10.0 < float(number) < 40.0  # random actions earn 22.2


def test_the_stage_of_the_tutorial_runs_as_written(clone: Clone) -> None:
    (clone.path / "src/synthgym/evaluation/size.py").write_text(
        code("python", "def run", "size.json")
    )
    row = code("yaml", "module: evaluation.size").replace("\n", "\n  ").rstrip()
    clone.edit("src/synthgym/stages.yaml", r"^(look:.*\n)", rf"\1  {row}\n")
    text = (ROOT / "docs" / "tutorial.md").read_text()
    (job,) = re.findall(r"`(yield self.job\(\"size\".*)`", text)
    beside = r"^( +)for agent in self\.agents:\n +which = "
    clone.edit("src/synthgym/plan/tasks.py", beside, rf"\1{job}\n\g<0>")
    (line,) = re.findall(r"`(stage\(\"size\"\))`", text)
    clone.edit("workflow/rules/look.smk", r"\Z", f"\n{line}\n")
    job = "results/smoke/tasks/cartpole/bandit_ppo/seed0/size"
    said = inside(clone, "snakemake", "-n", "--config", "scale=smoke", "--", f"{job}/size.json")
    assert f"Job 0: {job}" in said
    file = ROOT / "zoo" / NAME / "evolved" / "environment.safetensors"
    which = ("--scale", "smoke", "--task", "cartpole", "--environment", "bandit_ppo")
    given = ("--out", "outputs/size", "--input", f"environment={file}")
    inside(clone, "synthgym", "size", *which, *given)
    assert (clone.path / "outputs/size/size.json").read_text() == '{\n "numbers": 549\n}\n'
