"""Hints that name an extra: what they say can be typed on any machine."""

import re
import shlex
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from synthgym.core import extras

PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())


def name_of(requirement: str) -> str:
    return re.split("[^a-z0-9-]", requirement)[0]


@pytest.mark.parametrize("extra", ["brax", "hpo", "sb3", "watch", "workflow"])
def test_a_hint_names_the_packages_of_an_extra(extra: str) -> None:
    asked = PYPROJECT["project"]["optional-dependencies"][extra]
    words = shlex.split(extras.installation(extra))
    assert words[:2] == ["pip", "install"]
    assert sorted(map(name_of, words[2:])) == sorted(map(name_of, asked))
    assert "synthgym" not in words[2]


def test_a_checkout_that_is_not_installed_has_a_hint_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(extras, "requires", absent)
    assert extras.installation("brax") == "pip install -e '.[brax]'"
