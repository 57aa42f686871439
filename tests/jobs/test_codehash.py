"""Which edits change a fingerprint, and which do not."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synthgym.jobs import codehash, provenance

Edit = Callable[[str, str], str]
STAGE = '''"""Docstring."""

import synthgym.near
from synthgym import package


def f(x):
    """What it does."""
    # why
    from synthgym.package import inner

    text = """a

b"""
    return x + 1, text  # why
'''


@pytest.fixture
def fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edit]:
    """Of the stage of a small package, after a file of it was given new text."""

    def after(name: str, text: str) -> str:
        file = tmp_path / "synthgym" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        _forget()
        return codehash.fingerprint("synthgym.stage")

    monkeypatch.setattr(codehash, "SRC", tmp_path)
    for name in ("__init__.py", "package/__init__.py", "package/inner.py", "far.py", "jobs.py"):
        after(name, "x = 1\n")
    after("near.py", "from synthgym import far, jobs\n")
    after("stage.py", STAGE)
    yield after
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    for cached in (
        *(codehash.fingerprint, codehash.plumbing, codehash.imports, codehash.read),
        codehash._definitions,
    ):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# why", "# because"),
        ("  # why", ""),
        ('"""What it does."""', '"""What it\n\n    really does."""'),
        ('"""Docstring."""\n', ""),
        ("\n\n\ndef", "\n\n\n\n\ndef"),
    ],
)
def test_what_does_not_run_does_not_count(fingerprint: Edit, old: str, new: str) -> None:
    assert old in STAGE
    before = fingerprint("stage.py", STAGE)
    assert fingerprint("stage.py", STAGE.replace(old, new)) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [("x + 1", "x + 2"), ("a\n\nb", "a\n\n\nb"), ("def f(x)", "def f(x, y=1)")],
)
def test_what_runs_counts(fingerprint: Edit, old: str, new: str) -> None:
    assert old in STAGE
    before = fingerprint("stage.py", STAGE)
    assert fingerprint("stage.py", STAGE.replace(old, new)) != before


@pytest.mark.parametrize(
    "name",
    ["near.py", "far.py", "package/__init__.py", "package/inner.py"],
)
def test_imported_modules_count_directly_or_not_and_within_functions(
    fingerprint: Edit, name: str
) -> None:
    before = fingerprint("stage.py", STAGE)
    assert fingerprint(name, "from synthgym import far\nx = 2\n") != before


def test_the_package_that_holds_an_imported_module_counts(fingerprint: Edit) -> None:
    before = fingerprint("stage.py", "import synthgym.package.inner\n")
    assert fingerprint("package/__init__.py", "x = 2\n") != before


@pytest.mark.parametrize("name", ["jobs.py", "other.py", "__init__.py"])
def test_plumbing_and_strangers_do_not_count(fingerprint: Edit, name: str) -> None:
    before = fingerprint("stage.py", STAGE)
    assert fingerprint(name, "x = 2\n") == before


def test_a_release_does_not_count(fingerprint: Edit) -> None:
    before = fingerprint("package/__init__.py", '__version__ = "1"\nx = 1\n')
    assert fingerprint("package/__init__.py", '__version__ = "2"\nx = 1\n') == before


def test_the_package_itself_does_nothing_but_announce() -> None:
    text = (codehash.SRC / "synthgym" / "__init__.py").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith('"""')]
    assert lines == [
        "from synthgym.adapters.registration import announce",
        "announce()",
    ]


def test_a_string_on_the_line_of_code_is_no_docstring(fingerprint: Edit) -> None:
    before = fingerprint("stage.py", 'def f(): "one"; return 1\n')
    assert fingerprint("stage.py", 'def f(): "one"; return 2\n') != before


SETTINGS = '''"""Settings."""

REWARDS = ("advantage",)
OTHER = 1


class Section:
    def read(self):
        return _typed(self)


class Agent(Section):
    """An agent."""

    name: str = setting("its name", low=1)


def _typed(value):  # as annotated
    return value


def setting(meaning, low):
    return meaning
'''


@pytest.fixture
def plumbing(fingerprint: Edit) -> Callable[[str, str], str]:
    """Of a stage that takes rewards, agents and a definition of plumbing, after such an edit."""
    fingerprint("core/__init__.py", "")
    fingerprint("core/settings.py", SETTINGS)
    fingerprint("core/definitions.py", "from synthgym.core.settings import OTHER\n\nX = OTHER\n")
    fingerprint(
        "stage.py",
        "import synthgym.package\nfrom synthgym.core import settings\n"
        "from synthgym.core.settings import REWARDS\nfrom synthgym.core.definitions import X\n\n"
        "print(settings.Agent, REWARDS, X)\n",
    )

    def after(old: str, new: str) -> str:
        assert old in SETTINGS
        fingerprint("core/settings.py", SETTINGS.replace(old, new))
        return codehash.plumbing("synthgym.stage")

    return after


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('("advantage",)', '("advantage", "agreement")'),
        ("return _typed(self)", "return self"),
        ("    return value\n", "    return [value]\n"),
        ("OTHER = 1", "OTHER = 2"),
    ],
    ids=["rows", "what a class has of another", "what that needs", "of another such module"],
)
def test_what_a_stage_takes_of_plumbing_counts(plumbing: Edit, old: str, new: str) -> None:
    assert plumbing(old, new) != plumbing(old, old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"its name", low=1', '"its own name", low=2'),
        ("  # as annotated", ""),
        ("    return meaning\n", "    return low\n"),
        ('"""An agent."""', '"""Who acts."""'),
    ],
    ids=["meaning and range", "comment", "what nobody takes", "docstring"],
)
def test_what_else_is_there_does_not(plumbing: Edit, old: str, new: str) -> None:
    assert plumbing(old, new) == plumbing(old, old)


def test_data_beside_modules_count(plumbing: Edit, fingerprint: Edit) -> None:
    before = plumbing("OTHER", "OTHER")
    fingerprint("package/values.yaml", "published: 1\n")
    assert codehash.plumbing("synthgym.stage") != before


@pytest.mark.parametrize(
    ("stage", "module", "old", "new"),
    [
        ("choices", "core/settings.py", '"discrete": ("advantage", ', '"discrete": ('),
        ("search", "core/settings.py", "return {**old, **{key", "return {**{key"),
        ("study", "core/settings.py", "return name in vars(self)", "return True"),
        ("transfer", "core/settings.py", "tuple(_typed(item, Any)", "list(_typed(item, Any)"),
        ("baseline", "core/settings.py", 'REAL = "real"', 'REAL = "task"'),
        ("metatrain", "jobs/software.py", "ours[WIDTH] = 512", "ours[WIDTH] = 256"),
        ("transfer_report", "analysis/published/mdps.yaml", "agents:", "agents: # other"),
    ],
)
def test_edits_of_plumbing_that_change_results_are_seen(
    stage: str, module: str, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the package itself: rows of `choices`, merging, what a job sees, flags of XLA, ..."""
    shutil.copytree(codehash.SRC / "synthgym", tmp_path / "synthgym")
    _forget()
    before = provenance.stage_code(stage, {}), provenance.stage_plumbing(stage, {})
    edited = tmp_path / "synthgym" / module
    assert old in edited.read_text()
    edited.write_text(edited.read_text().replace(old, new))
    monkeypatch.setattr(codehash, "SRC", tmp_path)
    _forget()
    after = provenance.stage_code(stage, {}), provenance.stage_plumbing(stage, {})
    monkeypatch.undo()
    _forget()
    assert after[0] == before[0]
    assert after[1] != before[1]
