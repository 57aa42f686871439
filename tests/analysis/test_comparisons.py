"""Comparisons by numbers that can be worked out by hand; intervals by environment; verdicts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from synthgym.analysis import comparisons, style
from synthgym.analysis.core.tables import bandit_tables
from synthgym.analysis.figures import along
from synthgym.analysis.figures import comparisons as figures
from synthgym.core import checkpoint

TASK = {
    "name": "cartpole",
    "id": "CartPole-v1",
    "solved": 475.0,
    "reference": {"random": 20.0, "expert": 500.0},
}
SECTION: dict[str, Any] = {
    "about": "Bandit or MDP",
    "task": TASK,
    "made": ["bandit", "mdp"],
    "arms": ["bandit", "mdp", "distilled"],
    "agents": {"bandit": ["dqn"], "mdp": ["dqn"], "distilled": []},
    "trials": {
        "dqn": {
            "agent": "dqn",
            "arms": ["bandit", "mdp", "distilled"],
            "steps": {"bandit": 500, "mdp": 300, "distilled": 500},
            "real_steps": 800,
        },
        "wide": {"agent": "ppo", "arms": ["bandit"], "steps": {"bandit": 500}, "real_steps": 800},
        "ranking": {
            "agent": "ppo",
            "arms": ["bandit"],
            "steps": {"bandit": 500},
            "real_steps": 800,
            "repeats": 2,
        },
    },
    "claims": [
        {
            "says": "As good",
            "of": ["bandit"],
            "over": ["mdp"],
            "trials": ["dqn"],
            "expect": "equal",
        },
        {
            "says": "Better than real",
            "of": ["bandit"],
            "over": ["real"],
            "trials": ["dqn", "wide"],
            "expect": "better",
        },
        {
            "says": "Most have one step",
            "measure": "one_step_episodes",
            "of": ["bandit", "mdp"],
            "expect": "more_than",
            "value": 0.8,
        },
        {
            "says": "Settings are ordered alike",
            "measure": "rank_correlation",
            "of": ["bandit"],
            "trials": ["ranking"],
            "expect": "more_than",
            "value": 0.5,
        },
    ],
}
ENDS = {  # (arm, trial) -> environment -> returns of its agents
    ("bandit", "dqn"): {0: [400.0, 420.0], 1: [440.0, 460.0]},
    ("mdp", "dqn"): {0: [410.0, 430.0], 1: [420.0, 440.0]},
    ("distilled", "dqn"): {3: [500.0, 500.0]},
    ("bandit", "wide"): {0: [300.0, 300.0], 1: [300.0, 300.0]},
    ("bandit", "ranking"): {s: [100.0, 110.0, 200.0, 210.0, 300.0, 310.0] for s in (0, 1)},
    ("real", "ranking"): {-1: [10.0, 12.0, 20.0, 22.0, 30.0, 32.0]},
    ("real", "dqn"): {-1: [50.0, 70.0]},
    ("real", "wide"): {-1: [90.0, 90.0]},
}


def save(table: pd.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(path)
    return path


def curves(ends: dict[int, list[float]]) -> pd.DataFrame:
    """Two tests each, of which the last counts."""
    return pd.DataFrame(
        {
            "environment_seed": seed,
            "draw": draw,
            "step": step,
            "return_": value,
            "hp_learning_rate": 0.1 * (draw // 2),
        }
        for seed, returns in ends.items()
        for draw, end in enumerate(returns)
        for step, value in ((300, end), (100, -1000.0))
    )


def progress(one_step: list[int] | None) -> pd.DataFrame:
    """Ten generations of 100 real steps each; of 200 episodes in each, so many of one step."""
    table = pd.DataFrame({"generation": range(1, 11), "real_steps": 100, "synthetic_steps": 400})
    table = table.assign(seconds=2.0, updates=7, stage="metatrain", agent="dqn")
    if one_step is None:
        return table
    return table.assign(synthetic_episodes=200, one_step_episodes=one_step)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of SECTION."""
    root = tmp_path_factory.mktemp("comparisons")
    base = root / "results/smoke/comparisons/lengths"
    inputs: dict[str, list[Path]] = {"curves": [], "real_curves": [], "progress": []}
    for (arm, trial), ends in ENDS.items():
        kind, below = ("real_curves", "real") if arm == "real" else ("curves", f"{arm}/transfer")
        inputs[kind].append(save(curves(ends), base / below / trial / "curves.parquet"))
    of_mdp = [20] * 5 + [180] * 5
    for arm, seed, shares in (
        ("bandit", 0, None),
        ("bandit", 1, None),
        ("mdp", 0, of_mdp),
        ("mdp", 1, of_mdp),
    ):
        path = base / arm / f"seed{seed}/metatrain/progress.parquet"
        inputs["progress"].append(save(progress(shares), path))
    evaluations = pd.DataFrame({"generation": [0, 10] * 2, "return_": [9.0, 400.0, 9.0, 500.0]})
    inputs["evaluations"] = [
        save(evaluations, base / arm / f"seed{seed}/metatrain/evaluations.parquet")
        for arm in ("bandit", "mdp")
        for seed in (0, 1)
    ]
    path = root / "results/smoke/tasks/cartpole/distilled/seed3/distil/progress.parquet"
    inputs["plan_progress"] = [save(progress(None).iloc[:1], path)]
    out = root / "out"
    out.mkdir()
    config = {"scale": "smoke", "comparisons": {"lengths": SECTION}}
    names = comparisons.run(config, inputs, out, root)
    assert names == ["summary.json", "table.md", "comparison_claims.png", "comparison_lengths.png"]
    return out


