"""Clones for the tests of the workflow; made once, then copied."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clones import Clone


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """With fake stages; everything is computed, versioned and in the store of the repository."""
    clone = Clone.of_working_tree(tmp_path_factory.mktemp("published") / "repository")
    clone.with_fake_stages().compute()
    clone.dvc("commit", "-q", "-f")
    return clone.publish()


@pytest.fixture(scope="session")
def pulled(published: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A fresh clone after `dvc pull`, which nobody touches."""
    clone = published.clone(tmp_path_factory.mktemp("pulled") / "clone")
    clone.dvc("pull", "-q")
    assert clone.outdated() == set()  # and its modules have been read
    return clone


@pytest.fixture
def fresh(pulled: Clone, tmp_path: Path) -> Clone:
    """A copy of that: no records of Snakemake, file times in any order."""
    clone = pulled.copy(tmp_path / "fresh")
    clone.shuffle_times(0)
    return clone


@pytest.fixture
def used(published: Clone, tmp_path: Path) -> Callable[[], Clone]:
    """Copies of the clone in which everything was computed."""
    made: list[Clone] = []

    def copy() -> Clone:
        made.append(published.copy(tmp_path / f"used{len(made)}"))
        made[-1].computed()
        return made[-1]

    return copy
