"""The journal: proposals that a kill does not change, and a file that survives one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthgym.search import journal
from synthgym.search.journal import Journal, claimed, importances

SPACE: dict[str, Any] = {
    "meta.sigma": {"log_uniform": [0.01, 1.0]},
    "meta.transform": {"choice": ["rank", "nes"]},
    "agents.ddqn.hyperparameters.gamma": {"one_minus_log_uniform": [0.001, 0.1]},
    "agents.ddqn.static.hidden": {"choice": [[8], [8, 8]]},
}
COSTS = dict.fromkeys(journal.COST, 1.0)


def opened(path: Path, seed: int = 0) -> Journal:
    return Journal(path / "journal.log", SPACE, seed)


def filled(path: Path, count: int) -> Journal:
    """Of so many configurations, of which those with a sigma near 0.1 are best."""
    there = opened(path)
    for number in range(count):
        settings = there.configuration(number, random=0.0).settings
        there.report(number, 3, -abs(np.log10(settings["meta.sigma"]) + 1), COSTS)
        there.end(number, whole=False)
    return there


def test_settings_are_in_the_space_and_become_sections(tmp_path: Path) -> None:
    there = opened(tmp_path)
    for number in range(20):
        one = there.configuration(number, random=1.0)
        assert 0.01 <= one.settings["meta.sigma"] <= 1.0
        assert 0.9 <= one.settings["agents.ddqn.hyperparameters.gamma"] <= 0.999
        assert one.settings["agents.ddqn.static.hidden"] in ([8], [8, 8])
        assert one.sections == {
            "meta": {name: one.settings[f"meta.{name}"] for name in ("sigma", "transform")},
            "agents": {
                "ddqn": {
                    "hyperparameters": {"gamma": one.settings["agents.ddqn.hyperparameters.gamma"]},
                    "static": {"hidden": one.settings["agents.ddqn.static.hidden"]},
                }
            },
        }


def test_a_configuration_is_proposed_once_whoever_asks(tmp_path: Path) -> None:
    first = opened(tmp_path).configuration(0, random=1.0)
    again = opened(tmp_path)
    assert again.configuration(0, random=1.0) == first
    assert again.configuration(1, random=1.0).settings != first.settings
    assert list(again.tried()) == [0, 1]


def test_what_is_proposed_depends_on_what_is_known_and_the_number_only(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one, other = filled(tmp_path / "one", 6), filled(tmp_path / "other", 6)
    other = opened(tmp_path / "other")  # another process
    assert one.configuration(6, 0.0) == other.configuration(6, 0.0)


def test_the_model_finds_better_settings_than_chance(tmp_path: Path) -> None:
    there = filled(tmp_path, 40)
    values = [there.tried()[number].values[3] for number in range(40)]
    assert np.mean(values[20:]) > -0.3  # at random: -0.5


def test_the_first_may_be_given(tmp_path: Path) -> None:
    own = {
        "meta.sigma": 0.05,
        "meta.transform": "nes",
        "agents.ddqn.hyperparameters.gamma": 0.99,
        "agents.ddqn.static.hidden": [8],
    }
    settings = opened(tmp_path).configuration(0, 0.0, own).settings
    assert settings.pop("agents.ddqn.hyperparameters.gamma") == pytest.approx(0.99)
    assert settings.items() <= own.items()


def test_values_and_costs_are_there_for_another_process(tmp_path: Path) -> None:
    there = opened(tmp_path)
    there.configuration(0, 1.0)
    there.report(0, 1, 5.0, COSTS)
    there.report(0, 3, 7.0, {**COSTS, "real_steps": 2.0})
    (one,) = opened(tmp_path).tried().values()
    assert one.values == {1: 5.0, 3: 7.0}
    assert one.costs[3]["real_steps"] == 2.0
    assert not one.ended
    there.end(0, whole=True)
    there.end(0, whole=True)
    assert opened(tmp_path).tried()[0].ended


@pytest.mark.parametrize("lost", [1, 25])
def test_a_last_line_that_was_half_written_is_dropped(tmp_path: Path, lost: int) -> None:
    there = opened(tmp_path)
    there.configuration(0, 1.0)
    there.configuration(1, 1.0)
    path = tmp_path / "journal.log"
    content = path.read_bytes()
    path.write_bytes(content[:-lost])
    repaired = opened(tmp_path)
    assert list(repaired.tried()) == [0]
    repaired.configuration(1, 1.0)
    assert path.read_bytes().startswith(content[: content.rfind(b"\n", 0, -1) + 1])
    assert list(opened(tmp_path).tried()) == [0, 1]


@pytest.mark.parametrize("old", [b'"op_code":', b"cost 3", b"\n"])
def test_a_journal_with_a_flipped_bit_is_set_aside(tmp_path: Path, old: bytes, capsys: Any) -> None:
    filled(tmp_path, 2)
    path = tmp_path / "journal.log"
    content = path.read_bytes()
    path.write_bytes(content.replace(old, bytes([old[0] ^ 1]) + old[1:], 1))
    assert opened(tmp_path).tried() == {}
    assert "set aside as journal.log.damaged" in capsys.readouterr().out
    assert filled(tmp_path, 2).tried()[1].values


def test_only_one_process_has_what_is_claimed(tmp_path: Path) -> None:
    with claimed(tmp_path / "bracket") as first, claimed(tmp_path / "bracket") as second:
        assert (first, second) == (True, False)
    with claimed(tmp_path / "bracket") as third:
        assert third


def test_importance_is_that_of_the_setting_that_decides(tmp_path: Path) -> None:
    found = importances(list(filled(tmp_path, 40).tried().values()), SPACE)
    assert (found["budget"], found["configurations"]) == (3, 40)
    assert max(found["shares"], key=found["shares"].get) == "meta.sigma"
    assert sum(found["shares"].values()) == pytest.approx(1)


def test_of_few_configurations_no_importance_is_said(tmp_path: Path) -> None:
    found = importances(list(filled(tmp_path, 3).tried().values()), SPACE)
    assert set(found["shares"].values()) == {None}