@pytest.fixture(scope="module")
def numbers(written: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((written / "summary.json").read_text())
    found: dict[str, Any] = summary["comparisons"]["lengths"]
    return found | {"claims": summary["claims"]}


def test_returns_are_interquartile_means_of_the_last_test(numbers: dict[str, Any]) -> None:
    bandit = numbers["returns"]["dqn"]["bandit"]
    assert bandit["value"] == 430.0  # the middle half of 400, 420, 440, 460
    assert (bandit["environments"], bandit["agents"], bandit["steps"]) == (2, 4, 500)
    assert bandit["low"] == 400.0  # both times the worse agent of the worse environment
    assert bandit["high"] == 460.0
    assert numbers["returns"]["wide"].keys() == {"real", "bandit"}
    assert numbers["returns"]["dqn"]["real"]["environments"] == 0


def test_an_agent_that_diverged_is_as_bad_as_the_worst() -> None:
    rows = curves({0: [5.0, 3.0, float("nan")]}).assign(arm="a", trial="b")
    cells, diverged = comparisons.cells_of(rows[rows["step"] == 300])
    np.testing.assert_array_equal(cells["a", "b"], [[5.0, 3.0, 3.0]])
    assert diverged == 1


def test_environments_are_drawn_once_for_all_trials_of_an_arm() -> None:
    # In each trial one environment is good and the other bad, in turn: the sum never changes.
    cells = {
        ("arm", "a"): [np.zeros(3), np.ones(3)],
        ("arm", "b"): [np.ones(3), np.zeros(3)],
        ("other", "a"): [np.zeros(3), np.ones(3)],
    }
    found = comparisons.resampled(cells)
    np.testing.assert_allclose(found["arm", "a"] + found["arm", "b"], 1.0)
    assert np.std(found["arm", "a"] + found["other", "a"]) > 0.1


def test_costs_are_of_one_environment(numbers: dict[str, Any]) -> None:
    bandit, distilled = (numbers["making"][arm] for arm in ("bandit", "distilled"))
    assert (bandit["real_steps"], bandit["seconds"], bandit["environments"]) == (1000, 20.0, 2)
    assert (distilled["real_steps"], distilled["environments"]) == (100, 1)
    assert "one_step_last" not in bandit


def test_episodes_of_one_step_emerge(numbers: dict[str, Any]) -> None:
    mdp = numbers["making"]["mdp"]
    assert (mdp["one_step_first"], mdp["one_step_last"]) == ([0.1, 0.1], [0.9, 0.9])
    assert mdp["length_last"] == [2.0, 2.0]
    claim = numbers["claims"][-2]
    assert (claim["verdict"], claim["here"]) == ("holds", "90% [90%, 90%] from 2 environments")


def test_settings_are_ranked_where_several_agents_have_them(numbers: dict[str, Any]) -> None:
    assert numbers["ranking"].keys() == {"ranking"}
    found = numbers["ranking"]["ranking"]["bandit"]
    assert (found["settings"], found["environments"]) == (3, 2)
    assert found["kendall"]["value"] == pytest.approx(1)
    assert numbers["claims"][-1]["here"].startswith("bandit, ranking: +1.00 [")


def test_claims_have_a_difference_and_a_verdict(numbers: dict[str, Any]) -> None:
    equal, better, *_ = numbers["claims"]
    assert equal["estimates"][0]["value"] == 5.0  # 430 less 425
    assert equal["here"].startswith("+5.0 [")
    assert "(+1% [" in equal["here"]  # 5 of 480
    assert equal["here"].endswith("from 2 environments")
    assert equal["verdict"] == "holds"  # from 400 - 440 to 460 - 410, within a tenth of 480
    assert better["estimates"][0]["value"] == (430 - 60 + 300 - 90) / 2
    assert better["verdict"] == "holds"


def test_the_table_says_who_was_unseen(written: Path) -> None:
    table = (written / "table.md").read_text()
    (bandit,) = (
        line for line in table.splitlines() if line.startswith("| `bandit`") and "†" in line
    )
    assert "430.0 [400.0, 460.0], 500 steps" in bandit
    assert "300.0 [300.0, 300.0] †, 500 steps" in bandit
    assert "10%, then 90% (mean length 2.0 steps)" in table


def test_the_figure_is_drawn(written: Path) -> None:
    with Image.open(written / "comparison_lengths.png") as image:
        colours = np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(colours) > 20


def cell(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 1, "high": value + 1}


def test_returns_of_arms_are_drawn_over_their_numbers() -> None:
    arms = ["graded_16", "graded_2", "distilled_2", "distilled_4"]
    section = {"along": {"arms": "contexts"}, "arms": arms, "about": "", "task": TASK}
    of_dqn = {arm: cell(i) for i, arm in enumerate(["real", *arms])}
    shown = along.panels(section, {"dqn": of_dqn, "ppo": {"real": cell(9), "graded_2": cell(8)}})
    lines = {line: {n: e["value"] for n, e in at.items()} for line, at in shown["dqn"].items()}
    assert lines == {
        "real": {2: 0, 16: 0},
        "graded": {2: 2, 16: 1},
        "distilled": {2: 3, 4: 4},
    }
    assert list(shown["dqn"]["graded"]) == [2, 16]
    assert shown["ppo"]["graded"] == {2: cell(8)}
    made = {arm: arm.partition("_")[0] for arm in arms}
    with style.applied():
        axes, *none = along.figure(section, {"returns": {"dqn": of_dqn}}, made, {}, "quick").axes
    assert not none
    assert sorted(len(np.asarray(line.get_xdata())) for line in axes.lines) == [2, 2, 2, 2]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "4", "16"]


