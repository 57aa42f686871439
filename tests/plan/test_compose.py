"""What Hydra composed before is remembered, as long as nothing that it came from is another."""

import json
from pathlib import Path
from typing import Any

import pytest

from synthgym.plan import compose
from synthgym.plan.compose import Compositions

CHOICES = ["task=cartpole", "meta=snes", "synth=bandit", "+agent@agents.dqn=dqn"]
AGENT = "+agent@agents.ppo=ppo"
VALUES: dict[str, Any] = {"meta": {"sigma": 0.5}, "agents": {"ppo": {"static": {"num_envs": 3}}}}
ABSENT = {"distil", "objective"}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file with one compose."""
    path = tmp_path / "compositions.json"
    made = Compositions(path)
    made.compose([*CHOICES, AGENT], VALUES, ABSENT)
    made.save()
    return path


@pytest.fixture
def hydra(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was composed anew."""
    calls: list[Any] = []
    original = compose._composed

    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(compose, "_composed", counted)
    return calls


def test_the_same_comes_from_the_file_in_the_same_order(kept: Path, hydra: list[Any]) -> None:
    fresh = Compositions(Path("nowhere")).compose([*CHOICES, AGENT], VALUES, ABSENT)
    assert len(hydra) == 1
    remembered = Compositions(kept).compose([*CHOICES, AGENT], VALUES, ABSENT)
    assert len(hydra) == 1
    assert json.dumps(remembered) == json.dumps(fresh)
    assert list(remembered["agents"]) == ["dqn", "ppo"]
    assert not ABSENT & remembered.keys()


def test_other_values_or_choices_are_composed(kept: Path, hydra: list[Any]) -> None:
    known = Compositions(kept)
    other = known.compose([*CHOICES, AGENT], {**VALUES, "meta": {"sigma": 0.25}}, ABSENT)
    assert other["meta"]["sigma"] == 0.25
    assert list(known.compose(CHOICES, {}, ABSENT)["agents"]) == ["dqn"]
    assert "objective" in known.compose(CHOICES, {}, {"distil"})
    assert len(hydra) == 3


def test_nothing_is_remembered_of_other_files_in_conf(
    kept: Path, hydra: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "_ground", lambda: "an edited conf/")
    Compositions(kept).compose([*CHOICES, AGENT], VALUES, ABSENT)
    assert len(hydra) == 1


def test_the_ground_is_all_of_conf_and_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compose._ground()
    original = Path.read_text
    for name in ("schema.py", "snes.yaml"):

        def edited(path: Path, *a: Any, name: str = name, **k: Any) -> str:
            return original(path, *a, **k) + ("#" if path.name == name else "")

        compose._ground.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_text", edited)
            assert compose._ground() != before
    compose._ground.cache_clear()


def test_what_a_reader_does_to_it_is_not_remembered(kept: Path) -> None:
    known = Compositions(kept)
    known.compose([*CHOICES, AGENT], VALUES, ABSENT)["meta"]["sigma"] = 7
    assert known.compose([*CHOICES, AGENT], VALUES, ABSENT)["meta"]["sigma"] == 0.5


@pytest.mark.parametrize("content", ["", '{"a": {"meta"', "[1, 2]"])
def test_a_file_that_is_broken_is_as_none(kept: Path, hydra: list[Any], content: str) -> None:
    kept.write_text(content)
    known = Compositions(kept)
    assert known.compose([*CHOICES, AGENT], VALUES, ABSENT)["meta"]["sigma"] == 0.5
    assert len(hydra) == 1
    known.save()
    assert len(json.loads(kept.read_text())) == 1


def test_without_the_directory_of_the_workflow_nothing_is_left(tmp_path: Path) -> None:
    made = Compositions(tmp_path / "work/compositions.json")
    made.compose(CHOICES, {}, ABSENT)
    made.save()
    assert list(tmp_path.iterdir()) == []
