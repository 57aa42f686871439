"""Choices are compared with their intervals; the smallest table that solves is the smallest."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from synthgym.analysis import choices

CARTPOLE = {"id": "CartPole-v1", "solved": 475.0}
LEVELS = {
    "noise": {"0.0": 300.0, "2.0": 490.0, "10.0": 400.0},
    "exploration": {"0.2": 480.0},
    "reward": {"agreement": 500.0, "action_preference": 499.0},
    "initial_states": {"4": 480.0, "16": 90.0, "256": 500.0, "network": 495.0},
    "teacher": {"0.1": 20.0, "1.0": 500.0},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two teachers, four agents each, all at the level of their choice."""
    out = tmp_path_factory.mktemp("choices")
    paths = []
    for seed in (0, 1):
        rows = [
            {"task": "cartpole", "environment_seed": seed, "choice": choice, "value": value}
            | {"teacher_return": 400.0 + 100 * seed, "agent": "ppo", "draw": draw}
            | {"return_": level + draw}
            for choice, values in LEVELS.items()
            for value, level in values.items()
            for draw in range(4)
        ]
        place = out / f"results/quick/choices/cartpole/distilled/ppo/seed{seed}"
        place.mkdir(parents=True)
        paths.append(place / "choices.parquet")
        pd.DataFrame(rows).to_parquet(paths[-1])
    config = {"scale": "quick", "choice_tasks": {"cartpole": CARTPOLE}}
    names = choices.run(config, {"choices": paths}, out, out)
    assert names == ["summary.json", "table.md", "choices.png"]
    return out


def test_numbers_are_those_of_the_agents(made: Path) -> None:
    numbers = json.loads((made / "summary.json").read_text())
    cell = numbers["choices"]["cartpole"]["ppo"]["noise"]["2.0"]
    assert (cell["iqm"], cell["n"], cell["teacher"]) == (491.5, 8, 450.0)
    assert 490 <= cell["low"] < cell["iqm"] < cell["high"] <= 493


def test_the_smallest_table_is_by_number_and_a_network_is_no_table(made: Path) -> None:
    numbers = json.loads((made / "summary.json").read_text())
    assert numbers["fewest"] == {"cartpole": {"ppo": {"smallest": 4, "and_all_larger": 256}}}
    table = (made / "table.md").read_text()
    assert "in which ppo reaches 475: 4; such that it does in all larger ones too: 256." in table


def test_values_are_in_order(made: Path) -> None:
    lines = [" ".join(x.split()) for x in (made / "table.md").read_text().splitlines()]
    noise = [line.split(" | ")[1] for line in lines if line.startswith("| context noise")]
    assert noise == ["0.0", "2.0", "10.0"]


def test_the_figure_shows_something_everywhere(made: Path) -> None:
    with Image.open(made / "choices.png") as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.shape[1] == 1080
    for panel in np.array_split(pixels[:, 100:], 5, axis=1):
        assert (panel < 128).sum() > 200