def test_the_smallest_bandits_that_are_enough_for_any_and_for_all_are_drawn(
    tmp_path: Path,
) -> None:
    arms = ["graded_4", "graded_2", "distilled_2"]
    task = {**TASK, "observation_names": ["a", "b", "c"], "action": {"kind": "discrete"}}
    section = {"along": {"arms": "contexts"}, "arms": arms, "about": "", "task": task}
    ends = {"graded_2": 475.0, "graded_4": 500.0, "distilled_2": 490.0, "real": 9.0}
    dqn, ppo = ({arm: cell(value) for arm, value in ends.items()} for _ in range(2))
    both = ["dqn", "ppo"]
    found = along.smallest(section, {"dqn": dqn, "ppo": ppo})
    assert found == {"graded_2": both, "distilled_2": both}
    returns = {"dqn": dqn, "ppo": ppo | {"graded_2": cell(474.0), "distilled_2": cell(0.0)}}
    found = along.smallest(section, returns)
    assert found == {"graded_2": ["dqn"], "graded_4": both, "distilled_2": ["dqn"]}
    assert along.smallest({**section, "task": {**task, "solved": None}}, returns) == {}
    seen, worth = np.arange(12.0).reshape(4, 3), np.array([[0, 1], [1, 0], [0, 1], [1, 0.5]])
    paths = []
    for seed in (1, 0):
        place = tmp_path / f"results/quick/comparisons/contexts/graded_4/seed{seed}/grade"
        place.mkdir(parents=True)
        paths.append(place / "environment.safetensors")
        theta = {"initial_state": {"table": seen + seed}, "reward": {"table": worth}}
        checkpoint.save(paths[-1], theta, {})
    tables = bandit_tables(paths)
    assert (tables["contexts"]["graded_4"][0] == seen).all()  # of the first seed
    made = {arm: arm.partition("_")[0] for arm in arms}
    with style.applied():
        figure = along.figure(section, {"returns": returns}, made, tables["contexts"], "quick")
    contexts, rewards = figure.axes[-2:]  # of the others there is no table
    assert contexts.get_title(loc="left").endswith("Enough for dqn, ppo")
    shown = [text.get_text() for text in contexts.texts]
    assert shown == [f"{x:.2f}" for x in (3, 4, 5, 9, 10, 11, 0, 1, 2, 6, 7, 8)]
    assert [text.get_text() for text in rewards.texts][:2] == ["1.00", "0.00"]


