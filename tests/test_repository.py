"""Does the repository keep what its documents promise?"""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

from synthgym.plan.schema import definition, groups

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@cache
def versioned_files() -> dict[str, str]:
    """Text of every file that git would commit, by name; binary files and links left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    texts = {}
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and not path.is_symlink() and b"\0" not in (blob := path.read_bytes()):
            texts[name] = blob.decode(errors="replace")
    return texts


def found(pattern: str, **flags: int) -> list[str]:
    """Lines of versioned files that match; this file has to name what it looks for."""
    expression = re.compile(pattern, **flags)
    return [
        f"{name}: {line.strip()[:100]}"
        for name, text in versioned_files().items()
        if name != "tests/test_repository.py" and not name.startswith("dvc-store/")
        for line in text.splitlines()
        if expression.search(line)
    ]


def test_files_are_what_was_committed_on_any_system() -> None:
    """Git would change the ends of lines, and with them checksums, where it is told to."""
    listed = ["Snakefile", "dvc-store/files/md5/00/1", "results/quick/summary.json", "docs/x.png"]
    command = ["git", "-c", "core.autocrlf=true", "check-attr", "text", "--", *listed]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert said.splitlines() == [f"{name}: text: unset" for name in listed]


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))


def shell_lines(document: str) -> list[str]:
    """The commands in a document: lines of its bash blocks, and code in its sentences."""
    text = (ROOT / document).read_text()
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def test_lock_file_holds_versions_and_nothing_else() -> None:
    pin = re.compile(
        r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,-]+\])?==[A-Za-z0-9.+!]+( ; [A-Za-z0-9_' <>=!.()]+)?"
    )
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert len(lines) > 50
    assert [line for line in lines if not pin.fullmatch(line)] == []


def test_every_declared_dependency_is_locked() -> None:
    locked = {
        re.split(r"[\[=]", line)[0]
        for line in (ROOT / "requirements.lock").read_text().splitlines()
    }
    (names,) = re.findall(r"^LOCKED := (.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    locked_extras = names.split()
    assert set(PROJECT["optional-dependencies"]) - set(locked_extras) == {"clients", "sb3"}
    extras = [PROJECT["optional-dependencies"][name] for name in locked_extras]
    declared = {
        re.split(r"[\[<>=; ]", requirement)[0].lower()
        for requirement in [*PROJECT["dependencies"], *(r for extra in extras for r in extra)]
    }
    assert declared - locked == {"synthgym"}


def test_no_address_of_a_package_index() -> None:
    option = r"index[-_]url\s*=\s*\S*:|--(extra-)?index-url[ =]|find-links[ =]|trusted-host"
    address = (
        r"(pypi|pythonhosted|anaconda)\.(org|com)|/simple(/|\b)\s*$|https?://\S+\.(whl|tar\.gz)"
    )
    assert found(f"{option}|{address}") == []


def test_no_path_of_one_machine() -> None:
    assert found(re.escape(str(ROOT)) + r"(/|\b)") == []
    assert found(r"(?<![\w./-])/(home|root|Users|work|mnt/(?!disk))/[\w.-]+") == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/running.md"])
def test_make_targets_in_documents_exist(document: str) -> None:
    words = [line.split() for line in shell_lines(document) if line.startswith("make ")]
    named = [[w for w in line[1:] if "=" not in w and w != "..."] for line in words]
    assert named
    assert {target for line in named for target in line} <= make_targets()


@pytest.mark.parametrize("document", ["README.md", "docs/running.md"])
def test_verbs_of_synthgym_in_documents_exist(document: str) -> None:
    verbs = {line.split()[1] for line in shell_lines(document) if line.startswith("synthgym ")}
    shown = subprocess.run(
        [sys.executable, "-m", "synthgym", "--help"], check=True, capture_output=True, text=True
    ).stdout
    known = set(re.findall(r"^    (\w+)", shown, flags=re.MULTILINE))
    assert len(verbs) > 2
    assert verbs - {"<stage>"} <= known


def test_readme_names_the_two_commands_first() -> None:
    first_screen = (ROOT / "README.md").read_text().splitlines()[:50]
    assert [line.split(" #")[0].strip() for line in first_screen if line.startswith("make ")] == [
        "make reproduce",
        "make test",
    ]


def test_continuous_integration_runs_the_test_command_and_nothing_else() -> None:
    script = (ROOT / ".ci/run").read_text().splitlines()
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    commands = [line for line in script if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == ["exec make test"]
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    steps = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert steps == ["make test"]


def test_continuous_integration_covers_the_supported_pythons() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    named = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c]
    assert jobs["test"]["strategy"]["matrix"]["python"] == named


def test_versions_agree() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    changes = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert citation["version"] == PROJECT["version"] == changes[0]
    assert importlib.metadata.version("synthgym") == PROJECT["version"]


def declared(requirements: list[str]) -> set[str]:
    """Names of the packages."""
    return {named_alike(re.split(r"[\[<>=; ]", requirement)[0]) for requirement in requirements}


def named_alike(package: str) -> str:
    """The one way to write the name of a package of which there are several."""
    return re.sub(r"[-_.]+", "-", package).lower()


@cache
def imported_by() -> dict[str, set[str]]:
    """Dotted names that each module in src imports, by the module's own dotted name."""
    found = {}
    for path in (ROOT / "src").rglob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        found[".".join(path.relative_to(ROOT / "src").with_suffix("").parts)] = names
    return found


def importers(packages: set[str]) -> dict[str, set[str]]:
    """Modules in src that import from outside these packages: what they import."""
    providers = importlib.metadata.packages_distributions()
    known = {*packages, "synthgym"}
    found = {}
    for module, names in imported_by().items():
        tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
        # What is not installed here is called as it is imported.
        by_name = {top: providers.get(top, [top.replace("_", "-")]) for top in tops}
        others = {top for top in tops if not set(map(named_alike, by_name[top])) & known}
        if others:
            found[module] = others
    return found


def test_every_imported_package_is_declared() -> None:
    """A package that only comes along with another one may go away with it."""
    extras = [
        PROJECT["optional-dependencies"][name]
        for name in ("brax", "hpo", "sb3", "testing", "workflow")
    ]
    assert importers(declared([*PROJECT["dependencies"], *(r for e in extras for r in e)])) == {}


def test_all_but_the_module_that_needs_an_extra_works_without() -> None:
    """So it is imported by the name in a config file or of a stage, and by its own package only."""
    needing = importers(declared(PROJECT["dependencies"]))
    own = "synthgym.search."
    asked = {
        name
        for module, names in imported_by().items()
        for name in names
        if not (module.startswith(own) and name.startswith(own))
    }
    assert asked & set(needing) == set()


def test_expert_returns_of_tasks_are_those_of_the_committed_table() -> None:
    """To four digits: the best agent's interquartile mean; null where none was trained."""
    report = json.loads((ROOT / "results/standard/expert_report/summary.json").read_text())
    best = {
        task: float(f"{max(cell['iqm'] for cell in agents.values()):.4g}")
        for task, agents in report["experts"].items()
    }
    assert len(best) > 5
    written = {name: definition("task", name)["reference"]["expert"] for name in groups("task")}
    assert {name: value for name, value in written.items() if value is not None} == best


@pytest.mark.parametrize(
    "module",
    ["analysis.summary", "analysis.figures.tasks", "analysis.page", "plan.plan", "jobs.run"],
)
def test_starts_without_jax(module: str) -> None:
    code = f"import sys, synthgym.{module}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
