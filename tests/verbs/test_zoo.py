"""What `synthgym zoo` shows, and with which status it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from synthgym import zoo
from synthgym.__main__ import main
from synthgym.zoo import folders

NAME = "Synthetic-CartPole-v1"


def test_list_has_a_row_for_each_environment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in zoo.names():
        first = next(i for i, line in enumerate(lines) if line.startswith(f"{name} "))
        for offset, variant in enumerate(zoo.variants(name)):
            assert variant in lines[first + offset].split()
            for agent, numbers in zoo.card(name, variant)["transfer"].items():
                mark = " †" if numbers["unseen"] else ""
                assert f"{agent} {numbers['iqm']:.1f}{mark}" in lines[first + offset]


def test_show_has_the_numbers_of_the_card(capsys: pytest.CaptureFixture[str]) -> None:
    variant = zoo.variants(NAME)[1]
    card = zoo.card(NAME, variant)
    assert main(["zoo", "show", NAME, "--variant", variant]) == 0
    shown = capsys.readouterr().out
    for numbers in card["transfer"].values():
        interval = f"[{numbers['low']:.1f}, {numbers['high']:.1f}], n = {numbers['n']}"
        assert f"{numbers['iqm']:.1f} {interval}" in shown
        low, high = numbers["ranges"]["learning_rate"]
        assert f"learning_rate {low:g} to {high:g}" in shown
    for text in (card["sha256"], card["command"], card["licence"], *card["limits"]):
        assert text in shown
    assert main(["zoo", "show", NAME, "--variant", variant, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == card


def test_a_name_that_is_not_there_is_said_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["zoo", "show", "Synthetic-CartPol-v1"]) == 2
    assert "do you mean Synthetic-CartPole-v1?" in capsys.readouterr().err


def test_collect_writes_the_zoo_of_a_scale(
    results: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("params.yaml").write_text((Path(__file__).parents[2] / "params.yaml").read_text())
    assert main(["zoo", "collect", "--scale", "smoke"]) == 0
    assert capsys.readouterr().out.startswith("zoo: 5 environments of scale smoke")
    monkeypatch.setattr(folders, "CHECKOUT", Path("zoo").absolute())
    assert zoo.names() == ["Synthetic-Acrobot-v1", "Synthetic-CartPole-v1"]
    assert zoo.load("Synthetic-CartPole-v1").spec.observation_size == 4