def test_returns_of_trials_are_drawn_over_their_numbers() -> None:
    section = {"along": {"trials": "steps"}, "arms": ["distilled", "graded"]}
    returns = {
        f"{agent}_{steps}": {"real": cell(0), "distilled": cell(steps), "graded": cell(1)}
        for agent in ("dqn", "ppo")
        for steps in (500, 200)
    }
    shown = along.panels(section, returns)
    assert list(shown) == ["dqn", "ppo"]
    assert list(shown["ppo"]) == ["real", "distilled", "graded"]
    assert {n: e["value"] for n, e in shown["ppo"]["distilled"].items()} == {200: 200, 500: 500}


def test_arms_that_are_made_for_one_trial_each_are_one_line() -> None:
    section = {"along": {"trials": "length"}, "arms": ["family", "own_35", "own_140"]}
    returns = {
        "dqn_140": {"real": cell(1), "family": cell(2), "own_140": cell(3)},
        "dqn_35": {"real": cell(4), "family": cell(5), "own_35": cell(6)},
        "dqn_50": {"real": cell(7), "family": cell(8)},
    }
    lines = along.panels(section, returns)["dqn"]
    assert {name: {n: e["value"] for n, e in at.items()} for name, at in lines.items()} == {
        "real": {35: 4, 50: 7, 140: 1},
        "family": {35: 5, 50: 8, 140: 2},
        "own": {35: 6, 140: 3},
    }


def test_claims_are_drawn_as_shares_in_the_colour_of_their_verdict() -> None:
    task = {"reference": {"random": 0.0, "expert": 200.0}}
    planned = [{"says": "Better"}, {"says": "Short", "measure": "one_step_episodes"}]
    claim = {"comparison": "`one`", "verdict": "holds"}
    better = {**claim, "claim": "Better", "estimates": [{"value": 50.0, "low": 20.0, "high": 80.0}]}
    short = {**claim, "claim": "Short", "estimates": [{"value": 0.9, "low": 0.8, "high": 1.0}]}
    comparisons = {"one": {"task": task, "claims": planned}}
    with style.applied():
        figure = figures.comparison_claims(comparisons, {"claims": [better, short]}, "quick")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one: Better"]
    (point,) = (line for line in axes.lines if line.get_marker() == "o")
    assert np.asarray(point.get_xdata()).tolist() == [0.25]
    assert point.get_color() == figures.VERDICTS["holds"]
