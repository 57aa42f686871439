"""Transfer: numbers as worked out by hand, and from tables of jobs to tables, verdicts, figures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from synthgym.analysis import (
    beside_published,
    equal_cost,
    published,
    task_results,
    transfer,
    transfer_claims,
    transfer_text,
)
from synthgym.analysis.core import statistics
from synthgym.analysis.core.statistics import CURVES
from synthgym.analysis.core.verdict import Evidence, judge
from synthgym.analysis.page import text
from synthgym.analysis.steps import Line, line, ratio
from synthgym.core.io import read_json

FIGURES = [
    "overview.png",
    "transfer_profiles.png",
    "transfer_improvement.png",
    "transfer_efficiency.png",
]
CLAIMS = [
    {"says": "unseen", "measure": "unseen_less_seen", "expect": "no_worse", "margin": 0},
    {"says": "published", "measure": "bandit_less_published", "expect": "no_worse", "margin": 0},
    {"says": "fewer", "measure": "times_more_steps", "settings": "real", **transfer.FEWER},
]
REFERENCE = {"cartpole": {"random": 20.0, "expert": 500.0}, "acrobot": {"random": -500.0}}


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def flat(steps: Sequence[float], iqm: Sequence[float]) -> Line:
    """A curve whose resamples are all alike."""
    return Line(np.array(steps), np.array(iqm), np.tile(iqm, (CURVES, 1)), 4)


def test_a_resample_has_the_same_seeds_for_all_algorithms() -> None:
    chosen = statistics.hierarchical((3, 2, 4), generator(), resamples=200)
    seed, kind, _ = np.unravel_index(chosen, (3, 2, 4))
    assert (seed == seed[:, :, :1, :1]).all()
    assert (kind == np.arange(2)[:, None]).all()
    assert set(chosen.reshape(-1)) == set(range(24))
    assert (chosen[:, :, 0] % 4 != chosen[:, :, 1] % 4).any()  # agents are drawn anew for each


def test_an_interval_is_wider_than_the_pooled_one_where_seeds_differ() -> None:
    values = np.array([[0.0, 1, 2, 3], [100, 101, 102, 103], [200, 201, 202, 203]])
    wide = transfer.estimated([values[:, None]], generator())
    pooled = transfer.estimated([values.reshape(1, 1, -1)], generator())
    assert wide["value"] == pooled["value"] == np.mean([3, 100, 101, 102, 103, 200])
    assert wide["low"] < 10 < pooled["low"] < pooled["high"] < 195 < wide["high"]
    assert (wide["seeds"], pooled["seeds"], wide["agents"]) == (3, 1, 12)


def test_a_profile_is_the_share_of_agents_at_or_above_a_score() -> None:
    scores = np.array([0.0, 0.25, 0.5, 1.0]).reshape(1, 1, 4)
    value, samples = transfer.profile(scores, np.array([0.0, 0.3, 0.5, 1.0, 1.1]), generator())
    assert value.tolist() == [1, 0.5, 0.5, 0.25, 0]
    assert samples.mean(0) == pytest.approx(value, abs=0.02)


def test_improvement_counts_ties_half() -> None:
    x, y = np.array([1.0, 2.0]).reshape(1, 1, 2), np.array([0.0, 1.0]).reshape(1, 1, 2)
    value, samples = transfer.improvement(x, y, generator())
    assert value == (1 + 0.5 + 1 + 1) / 4
    # Of x both are the first, or the second, or one of each; and so of y.
    assert set(samples) <= {0.5, 0.75, 0.875, 1.0}
    assert transfer.improvement(y, x, generator())[0] == 1 - value


def test_a_pair_is_found_whichever_is_named_first() -> None:
    pairs = [
        {"better": "a", "than": "b", "value": 0.75, "low": 0.5, "high": 0.875, "tasks": ["x"]},
        {"better": "a", "than": "c", "value": 0.5, "low": 0.25, "high": 1.0, "tasks": ["x"]},
    ]
    assert list(transfer_claims.against(pairs, "a", "b")) == pairs[:1]
    (flipped,) = transfer_claims.against(pairs, "b", "a")
    assert [flipped[key] for key in ("value", "low", "high")] == [0.25, 0.125, 0.5]
    assert not list(transfer_claims.against(pairs, "b", "c"))


def test_improvement_compares_agents_of_the_same_algorithm_only() -> None:
    x = np.array([[[1.0, 1, 1], [9, 9, 9]]] * 2)
    y = np.array([[[0.0, 0], [10, 10]]])
    value, samples = transfer.improvement(x, y, generator())
    assert value == 0.5  # the first is always better, the second never; 9 > 0 does not count
    assert set(samples) == {0.5}


def test_the_ratio_is_of_the_first_steps_at_the_return_of_the_end() -> None:
    synthetic = flat([10, 20, 30], [5, 8, 8])
    found = ratio(synthetic, flat([100, 200, 400], [1, 9, 9]))
    assert found == {
        "value": 10,
        "low": 10,
        "high": 10,
        "bound": "",
        "sure_low": 10,
        "steps": 20,
        "real_steps": 200,
    }


def test_the_ratio_is_a_bound_where_agents_in_the_task_never_get_there() -> None:
    found = ratio(flat([10, 20], [5, 8]), flat([10, 20], [1, 7]))
    assert (found["value"], found["low"], found["high"]) == (1, 1, None)
    assert (found["bound"], found["sure_low"]) == ("≥", None)  # more than 20 steps for 20
    assert Evidence(transfer_claims.sure(found)).judge(transfer.FEWER) == "holds"
    assert transfer_text.times(found) == "≥ 1 [1, never]"
    at_once = ratio(flat([10, 20], [5, 8]), flat([5, 20], [8, 9]))
    assert (at_once["value"], at_once["bound"]) == (0.25, "≤")
    assert Evidence(transfer_claims.sure(at_once)).judge(transfer.FEWER) == "does not hold"


def test_low_is_the_least_where_some_resamples_never_get_there() -> None:
    samples = np.tile([1.0, 9], (CURVES, 1))
    samples[::2] = [1, 2]
    half = Line(np.array([100, 200]), np.array([1.0, 9]), samples, 4)
    found = ratio(flat([10], [8]), half)
    assert (found["value"], found["low"], found["high"]) == (20, 20, None)


def test_agents_that_stopped_early_stay_where_they_are() -> None:
    rows = pd.DataFrame(
        {
            "environment": "real",
            "environment_seed": -1,
            "agent": "ppo",
            "draw": [0, 0, 1, 1],
            "step": [10, 10, 10, 20],
            "return_": [1.0, 1, 2, 4],
        }
    )
    curve = line(rows, generator())
    assert (curve.steps.tolist(), curve.iqm.tolist()) == ([10, 15], [1.5, 2.5])
    with pytest.raises(ValueError, match="tested unequally often"):
        line(rows.iloc[1:], generator())


def test_unseen_less_seen_is_of_the_same_environments() -> None:
    scores = np.array(
        [[[0.0, 0], [1, 1]], [[5, 5], [6, 6]]]
    )  # the second earns one more everywhere
    value, samples = transfer.seen_less(scores, np.array([False, True]), generator())
    assert value == 1
    assert set(samples) == {1.0}


def test_algorithms_with_unequally_many_agents_are_a_mistake() -> None:
    ends = pd.DataFrame(
        {
            "environment": "e",
            "environment_seed": 0,
            "agent": ["a", "a", "b"],
            "draw": [0, 1, 0],
            "return_": 1.0,
        }
    )
    with pytest.raises(ValueError, match="e: algorithms or seeds have unequally many agents"):
        task_results.cube(ends)


@pytest.fixture(scope="module")
def made(
    results_of: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any], dict[str, list[Path]]]:
    """Two tasks, the second without an expert and without anything published."""
    out = tmp_path_factory.mktemp("transfer")
    worlds = [
        results_of(name)
        for name in ("five environments", "negative returns, six dimensions, three actions")
    ]
    tasks = {
        one.world.name: {
            **one.world.task,
            "reference": {"expert": None, **REFERENCE[one.world.name]},
        }
        for one in worlds
    }
    inputs: dict[str, list[Path]] = {
        name: [path for one in worlds for path in one.paths[name]]
        for name in ("curves", "progress", "evaluations")
    }
    curves = worlds[0].tables["curves"]
    expert = curves[(curves["environment"] == "real") & (curves["agent"] == "ppo")]
    expert = expert[expert["draw"] < 4].assign(return_=450.0)
    expert.to_parquet(out / "expert.parquet")
    inputs["expert_curves"] = [out / "expert.parquet"]
    config = {"scale": "quick", "tasks": tasks, "claims": CLAIMS}
    assert transfer.run(config, inputs, out, out) == ["summary.json", "table.md", *FIGURES]
    return out, config, inputs


def test_all_of_it_from_tables(made: Any) -> None:
    numbers = read_json(made[0] / "summary.json")
    cell = numbers["transfer"]["cartpole"]["bandit_ppo"]["dqn"]
    assert (cell["seeds"], cell["agents"], cell["unseen"]) == (2, 16, True)
    assert numbers["transfer"]["cartpole"]["tuned"].keys() == {"ppo"}
    assert numbers["transfer"]["cartpole"]["tuned"]["ppo"]["value"] == 450
    # Acrobot has no expert: its agents have no score. CartPole alone is no several tasks.
    assert [profile["tasks"] for profile in numbers["profiles"]] == [["cartpole"]]
    assert numbers["about"]["tasks"]["acrobot"]["reference"] is None
    pairs = {(e["better"], e["than"]): e for e in numbers["improvement"]}
    assert pairs["bandit_ppo", "real"]["tasks"] == ["acrobot", "cartpole"]
    assert pairs["bandit_ppo", "real"]["one_seed"]  # that of Acrobot
    assert not pairs["bandit_dqn", "real"]["one_seed"]
    seen = {e["environment"] for e in numbers["unseen"]}
    assert seen == {"bandit_ppo", "bandit_dqn", "mdp_ppo", "mdp_dqn"}  # bandit_all has seen both
    assert numbers["efficiency"]["cartpole"]["mdp_ppo"]["dqn"].keys() == {"real"}
    assert numbers["break_even"]["cartpole"]["bandit_ppo"].keys() == {"ppo"}


def test_environments_of_one_way_are_pooled_beside_what_was_published(made: Any) -> None:
    numbers = read_json(made[0] / "summary.json")
    assert numbers["overview"].keys() == {"cartpole"}  # Acrobot has no expert
    one = numbers["overview"]["cartpole"]
    assert one["ways"].keys() == {"real", "evolved"}
    table = numbers["transfer"]["cartpole"]
    real, every = one["ways"]["real"], one["ways"]["evolved"]
    evolved = [c for name, a in table.items() if name not in ("real", "tuned") for c in a.values()]
    assert every["agents"] == sum(cell["agents"] for cell in evolved)
    assert every["seeds"] == 5 * 2
    assert every["low"] < every["value"] < every["high"]
    assert one["published"] == {"ppo": pytest.approx((498.7 - 20) / 480, rel=1e-5)}
    message = (made[0] / "table.md").read_text().split("\n\n")[2]
    assert f"agents are {real['value']:.0%} of the way" in message
    assert f"{every['value']:.0%} where these were evolved (1 task)" in message


def test_a_score_of_one_is_the_best_agent_known(results_of: Callable[[str], Any]) -> None:
    one = results_of("one environment")
    tables = (one.tables["curves"], one.tables["curves"].iloc[:0], one.tables["progress"])
    section = {**one.world.task, "reference": {"random": 20.0, "expert": 100.0}}
    best = {"published": {"sac": {"real": 220.0, "synthetic": None}}}
    assert task_results.task_results("cartpole", section, *tables).reference == (20.0, 100.0)
    found = task_results.task_results("cartpole", section | best, *tables)
    assert found.reference == (20.0, 220.0)
    assert found.score(120.0) == 0.5


def test_published_is_beside_the_best_bandit(made: Any) -> None:
    numbers = read_json(made[0] / "summary.json")
    (cell,) = numbers["published"]  # that of sac, whom nobody trained, is left out
    table = numbers["transfer"]["cartpole"]
    bandits = ("bandit_ppo", "bandit_dqn", "bandit_all")
    _, median, best = sorted(table[name]["ppo"]["value"] for name in bandits)
    assert cell["median"] == median
    assert (cell["value"], cell["of"], cell["published"]) == (best, 3, 498.7)
    claim = next(c for c in numbers["claims"] if c["claim"] == "published")
    low, high = (round(cell[bound] - 498.7, 1) for bound in ("low", "high"))
    assert claim["estimates"][0]["low"] == low
    assert claim["verdict"] == (
        "holds" if low >= 0 else "undecided" if high >= 0 else "does not hold"
    )


def test_cells_are_counted_as_they_are_shown() -> None:
    near = {"value": -84.14, "low": -90.0, "high": -80.0}  # -84.1, as is published
    below = {"value": -86.9, "low": -89.8, "high": -84.2}
    beside = [
        {**e, "bandit": bandit, "published": -84.1, "seeds": seeds}
        for e, bandit, seeds in [
            (near, True, 3),
            (near, True, 2),
            (below, True, 5),
            (near, False, 3),
        ]
    ]
    (said,) = beside_published.counted({"published": beside})
    assert said == (
        "Of 3 returns of agents in bandits that are published, the best bandits here reach 2, "
        "their intervals 2; with at least 3 environments made alike, 1 and 1."
    )


def test_costs_are_beside_those_of_the_published_evolution(made: Any) -> None:
    numbers = read_json(made[0] / "summary.json")
    (cell,) = numbers["published"]
    numbers["about"]["tasks"]["cliff"] = {"id": "Cliff"}  # no bandit was made of it
    *_, costs, tried = beside_published.shown(numbers).split("\n\n")
    counts = published.values("tried")  # of the scale's tasks only
    said = f"Acrobot-v1 {counts['acrobot']}, CartPole-v1 {counts['cartpole']}."
    assert tried.endswith(f" at least: {said}")
    (header, _, row) = costs.splitlines()
    steps = numbers["making"]["cartpole"][cell["environment"]]["real_steps"]
    shown = dict(
        zip(*([x.strip() for x in line.split("|")] for line in (header, row)), strict=True)
    )
    assert shown["bandit"] == f"`{cell['environment']}`"
    assert shown["real steps"] == f"{steps:,.0f}"
    assert shown["published, at most"] == "960,000,000"
    assert shown["times as many"].startswith(f"{960e6 / steps:.2g}"[:2])


def test_a_claim_may_be_of_one_way_of_making(made: Any) -> None:
    numbers = read_json(made[0] / "summary.json")
    for of, count in (["evolved"], 8), (["distilled"], 0):
        measure = transfer_claims.measures(numbers)["times_more_steps"]
        assert len(list(measure({**CLAIMS[2], "of": of}))) == count
        assert bool(list(beside_published.cells(numbers, of))) == bool(count)


def test_claims_are_on_all_bandits_and_agents(made: Any) -> None:
    unseen, _, fewer = read_json(made[0] / "summary.json")["claims"]
    assert len(unseen["estimates"]) == 4
    assert "`mdp_ppo`: " in unseen["here"]
    assert len(fewer["estimates"]) == 8  # four bandits, two agents


def test_a_search_is_stopped_at_the_last_evaluation_that_was_paid_for() -> None:
    log = pd.DataFrame(
        {
            "environment_seed": [0, 0, 0, 0, 1, 1, 1],
            "stage": ["teacher", *["metatrain"] * 6],
            "generation": [0, 1, 2, 3, 1, 2, 3],
            "real_steps": [10, 20, 20, 20, 90, 1, 1],
        }
    )
    fresh = pd.DataFrame({"environment_seed": [0, 0, 0, 1, 1], "generation": [0, 2, 3, 2, 3]})

    def at(most: float) -> list[int]:
        rows = equal_cost.stopped(log, fresh, "real_steps", most)
        return rows["generation"].tolist()

    assert at(50) == [2, 2]  # of seed 1, even the first evaluation took more
    assert at(49) == [0, 2]
    assert at(91) == [3, 2]
    assert at(92) == [3, 3]


def test_agents_are_compared_with_those_of_a_search_that_took_as_much(
    made: Any, results_of: Callable[[str], Any]
) -> None:
    pairs = read_json(made[0] / "summary.json")["equal_cost"]
    of_two = [p for p in pairs if (p["environment"], p["over"]) == ("bandit_all", "bandit_ppo")]
    assert [pair["cost"] for pair in of_two] == ["real_steps", "seconds"]
    tables = results_of("five environments").tables
    numbers = read_json(made[0] / "summary.json")["transfer"]["cartpole"]["bandit_all"]
    log = tables["progress"][tables["progress"]["environment"] == "bandit_ppo"]
    fresh = tables["evaluations"][tables["evaluations"]["environment"] == "bandit_ppo"]
    assert set(fresh["agent"]) == {"ppo"}  # who took part in that search
    for pair in of_two:
        last = equal_cost.stopped(log, fresh, pair["cost"], pair["spent"])["return_"]
        value = numbers["ppo"]["value"] - statistics.interquartile_mean(last.to_numpy())
        assert pair["value"] == pytest.approx(value, abs=1e-3)
        assert pair["low"] < pair["value"] < pair["high"]
    claim = {"of": ["bandit_all"], "over": ["bandit_ppo"], "cost": "seconds"}
    measure = transfer_claims.measures({"equal_cost": pairs})["at_equal_cost"]
    assert [one.estimate for one in measure(claim)] == [of_two[1]]


def test_the_table_has_what_is_not_evolved_beside_what_is(made: Any) -> None:
    numbers = read_json(made[0] / "summary.json")
    assert equal_cost.shown(numbers) == ""  # all are evolved
    numbers["about"]["tasks"]["cartpole"]["ways"]["bandit_all"] = "graded"
    rows = equal_cost.shown(numbers).splitlines()[6:]
    assert {row.split("|")[2].strip() for row in rows} == {"`bandit_all`"}
    assert len(rows) == 2 * 4  # steps and seconds, over the four others


def test_the_table_is_for_the_page_and_figures_are_wide(made: Any) -> None:
    markdown = (made[0] / "table.md").read_text()
    assert "Left out, as they have no expert: Acrobot-v1." in markdown
    tables = [block for block in text.blocks(markdown) if isinstance(block, text.Table)]
    # claims, published (returns, costs), profiles, P; two per task
    assert len(tables) == 1 + 2 + 1 + 1 + 2 * 2
    for name in FIGURES:
        with Image.open(made[0] / name) as image:
            assert image.width == (900 if name == "overview.png" else 1080)


def test_a_scale_without_experts_and_one_environment_has_it_too(
    made: Any, results_of: Callable[[str], Any], tmp_path: Path
) -> None:
    one = results_of("one environment")
    tasks = {"cartpole": made[1]["tasks"]["cartpole"]}
    inputs: dict[str, list[Path]] = {**one.paths, "expert_curves": []}
    transfer.run({"scale": "quick", "tasks": tasks}, inputs, tmp_path, tmp_path)
    numbers = read_json(tmp_path / "summary.json")
    assert "tuned" not in numbers["transfer"]["cartpole"]
    assert [(e["better"], e["than"]) for e in numbers["improvement"]] == [("bandit_ppo", "real")]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.0, 0.2, "holds"), (-0.1, 0.2, "undecided"), (-0.2, -0.1, "does not hold")],
)
def test_claims_say_whether_the_interval_is_on_one_side(
    low: float, high: float, verdict: str
) -> None:
    e = {"environment": "e", "tasks": ["t"], "one_seed": False, "value": low}
    summary = {"unseen": [{**e, "low": low, "high": high}]}
    (claim,) = judge(CLAIMS[:1], transfer_claims.measures(summary))
    assert claim["verdict"] == verdict


def test_steps_that_are_never_enough_are_more() -> None:
    """An end of a range at infinity is never open: NEVER is more than any number."""
    e = {"value": None, "low": None, "high": None}
    assert Evidence(e).judge(transfer.FEWER) == "holds"
    assert Evidence({**e, "low": 0.5}).judge(transfer.FEWER) == "undecided"


def test_an_environment_pays_where_agents_surely_need_more_steps_in_the_task(made: Any) -> None:
    numbers = read_json(made[0] / "summary.json")
    for name, agents in numbers["break_even"]["cartpole"].items():
        ratio_of_steps = numbers["efficiency"]["cartpole"][name]["ppo"]["tuned"]
        sure = transfer_claims.sure(ratio_of_steps)["low"]
        assert (agents["ppo"]["agents"] is not None) == (sure is None or sure > 1)
