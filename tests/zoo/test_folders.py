"""Names, variants and versions; and where each of them is."""

import json
import shutil
from pathlib import Path

import pytest

from synthgym import zoo
from synthgym.zoo import folders

NAME = "Synthetic-CartPole-v1"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(folders.CACHE, str(tmp_path))
    return tmp_path


def test_the_default_variant_comes_first_and_is_loaded() -> None:
    first, *others = zoo.variants(NAME)
    assert others
    assert zoo.card(NAME)["variant"] == first
    assert zoo.card(NAME) == zoo.card(NAME, first) != zoo.card(NAME, others[0])


def test_another_version_is_that_which_was_fetched(cache: Path) -> None:
    shutil.copytree(folders.own(), cache / "zoo" / "v9")
    path = cache / "zoo" / "v9" / NAME / zoo.variants(NAME)[0] / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"licence": "theirs"}))
    assert zoo.card(NAME, version="v9")["licence"] == "theirs"
    assert zoo.card(NAME)["licence"] != "theirs"
    assert zoo.load(NAME, version="v9").spec == zoo.load(NAME).spec


def test_the_version_that_came_along_needs_no_fetching(cache: Path) -> None:
    assert zoo.card(NAME, version=folders.index()["version"]) == zoo.card(NAME)


@pytest.mark.parametrize(
    ("name", "variant", "version", "words"),
    [
        ("Synthetic-CartPole-v7", None, None, "do you mean Synthetic-CartPole-v1"),
        (NAME, "evolvd", None, "no variant is named evolvd"),
        (NAME, None, "v8", "`synthgym zoo pull Synthetic-CartPole-v1 --rev v8"),
        (NAME, None, "../../etc", "cannot be a version"),
        (NAME, None, "..", "cannot be a version"),
    ],
)
def test_what_is_not_there_is_said_with_the_remedy(
    name: str, variant: str | None, version: str | None, words: str, cache: Path
) -> None:
    with pytest.raises(ValueError, match=words):
        zoo.load(name, variant, version)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"environments": {"x": {"variants": []}}}'])
def test_a_damaged_index_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(ValueError, match="index"):
        folders.index(tmp_path)
