"""Versions from a tag of a repository, here one on this machine; what is damaged is not kept."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthgym import zoo
from synthgym.__main__ import main
from synthgym.zoo import folders

NAME = "Synthetic-CartPole-v1"


def git(where: Path, *words: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", *identity, *words]
    subprocess.run(command, cwd=where, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Git repository with a zoo, of which version `v9` is tagged."""
    monkeypatch.setenv(folders.CACHE, str(tmp_path / "cache"))
    root = tmp_path / "repository"
    shutil.copytree(folders.own(), root / "zoo")
    git(tmp_path, "init", "-q", str(root))
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "zoo")
    git(root, "tag", "v9")
    return root


def pull(repository: Path | str, revision: str, *names: str) -> int:
    return main(["zoo", "pull", *names, "--repo", str(repository), "--rev", revision])


def test_a_tag_is_fetched_and_loaded_by_its_name(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(repository / "zoo")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "no zoo any more")
    assert pull(repository, "v9", NAME) == 0
    fetched = [line for line in capsys.readouterr().out.splitlines() if "fetched" in line]
    assert len(fetched) == len(zoo.variants(NAME))
    env, own = zoo.load(NAME, version="v9"), zoo.load(NAME)
    kernel = env.theta["reward"]["Dense_0"]["kernel"]
    np.testing.assert_array_equal(kernel, own.theta["reward"]["Dense_0"]["kernel"])
    with pytest.raises(ValueError, match="is not there"):
        zoo.load("Synthetic-Acrobot-v1", version="v9")


def test_a_damaged_file_is_not_kept(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = repository / "zoo" / NAME / zoo.variants(NAME)[0] / "environment.safetensors"
    blob = bytearray(path.read_bytes())
    blob[-1] ^= 1
    path.write_bytes(bytes(blob))
    git(repository, "commit", "-q", "-a", "-m", "damaged")
    git(repository, "tag", "v10")
    assert pull(repository, "v10", NAME) == 2
    assert "not that of its card" in capsys.readouterr().err
    assert not (folders.fetched() / "v10").exists()


@pytest.mark.parametrize(
    ("where", "revision", "names", "words"),
    [
        ("", "v11", [], "v11"),
        ("/nowhere", "v9", [], "cannot be fetched"),
        ("", "v9", ["Synthetic-Other"], "no environment is named Synthetic-Other"),
        ("", "../v9", [], "cannot be a version"),
    ],
)
def test_what_cannot_be_fetched_is_said_in_a_sentence(
    where: str,
    revision: str,
    names: list[str],
    words: str,
    repository: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert pull(f"{repository}{where}", revision, *names) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert line.endswith((".", "?"))


def test_a_repository_without_a_zoo_is_refused(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(repository / "zoo")
    (repository / "readme").write_text("nothing here")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "no zoo")
    git(repository, "tag", "v12")
    assert pull(repository, "v12") == 2
    assert "has no zoo" in capsys.readouterr().err


def test_without_dvc_it_says_what_to_install(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent: Any = None
    monkeypatch.setitem(sys.modules, "dvc.api", absent)
    assert pull(repository, "v9") == 2
    assert "pip install 'dvc[" in capsys.readouterr().err
