"""Which edits change a fingerprint, and which do not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synthgym.jobs import codehash

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
        for cached in (codehash.fingerprint, codehash.imports, codehash.read):
            cached.cache_clear()
        return codehash.fingerprint("synthgym.stage")

    monkeypatch.setattr(codehash, "SRC", tmp_path)
    for name in ("__init__.py", "package/__init__.py", "package/inner.py", "far.py", "jobs.py"):
        after(name, "x = 1\n")
    after("near.py", "from synthgym import far, jobs\n")
    after("stage.py", STAGE)
    yield after
    monkeypatch.undo()
    for cached in (codehash.fingerprint, codehash.imports, codehash.read):
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
