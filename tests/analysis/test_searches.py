"""Numbers of a search that can be worked out by hand, and a report that says them."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from synthgym.analysis import searches
from synthgym.analysis.figures import searches as figure

SPACE = {
    "meta.sigma": {"log_uniform": [0.01, 1.0]},
    "meta.mirrored": {"choice": [True, False]},
    "agents.ddqn.hyperparameters.gamma": {"one_minus_log_uniform": [0.001, 0.1]},
}
PLAN: dict[str, Any] = {
    "task": {"id": "CartPole-v0", "name": "cartpole_v0"},
    "meta": {"sigma": 0.05, "mirrored": True},
    "agents": {"ddqn": {"hyperparameters": {"gamma": 0.99}}},
    "search": {"space": SPACE, "budget": {"min": 1, "max": 3, "eta": 3}},
    "comparison": {"seeds": [1, 2]},
}
BEST = {
    "meta": {"sigma": 0.1, "mirrored": False},
    "agents": {"ddqn": {"hyperparameters": {"gamma": 0.95}}},
}


def trials() -> pd.DataFrame:
    """Three configurations after one generation, the last of them after three as well."""
    values = [(0, 0, 1, 10.0), (1, 0, 1, 20.0), (2, 0, 1, 30.0), (2, 1, 3, 70.0)]
    return pd.DataFrame(
        {
            "configuration": number,
            "bracket": 0,
            "rung": rung,
            "budget": budget,
            "value": value,
            "state": "whole budget" if rung else "promoted" if number == 2 else "stopped",
            "real_steps": 100.0,
            "synthetic_steps": 1000.0,
            "updates": 500.0,
            "seconds": 2.0,
            "meta.sigma": 0.02 * (number + 1),
            "meta.mirrored": "false" if number else "true",
            "agents.ddqn.hyperparameters.gamma": 0.95,
        }
        for number, rung, budget, value in values
    )


def compared(best: float, default: float, spread: float) -> pd.DataFrame:
    """Two seeds with two agents each, whose returns are so far from each other."""
    return pd.DataFrame(
        {"setting": name, "seed": seed, "agent": "ddqn", "draw": draw, "return_": level + change}
        for name, level in (("best", best), ("default", default))
        for seed, change in ((1, -spread), (2, spread))
        for draw in (0, 1)
    )


def made(path: Path, table: pd.DataFrame, share: float | None = 0.25) -> Path:
    """The report on such a search."""
    place = path / "results/quick/search/cartpole_v0/se"
    (place / "comparison").mkdir(parents=True)
    trials().to_parquet(place / "trials.parquet")
    table.to_parquet(place / "comparison/comparison.parquet")
    (place / "best.json").write_text(json.dumps(BEST))
    importance = {"budget": 1, "configurations": 3, "shares": dict.fromkeys(SPACE, share)}
    (place / "importance.json").write_text(json.dumps(importance))
    inputs = {
        "trials": [place / "trials.parquet"],
        "best": [place / "best.json"],
        "importance": [place / "importance.json"],
        "comparison": [place / "comparison/comparison.parquet"],
    }
    claim = {"says": "better", "measure": "best_less_default", "expect": "better"}
    config = {"scale": "quick", "searches": {"cartpole_v0": {"se": PLAN}}, "claims": [claim]}
    assert searches.run(config, inputs, path, path) == ["summary.json", "table.md", "search.png"]
    return path


def numbers(path: Path) -> dict[str, Any]:
    of: dict[str, Any] = json.loads((path / "summary.json").read_text())["searches"]
    return of["cartpole_v0"]["se"]


def test_what_the_search_found_and_took(tmp_path: Path) -> None:
    of = numbers(made(tmp_path, compared(60.0, 20.0, 5.0)))
    assert (of["configurations"], of["whole_budget"], of["value"]) == (3, 1, 70.0)
    assert of["rungs"] == [
        {"generations": 1, "configurations": 3, "median": 20.0, "best": 30.0},
        {"generations": 3, "configurations": 1, "median": 70.0, "best": 70.0},
    ]
    assert of["cost"] == {
        "real_steps": 400,
        "synthetic_steps": 4000,
        "updates": 2000,
        "seconds": 8,
    }
    gamma = of["settings"]["agents.ddqn.hyperparameters.gamma"]
    assert gamma == {"best": 0.95, "default": 0.99, "published": 0.988, "importance": 0.25}
    assert of["settings"]["meta.mirrored"]["best"] is False


@pytest.mark.parametrize(
    ("table", "difference", "verdict", "words"),
    [
        # best: 55 and 65, default: 15 and 25; the extremes of a resample: 55 - 25 and 65 - 15
        (compared(60.0, 20.0, 5.0), (40, 30, 50), "holds", "beats the default"),
        (compared(20.0, 60.0, 5.0), (-40, -50, -30), "does not hold", "does not beat"),
        (compared(60.0, 50.0, 10.0), (10, -10, 30), "undecided", "cannot be told apart"),
    ],
)
def test_the_verdict_is_that_of_the_interval(
    tmp_path: Path, table: pd.DataFrame, difference: tuple[int, ...], verdict: str, words: str
) -> None:
    path = made(tmp_path, table)
    of = numbers(path)["compared"]
    (claim,) = json.loads((path / "summary.json").read_text())["claims"]
    assert (claim["task"], claim["search"], claim["verdict"]) == ("cartpole_v0", "se", verdict)
    assert tuple(of["difference"][key] for key in ("value", "low", "high")) == difference
    assert (of["verdict"], of["seeds"], of["agents"]) == (verdict, 2, 4)
    text = (path / "table.md").read_text()
    assert words in text
    assert "| `meta.sigma` " in text


def test_where_the_plans_own_settings_are_the_best_there_is_nothing_to_compare() -> None:
    own = {"meta": PLAN["meta"], "agents": PLAN["agents"]}
    shares: dict[str, Any] = dict.fromkeys(SPACE)
    importance = {"budget": 1, "configurations": 3, "shares": shares}
    of = {"trials": trials(), "best": own, "importance": importance}
    found = searches.summarise(PLAN, {**of, "comparison": compared(60.0, 60.0, 5.0)})
    assert found["same"]
    sentence = searches.sentence(found, PLAN)
    assert "none of 3 configurations did better" in sentence
    assert "60.0 [55.0, 65.0]" in sentence


def test_an_interval_resamples_seeds(tmp_path: Path) -> None:
    best = numbers(made(tmp_path, compared(60.0, 20.0, 5.0)))["compared"]["best"]
    assert best == {"value": 60, "low": 55, "high": 65}


def test_the_figure_is_drawn_with_and_without_importance(tmp_path: Path) -> None:
    for share in (0.25, None):
        path = tmp_path / str(share)
        path.mkdir()
        with Image.open(made(path, compared(60.0, 20.0, 5.0), share) / "search.png") as image:
            assert image.width == 1080


@pytest.mark.parametrize(
    ("how", "value", "height"),
    [
        ({"log_uniform": [0.01, 1.0]}, 0.1, 0.5),
        ({"uniform": [0.0, 4.0]}, 1.0, 0.25),
        ({"int": [2, 4]}, 3, 0.5),
        ({"one_minus_log_uniform": [0.001, 0.1]}, 0.99, 0.5),
        ({"one_minus_log_uniform": [0.001, 0.1]}, 0.999, 1.0),
        ({"choice": [True, False, "x"]}, "false", 0.5),
        ({"choice": [[8], [8, 8]]}, "[8, 8]", 1.0),
    ],
)
def test_axes_go_from_the_lower_to_the_upper_end(how: Any, value: Any, height: float) -> None:
    assert figure._height(value, how) == pytest.approx(height)
