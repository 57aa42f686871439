"""Reward networks are compared by numbers that can be worked out by hand; intervals by network."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from synthgym.analysis import published, rewards
from synthgym.analysis.core.estimate import NEVER, estimate
from synthgym.analysis.core.statistics import nested
from synthgym.analysis.figures import rewards as figures
from synthgym.analysis.learning import Line
from synthgym.analysis.page import text

STEPS = np.arange(50, 5001, 50)
CLIFF: dict[str, Any] = {
    "id": "Cliff",
    "solved": -20.0,
    "networks": ["additive_potential", "exclusive_potential"],
    "evolved_with": "q_learning",
    "baselines": ["plain"],
    "agents": {"fixed": "q_learning", "unseen": "sarsa"},
    "repeat": {"fixed": 1, "unseen": 1},
    "repeat_evolved": 2,
    "claims": [
        {
            "says": f"{line} is soon at -12",
            "measure": "steps_to_level",
            "of": [line],
            "trials": ["fixed"],
            **expected,
        }
        for line, expected in (
            ("additive_potential", {"expect": "at_most", "value": 300}),
            ("additive_non_potential", {"expect": "at_most", "value": 300}),  # not planned
            ("plain", {"expect": "between", "value": [1072.5, 1787.5]}),
            ("exclusive_potential", {"expect": "never"}),
        )
    ]
    + [
        {
            "says": "faster than plain",
            "measure": "area",
            "of": ["additive_potential", "exclusive_potential"],
            "over": ["plain"],
            "trials": ["fixed"],
            "expect": "better",
        },
        {
            "says": "ends below plain",
            "of": ["additive_potential", "exclusive_potential"],
            "over": ["plain"],
            "trials": ["unseen"],
            "expect": "worse",
        },
        {
            "says": "one is at -15 after 1,000 steps",
            "of": ["additive_potential", "exclusive_potential"],
            "each": "any",
            "trials": ["fixed"],
            "step": 1000,
            "expect": "at_least",
            "value": -15,
        },
        {
            "says": "faster than tuned",
            "measure": "area",
            "of": ["additive_potential"],
            "over": ["plain_tuned"],
            "trials": ["fixed"],
            "expect": "better",
        },
    ],
    "tuned": {
        "found/fixed": {"agent": "q_learning", "steps": 900, "default": {"gamma": 0.8}},
    },
}
# The first step at which agents of a line are at -12; before, they are at -50.
REACHES: dict[str, list[tuple[int | None, ...]]] = {
    "additive_potential": [(200, 200), (200, 300)],  # two networks, two agents each
    "exclusive_potential": [(100, None), (None, None)],
    "plain": [(1400, 1400, 1450, 1450)],
}


def curves(line: str, seed: int, reaches: tuple[int | None, ...]) -> pd.DataFrame:
    """Returns of agents that get to -12 at a step, or never."""
    parts = []
    for draw, at in enumerate(reaches):
        returns = np.where((at or np.inf) <= STEPS, -12.0, -50.0)
        columns = {"draw": draw, "step": STEPS, "episode": STEPS // 10, "return_": returns}
        parts.append(pd.DataFrame(columns))
    table = pd.concat(parts, ignore_index=True)
    about = {"task": "cliff", "environment": line, "environment_seed": seed}
    return table.assign(**about, agent="q_learning")


def save(table: pd.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(path)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("rewards")
    place = root / "results/quick/rewards/cliff"
    inputs: dict[str, list[Path]] = {"networks": [], "without": [], "progress": [], "maps": []}
    for experiment in CLIFF["agents"]:
        for line, reaches in REACHES.items():
            of_networks = line != "plain"
            parts = [
                curves(line, seed if of_networks else -1, agents)
                for seed, agents in enumerate(reaches)
            ]
            below = f"{line}/transfer/{experiment}" if of_networks else f"real/{line}/{experiment}"
            kind = "networks" if of_networks else "without"
            table = pd.concat(parts, ignore_index=True)
            inputs[kind].append(save(table, place / below / "curves.parquet"))
    for line in ("additive_potential", "exclusive_potential"):
        for seed in (0, 1):
            progress = pd.DataFrame({"seconds": [2.0, 4.0 + 2 * seed], "real_steps": [10, 20]})
            path = place / line / f"seed{seed}/metatrain/progress.parquet"
            inputs["progress"].append(save(progress, path))
        cells = pd.MultiIndex.from_product([[0, 1], range(48), range(4)])
        table = pd.DataFrame(list(cells), columns=["network_seed", "state", "action"])
        table = table.assign(task="cliff", network=line, reward=np.sin(table["state"]) - 0.2)
        inputs["maps"].append(save(table, place / line / "map/rewards.parquet"))
    trials = pd.DataFrame({"configuration": [0, 1, 2, 1], "budget": [300, 300, 300, 900]})
    trials = trials.assign(value=[-40.0, -30.0, -35.0, -20.0], real_steps=[30, 30, 30, 90])
    inputs["tried"] = [save(trials, place / "tuned/found/fixed/trials.parquet")]
    inputs["best"] = [place / "tuned/found/fixed/best.json"]
    sections = {"agents": {"q_learning": {"hyperparameters": {"gamma": 0.95}}}}
    inputs["best"][0].write_text(json.dumps(sections))
    config = {"scale": "quick", "reward_tasks": {"cliff": CLIFF}}
    names = rewards.run(config, inputs, root, root)
    assert names == ["summary.json", "table.md", "reward_curves.png", "reward_map.png"]
    return root


@pytest.fixture(scope="module")
def numbers(made: Path) -> Any:
    return json.loads((made / "summary.json").read_text())


def test_means_and_steps_are_those_worked_out(numbers: Any) -> None:
    lines = numbers["tasks"]["cliff"]["fixed"]
    network = lines["additive_potential"]
    assert (network["networks"], network["agents"]) == (2, 4)
    # At 250 three of four agents are at -12: (3 x -12 - 50) / 4. At 300 all are.
    assert network["at"]["250"]["value"] == -21.5
    assert network["mean_reaches"]["value"] == 300
    assert network["median_reaches"]["value"] == 200
    assert network["final"]["value"] == -12
    # 100 tests; before -12 there are 3, 3, 3 and 5 of them.
    area = -(3 * (3 * 50 + 97 * 12) + (5 * 50 + 95 * 12)) / 400
    assert network["area"]["value"] == pytest.approx(area)
    assert lines["plain"]["mean_reaches"]["value"] == 1450
    assert lines["exclusive_potential"]["mean_reaches"]["value"] is None
    assert lines["exclusive_potential"]["reached"] == 0.25
    assert lines["exclusive_potential"]["minus_plain"]["value"] == pytest.approx(-28.5)


def test_steps_are_those_of_the_task(numbers: Any) -> None:
    """Of an action that is several of them, as in the making of these networks, all count."""
    assert numbers["cost"]["cliff"]["additive_potential"]["real_steps"] == 2 * (10 + 20)
    repeated = {"cliff": {**CLIFF, "repeat": {"fixed": 5, "unseen": 1}}}
    table = curves("plain", -1, (100,)).assign(experiment="fixed")
    assert rewards.in_steps(table, repeated)["step"].tolist() == (5 * STEPS).tolist()
    other = table.assign(experiment="unseen")
    assert rewards.in_steps(other, repeated)["step"].tolist() == STEPS.tolist()


def test_what_a_search_found_is_told_beside_the_plan(made: Path, numbers: Any) -> None:
    found = numbers["tuned"]["cliff"]["found/fixed"]
    assert (found["found"], found["default"]) == ({"gamma": 0.95}, {"gamma": 0.8})
    assert (found["value"], found["configurations"], found["real_steps"]) == (-20.0, 3, 180)
    table = " ".join((made / "table.md").read_text().split())
    assert "| found | q_learning | gamma 0.95 (0.8) | -20.0 | 3 | 900 | 180 |" in table


def test_intervals_resample_networks(numbers: Any) -> None:
    """The second network is always slower in one agent, the first never: 200 to 300 steps."""
    e = numbers["tasks"]["cliff"]["fixed"]["additive_potential"]["mean_reaches"]
    assert (e["low"], e["high"]) == (200, 300)


def test_resamples_keep_agents_with_their_network() -> None:
    chosen = nested([3, 3], resamples=500)
    assert chosen.shape == (500, 6)
    networks = chosen // 3
    assert (networks[:, :3] == networks[:, :1]).all()  # three agents of one network each time
    assert (networks[:, 3:] == networks[:, 3:4]).all()
    assert set(networks.ravel()) == {0, 1}
    assert len({tuple(sorted(row)) for row in networks[:, [0, 3]]}) == 3  # 00, 01, 11
    with pytest.raises(ValueError, match="equally many"):
        nested([3, 2])


def test_never_is_no_number() -> None:
    e = estimate(NEVER, np.array([100.0, NEVER, NEVER]))
    assert e == {"value": None, "low": 100.0, "high": None}


def test_claims_say_what_holds(numbers: Any) -> None:
    """What the plan does not have, another kind of network and a tuned agent, is left out."""
    verdicts = {claim["claim"]: claim["verdict"] for claim in numbers["claims"]}
    assert verdicts == {
        "additive_potential is soon at -12": "holds",
        "plain is soon at -12": "holds",
        "exclusive_potential is soon at -12": "holds",
        "faster than plain": "undecided",  # of the exclusive one it is not known
        "ends below plain": "does not hold",  # the additive one ends where it does
        "one is at -15 after 1,000 steps": "holds",
    }
    here = {claim["claim"]: claim["here"] for claim in numbers["claims"]}
    assert here["plain is soon at -12"].startswith("plain: 1,450 [")
    assert here["faster than plain"].startswith("1 of 2: additive_potential: +")


def test_differences_from_another_line_resample_both() -> None:
    """Returns of 0 and 10 less those of 0 and 4: from 0 less 4 to 10 less 0."""
    steps = np.array([100])
    two, other = (Line(steps, np.array([[0.0], [top]]), [2], 0) for top in (10.0, 4.0))
    assert two.area(other) == {"value": 3.0, "low": -4.0, "high": 10.0}
    assert two.at(100, other) == two.at(None, other) == two.area(other)


def test_the_table_has_published_values_beside_ours(made: Path) -> None:
    table = (made / "table.md").read_text()
    assert "-21.5 [" in table
    row = next(line for line in table.splitlines() if "| plain agent" in line)
    assert "(-45)" in row
    assert "never" in table
    assert "| additive_potential  | 7 " in table  # seconds: (2 + 4 + 2 + 6) / 2
    text.blocks(table, ["q_learning"], {"Cliff": "cliff"})


def test_the_best_of_several_networks_are_told_from_all(made: Path, numbers: Any) -> None:
    """The better exclusive one has an agent at -12 and one at -50; additive ones all are at -12."""
    lines = numbers["tasks"]["cliff"]["fixed"]
    assert lines["exclusive_potential"]["by_network"] == [-31, -50]
    assert lines["additive_potential"]["by_network"] == [-12, -12]
    rows = [" ".join(row.split()) for row in (made / "table.md").read_text().splitlines()]
    assert "| -31.0 |" in next(row for row in rows if row.startswith("| exclusive_potential |"))
    assert "| 2 of 2 |" in next(row for row in rows if row.startswith("| additive_potential |"))


def test_a_network_that_ends_below_the_plain_agent_is_named(made: Path, numbers: Any) -> None:
    lines = numbers["tasks"]["cliff"]["unseen"]
    below = [line for line, values in lines.items() if values.get("below_plain")]
    said = "Ends below the plain agent" in (made / "table.md").read_text()
    assert said == bool(below)


@pytest.mark.parametrize("name", ["reward_curves", "reward_map"])
def test_figures_have_something_on_them(made: Path, name: str) -> None:
    with Image.open(made / f"{name}.png") as image:
        assert image.width == 1080
        assert len(np.unique(np.asarray(image.convert("L")))) > 20


def test_the_lowest_panel_of_a_task_says_how_many_steps() -> None:
    """Also where a task has fewer experiments than the others."""
    plain = [
        curves("plain", -1, (200,)).assign(task=task, experiment=experiment, line="plain")
        for task, experiment in [("cliff", "fixed"), ("cliff", "unseen"), ("halfcheetah", "fixed")]
    ]
    other = CLIFF | {"id": "halfcheetah", "agents": {"fixed": "td3"}}
    tasks = {"cliff": CLIFF, "halfcheetah": other}
    figure = figures.reward_curves(pd.concat(plain), tasks, "quick")
    labels = [axes.get_xlabel() for axes in figure.axes[:4]]
    assert labels == ["", "steps (thousands)", "steps (thousands)", ""]


def test_baselines_of_a_task_can_be_told_apart() -> None:
    names = [f"{line}{tuned}" for line in ("plain", "icm", "count") for tuned in ("", "_tuned")]
    looks = figures.looks(names)
    assert len({(looks[n]["color"], looks[n]["ls"]) for n in names}) == len(names)
    assert len({looks[n]["color"] for n in names}) == 3


def test_published_curves_are_complete() -> None:
    for experiments in published.values("rewards")["curves"].values():
        assert set(experiments) == {"fixed", "varied", "unseen"}
        for lines in experiments.values():
            assert {len(returns) for returns in lines.values()} == {len(lines["steps"])}
            assert len(lines) == 1 + 4 + 2  # steps, kinds of network, two baselines
    assert published.curve("cliff", "fixed", "plain")[1500] == -12
    assert published.steps("mountain_car_continuous", "fixed")[1] == 100000
    assert published.steps("halfcheetah", "fixed") == []


@pytest.mark.parametrize("kind", ["rewards", "mdps", "transforms", "searches", "bandits"])
def test_published_values_have_a_source(kind: str) -> None:
    assert published.values(kind)["source"].startswith(("Ferreira et al.", "Liesen et al."))
