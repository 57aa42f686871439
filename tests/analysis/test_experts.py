"""The table of experts says what the tables of their jobs say, and no more."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from synthgym.analysis import experts, style
from synthgym.analysis.figures.experts import learning_curves
from synthgym.core.io import read_json

TASKS: dict[str, Any] = {
    "cartpole": {
        "id": "CartPole-v1",
        "solved": 475.0,
        "reference": {"random": 22.3, "expert": None},
        "published": {"ppo": {"real": None, "synthetic": 500.0}},
    },
    "walker2d": {
        "id": "walker2d",
        "solved": None,
        "reference": {"random": -3.1, "expert": None},
        "published": {},
    },
}
LEVELS = {("cartpole", "ppo"): 480.0, ("cartpole", "dqn"): 300.0, ("walker2d", "ppo"): 900.0}


def rows(task: str, agent: str, level: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Eight agents: two evaluations each, the second at level - 8, .. level + 6."""
    draws, place = np.arange(8), {"task": task, "environment": "real", "environment_seed": -1}
    ends = level + 2.0 * (draws - 4)
    curves = pd.DataFrame(
        {
            **place,
            "agent": agent,
            "draw": np.repeat(draws, 2),
            "step": np.tile([500, 1000], 8),
            "episode": np.tile([5, 10], 8),
            "return_": np.stack([ends / 2, ends], 1).reshape(-1),
        }
    )
    episodes = pd.DataFrame(
        {
            **place,
            "agent": agent,
            "draw": np.repeat(draws, 3),
            "episode": np.tile([0, 1, 2], 8),
            "return_": np.repeat(ends, 3),
            "length": 7,
        }
    )
    return curves, episodes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    out = tmp_path_factory.mktemp("experts")
    inputs: dict[str, list[Path]] = {"curves": [], "episodes": []}
    for (task, agent), level in LEVELS.items():
        for name, table in zip(inputs, rows(task, agent, level), strict=True):
            path = out / f"{task}-{agent}-{name}.parquet"
            table.to_parquet(path)
            inputs[name].append(path)
    config = {"scale": "smoke", "expert_tasks": TASKS}
    return out, experts.run(config, inputs, out, out)


def test_numbers_are_those_of_the_finished_agents(made: Any) -> None:
    out, names = made
    assert names == ["summary.json", "table.md", "learning_curves.png"]
    cell = read_json(out / "summary.json")["experts"]["cartpole"]["ppo"]
    # 472, 474, .. 486 without the two lowest and the two highest: the mean of 476 .. 482.
    assert (cell["iqm"], cell["n"], cell["steps"], cell["episodes"]) == (479.0, 8, 1000, 10.0)
    assert cell["low"] < 479.0 < cell["high"]
    assert cell["test_episodes"] == 3
    assert cell["published"] == {"real": None, "synthetic": 500.0}


def test_the_table_shows_what_is_published_solved_and_best(made: Any) -> None:
    lines = (made[0] / "table.md").read_text().splitlines()
    cells = {
        tuple(cell.strip() for cell in line.split("|")[1:3]): line.split("|")[1:-1]
        for line in lines
        if line.startswith("|")
    }
    ppo = [cell.strip() for cell in cells["CartPole-v1", "ppo *best*"]]
    assert ppo[2] == "1,000"
    assert ppo[3].startswith("**479.0** [")
    assert ppo[4:] == ["8", "", "500", "475", "22.3"]
    assert "**" not in cells["CartPole-v1", "dqn"][3]
    assert [cell.strip() for cell in cells["walker2d", "ppo *best*"]][5:8] == ["", "", ""]


def test_the_figure_has_a_panel_for_each_task(made: Any) -> None:
    curves = pd.concat([rows(*key, level)[0] for key, level in LEVELS.items()])
    with style.applied():
        figure = learning_curves(curves, TASKS, "smoke")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["CartPole-v1", "walker2d"]
    cartpole, walker = figure.axes
    drawn = {tuple(np.round(np.asarray(line.get_ydata(), float), 3)) for line in cartpole.lines}
    assert {(239.5, 479.0), (149.5, 299.0), (475.0, 475.0), (22.3, 22.3)} == drawn
    assert len(walker.lines) == 2  # an agent and random actions; there is no level
    with Image.open(made[0] / "learning_curves.png") as image:
        assert image.width == 1080


def test_a_task_without_a_table_is_a_mistake() -> None:
    curves, episodes = rows("cartpole", "ppo", 480.0)
    with pytest.raises(ValueError, match="walker2d is among the experts of the plan, but has no"):
        experts.summarise("smoke", TASKS, curves, episodes)
