import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from synthgym.analysis import runs, summary, summary_text
from synthgym.analysis.core.statistics import estimate

FLAT = {"environment_seed": 0, "agent": "ppo", "hp_learning_rate": 0.1}


@cache
def summarise(results: Any) -> dict[str, Any]:
    config = results.world.config()
    tables = {name: results.tables[name] for name in summary.INPUTS}
    return summary.summarise(config["scale"], config["tasks"], tables)


def numbers_in(value: Any) -> list[Mapping[str, Any]]:
    """All mappings that hold an estimate."""
    below = value.values() if isinstance(value, Mapping) else []
    here = [value] if isinstance(value, Mapping) and "iqm" in value else []
    return here + [found for item in below for found in numbers_in(item)]


def test_every_estimate_has_n_level_and_an_interval_around_it(results: Any) -> None:
    found = numbers_in(summarise(results))
    assert len(found) > 10
    for numbers in found:
        assert numbers["level"] == 0.95
        if numbers["n"]:
            assert numbers["low"] <= numbers["iqm"] <= numbers["high"]
        else:
            assert numbers["iqm"] is numbers["low"] is numbers["high"] is None


def test_final_return_is_that_of_the_last_evaluation(results_of: Callable[[str], Any]) -> None:
    results = results_of("one environment")
    curves = results.tables["curves"]
    last = curves[
        (curves["environment"] == "bandit_ppo")
        & (curves["agent"] == "dqn")
        & (curves["step"] == 10_000)
    ]
    numbers = summarise(results)["transfer"]["cartpole"]["bandit_ppo"]["dqn"]
    assert numbers["iqm"] == pytest.approx(estimate(last["return_"]).iqm, rel=1e-5)
    assert (numbers["n"], numbers["steps"], numbers["test_episodes"]) == (10, 10_000, 10)


def test_seeds_are_strata(results_of: Callable[[str], Any]) -> None:
    results = results_of("five environments")
    curves = results.tables["curves"]
    last = curves[
        (curves["environment"] == "mdp_ppo")
        & (curves["agent"] == "ppo")
        & (curves["step"] == 10_000)
    ]
    numbers = summarise(results)["transfer"]["cartpole"]["mdp_ppo"]["ppo"]
    expected = estimate(last["return_"], last["environment_seed"])
    assert numbers["n"] == 16
    assert numbers["low"] == pytest.approx(expected.low, rel=1e-5)
    assert numbers["low"] != pytest.approx(estimate(last["return_"]).low, rel=1e-5)


def test_agents_are_unseen_where_they_took_no_part(results_of: Callable[[str], Any]) -> None:
    transfer = summarise(results_of("five environments"))["transfer"]["cartpole"]
    unseen = {
        (environment, agent)
        for environment, row in transfer.items()
        for agent, numbers in row.items()
        if numbers.get("unseen")
    }
    assert unseen == {
        ("bandit_ppo", "dqn"),
        ("mdp_ppo", "dqn"),
        ("bandit_dqn", "ppo"),
        ("mdp_dqn", "ppo"),
    }


def test_equal_steps_are_those_of_the_synthetic_training(results_of: Callable[[str], Any]) -> None:
    real = summarise(results_of("one environment"))["real_at_equal_steps"]["cartpole"]["real"]
    assert {agent: numbers["steps"] for agent, numbers in real.items()} == {
        "dqn": 10_000,
        "ppo": 10_000,
    }


def test_runs_that_do_not_solve_the_task_are_counted_and_not_imputed() -> None:
    # draws 0, 1 and 2 get to 5 at steps 10, 20, 30; draw 3 never does
    returns = {0: [5, 0, 0], 1: [0, 5, 0], 2: [0, 0, 9], 3: [0, 4.9, 0]}
    curves = pd.concat(
        pd.DataFrame(
            {"environment": "bandit", "draw": draw, "step": [10, 20, 30], "return_": r} | FLAT
        )
        for draw, r in returns.items()
    )
    curves["episode"] = curves["step"] // 10
    numbers = summary.to_solve(curves.reset_index(drop=True), 5, "step")["bandit"]["ppo"]
    assert (numbers["iqm"], numbers["n"], numbers["of"], numbers["solved"]) == (20, 3, 4, 0.75)
    assert numbers["solved_low"] < 0.75 < numbers["solved_high"]
    episodes = summary.to_solve(curves.reset_index(drop=True), 5, "episode")["bandit"]["ppo"]
    assert episodes["iqm"] == 2


def test_if_nobody_solves_the_task_there_is_no_number(results_of: Callable[[str], Any]) -> None:
    numbers = summarise(results_of("nobody solved"))["steps_to_solve"]["cartpole"]["real"]["ppo"]
    assert (numbers["iqm"], numbers["n"], numbers["of"], numbers["solved"]) == (None, 0, 20, 0)


def test_costs_of_meta_training_are_sums_over_generations_and_means_over_seeds() -> None:
    progress = pd.DataFrame(
        {
            "environment": "bandit",
            "environment_seed": [0, 0, 1],
            "stage": "metatrain",
            "generation": [1, 2, 1],
            "agent": "ppo",
            "seconds": [1.0, 2.0, 5.0],
            "synthetic_steps": [10, 10, 10],
            "real_steps": [3, 4, 9],
            "updates": 1,
        }
    )
    evaluations = pd.DataFrame(
        {
            "environment": "bandit",
            "environment_seed": 0,
            "agent": "ppo",
            "generation": [0, 0, 1, 1, 2, 2],
            "draw": [0, 1] * 3,
            "return_": [0, 0, 4, 8, 5, 6],
        }
    )
    numbers = summary.meta_training(progress, evaluations, threshold=6)["bandit"]
    assert numbers["n"] == 2
    assert numbers["seconds"] == {"mean": 4, "min": 3, "max": 5}
    assert numbers["real_steps"] == {"mean": 8, "min": 7, "max": 9}
    assert numbers["generations"] == {"mean": 1.5, "min": 1, "max": 2}
    mean_environment = numbers["mean_environment"]["ppo"]
    assert (mean_environment["iqm"], mean_environment["generation"]) == (5.5, 2)
    assert mean_environment["solved_at_generation"] == 1  # the mean of 4 and 8
    assert mean_environment["solved_after_seconds"] == (1 + 5) / 2


def test_an_environment_pays_after_as_many_agents_as_save_what_it_took() -> None:
    def curve(environment: str, agent: str, **returns: float) -> pd.DataFrame:
        steps = [int(step.removeprefix("at_")) for step in returns]
        rows = {"environment": environment, "agent": agent, "draw": 0, "step": steps}
        return pd.DataFrame(FLAT | rows | {"return_": list(returns.values())})

    curves = pd.concat(
        [
            curve("bandit", "ppo", at_5=1.0, at_10=4.0),
            curve("bandit", "dqn", at_5=1.0, at_10=9.0),
            curve("bandit", "sac", at_10=9.0),  # never trained in the real task
            curve("real", "ppo", at_100=2.0, at_200=4.0, at_300=5.0),
            curve("real", "dqn", at_100=2.0, at_200=8.0, at_300=7.0),
        ],
        ignore_index=True,
    )
    better = {("bandit", "ppo"), ("bandit", "dqn")}
    assert summary.break_even(curves, {"bandit": 6000.0}, better) == {
        "bandit": {
            "ppo": {"saved": 200, "agents": 30.0, "at_most": False},
            "dqn": {"saved": 300, "agents": 20.0, "at_most": True},
        }
    }
    undecided = summary.break_even(curves, {"bandit": 6000.0}, {("bandit", "ppo")})["bandit"]["dqn"]
    assert undecided["agents"] is None
    assert summary_text.pays(undecided) == "undecided"


@pytest.mark.parametrize(
    ("returns", "real", "pays"),
    [
        ([-726, -595, -584], [-665, -618, -601], "undecided"),  # no better than the task
        ([-500, -400, -350], [-665, -618, -601], "20"),
    ],
)
def test_noise_is_not_sold_as_payback(returns: list[int], real: list[int], pays: str) -> None:
    curves = pd.DataFrame(
        {"environment": name, "agent": "ppo", "draw": draw, "step": step, "return_": value}
        | FLAT
        | {"episode": 1, "environment_seed": -1 if name == "real" else 0}
        for name, values, steps in (("toy", returns, [100]), ("real", real, [100, 300]))
        for draw, value in enumerate(values)
        for step in steps
    )
    transfer = {"toy": {"ppo": summary._returns(curves[curves["environment"] == "toy"])}}
    better = summary.better_than_real(transfer, summary.returns_at_equal_steps(curves))
    numbers = summary.break_even(curves, {"toy": 6000.0}, better)["toy"]["ppo"]
    assert summary_text.pays(numbers).removeprefix("≤ ") == pays


def test_differences_are_between_ways_of_making_an_environment() -> None:
    """Two seeds each; the distilled one pays 10 more, and took a tenth of the real steps."""
    runs_of = {
        ("evolved", 0): [1.0, 2, 3, 4],
        ("evolved", 1): [2.0, 3, 4, 5],
        ("distilled", 0): [11.0, 12, 13, 14],
        ("distilled", 1): [12.0, 13, 14, 15],
        ("real", -1): [0.0],
    }
    curves = pd.DataFrame(
        {
            "environment": environment,
            "environment_seed": seed,
            "agent": "ppo",
            "draw": draw,
            "step": 1,
            "return_": return_,
        }
        for (environment, seed), returns in runs_of.items()
        for draw, return_ in enumerate(returns)
    )
    made = {"evolved": "evolved", "distilled": "distilled"}
    progress = pd.DataFrame(
        {
            "environment": ["evolved"] * 3 + ["distilled"] * 2,
            "environment_seed": [0, 0, 1, 0, 1],
            "real_steps": [50, 70, 80, 9, 11],
        }
    )
    (entry,) = summary.differences(curves, made, summary.real_steps(progress))
    assert (entry["environment"], entry["other"]) == ("distilled", "evolved")
    assert entry["seeds"] == [2, 2]
    assert entry["difference"] == 10.0
    assert 0 < entry["low"] < 10 < entry["high"]
    assert entry["fewer_real_steps"] == 10.0


def test_a_task_of_the_plan_without_tables_is_refused(results_of: Callable[[str], Any]) -> None:
    results = results_of("one environment")
    tables = {name: results.tables[name] for name in summary.INPUTS}
    with pytest.raises(ValueError, match="acrobot is in the plan"):
        summary.summarise("quick", {"acrobot": results.world.task}, tables)


def test_run_writes_the_same_bytes_twice(results_of: Callable[[str], Any], tmp_path: Path) -> None:
    results = results_of("negative returns, six dimensions, three actions")
    written = []
    for place in (tmp_path / "once", tmp_path / "twice"):
        place.mkdir()
        names = summary.run(results.world.config(), results.paths, place, tmp_path)
        assert sorted(path.name for path in place.iterdir()) == sorted(names)
        written.append([(place / name).read_bytes() for name in names])
    assert written[0] == written[1]
    loaded = json.loads(written[0][0])
    assert set(loaded) == {
        "about",
        "transfer",
        "clients",
        "differences",
        "real_at_equal_steps",
        "steps_to_solve",
        "episodes_to_solve",
        "meta_training",
        "break_even",
        "sample_efficiency",
    }
    assert loaded == summarise(results)


def test_markdown_of_a_small_summary() -> None:
    good = {"iqm": 480.0, "low": 450.0, "high": 500.0, "n": 20}
    ends = good | {"steps": 10_000, "settings": 20, "test_episodes": 50}
    unseen = {"iqm": 99.96, "low": 90.0, "high": 110.0, "unseen": True}
    small = {
        "about": {
            "scale": "quick",
            "level": 0.95,
            "resamples": 10_000,
            "tasks": {
                "cartpole": {
                    "id": "CartPole-v1",
                    "solved": 475.0,
                    "horizon": 500,
                    "published": {"ppo": 500.0, "sac": 499.0},
                }
            },
        },
        "transfer": {
            "cartpole": {
                "real": {"ppo": ends | {"steps": 100_000}, "dqn": ends | {"steps": 100_000}},
                "bandit_ppo": {"ppo": ends | {"unseen": False}, "dqn": ends | unseen},
                "distilled": {"ppo": ends | {"unseen": True}},
            }
        },
        "clients": {"cartpole": {}},
        "sample_efficiency": {"cartpole": {}},
        "differences": {
            "cartpole": [
                {"agent": "ppo", "environment": "distilled", "other": "bandit_ppo"}
                | {"fewer_real_steps": 123.4}
                | {"difference": 12.3, "low": 1.0, "high": 20.0, "seeds": [2, seeds]}
                for seeds in (2, 1)
            ]
        },
        "real_at_equal_steps": {"cartpole": {"real": {"ppo": ends | {"iqm": 470.0}}}},
    }
    cost = {"mean": 60.0, "min": 60.0, "max": 60.0}
    evolved = {
        "agents": ["ppo"],
        "made": "evolved",
        "n": 1,
        **dict.fromkeys(("generations", "seconds", "synthetic_steps", "updates"), cost),
        "real_steps": {"mean": 1234.5, "min": 1200.0, "max": 1269.0},
        "mean_environment": {
            "ppo": good | {"solved_at_generation": None, "solved_after_seconds": None},
            "dqn": good | {"solved_at_generation": 20, "solved_after_seconds": 1234.4},
        },
    }
    distilled = evolved | {"agents": [], "made": "distilled", "mean_environment": {}}
    small["meta_training"] = {"cartpole": {"bandit_ppo": evolved, "distilled": distilled}}
    pays = {
        "ppo": {"saved": 100, "agents": 12.345, "at_most": False},
        "dqn": {"saved": 100, "agents": 123.45, "at_most": True},
    }
    small["break_even"] = {"cartpole": {"bandit_ppo": pays}}
    few = good | {"iqm": 1234.4, "low": 1000.0, "high": 2000.0, "n": 3, "of": 20}
    none = {"iqm": None, "low": None, "high": None, "n": 0, "of": 20}
    for experiment in ("steps_to_solve", "episodes_to_solve"):
        small[experiment] = {"cartpole": {"bandit_ppo": {"ppo": few, "dqn": none}}}
    lines = [" ".join(line.split()) for line in summary_text.markdown(small).splitlines()]
    assert "| trained in | dqn | ppo |" in lines
    bold = "**480.0** [450.0, 500.0]"
    assert (
        "| real task, equal steps (next evaluation): 10,000 steps | | 470.0 [450.0, 500.0] |"
        in lines
    )
    assert f"| real task: 100,000 steps | {bold} | {bold} |" in lines
    assert (
        "| `bandit_ppo` (meta-trained with ppo): 10,000 steps "
        f"| 100.0 [90.0, 110.0] † | {bold} |" in lines
    )
    assert (
        "| steps: `bandit_ppo` (meta-trained with ppo) | not solved (0/20) "
        "| 1,234 [1,000, 2,000] (3/20) |" in lines
    )
    assert (
        "| `bandit_ppo` | evolved | ppo | 1 | 60 | 60 | 1,234 (1,200 to 1,269) | 60 | 60 "
        "| ppo: never (n = 20); dqn: 20, 1,234 s (n = 20) | ppo: 12; dqn: ≤ 123 |"
    ) in lines
    published = "| published: synthetic bandit (Liesen et al. 2024), 20 agents | | 500.0 |"
    assert published in lines  # and nothing of SAC, which is not judged here
    assert f"| `distilled` (distilled): 10,000 steps | | {bold} † |" in lines
    difference = "| ppo | `distilled` (distilled) | `bandit_ppo` (meta-trained with ppo) | 12.3"
    assert f"{difference} [1.0, 20.0] | holds | 123 |" in lines
    assert f"{difference} [1.0, 20.0] | holds * | 123 |" in lines  # from one seed
    text = summary_text.markdown(small)
    assert "n = 20 agents per cell" in text
    assert "95% interval" in text


def test_n_is_in_the_cells_where_it_differs(results_of: Callable[[str], Any]) -> None:
    table = summary_text.returns_table(summarise(results_of("five environments")), "cartpole")
    assert "n = 8 to 16 agents per cell" in table
    assert "(n = 8)" in table
    assert "(n = 16)" in table


def test_a_task_may_have_no_return_at_which_it_counts_as_solved(
    results_of: Callable[[str], Any],
) -> None:
    results = results_of("one environment")
    config = results.world.config()
    tables = {name: results.tables[name] for name in summary.INPUTS}
    open_ended = {"cartpole": {**config["tasks"]["cartpole"], "solved": None}}
    numbers = summary.summarise("quick", open_ended, tables)
    assert numbers["steps_to_solve"]["cartpole"]["bandit_ppo"]["ppo"]["n"] == 0
    assert numbers["transfer"] == summarise(results)["transfer"]
    text = summary_text.markdown(numbers)
    assert "There is no agreed return" in text
    assert "**" not in summary_text.returns_table(numbers, "cartpole")
    assert "inf" not in text.replace("interquartile", "")


def of_another_library(results: Any) -> dict[str, pd.DataFrame]:
    """Tables of agents of another library, which are as good as ours."""
    there = {name: results.tables[name] for name in ("curves", "episodes")}
    tables = {f"client_{k}": table.assign(agent="sb3_" + table.agent) for k, table in there.items()}
    last = runs.finished(tables["client_curves"])
    return tables | {"client_curves": last.drop(columns="hp_learning_rate")}


def test_agents_of_another_library_have_a_table_of_their_own(
    results_of: Callable[[str], Any],
) -> None:
    results = results_of("five environments")
    config, clients = results.world.config(), of_another_library(results)
    tables = {name: results.tables[name] for name in summary.INPUTS}
    numbers = summary.summarise("quick", config["tasks"], tables | clients)
    ours = summarise(results)
    assert ours["clients"] == {"cartpole": {}}
    assert {**numbers, "clients": {}} == {**ours, "clients": {}}  # nothing of ours changes
    cell = numbers["clients"]["cartpole"]["mdp_ppo"]["sb3_ppo"]
    same = ours["transfer"]["cartpole"]["mdp_ppo"]["ppo"]
    assert {name: cell[name] for name in ("iqm", "low", "high", "n", "steps", "test_episodes")} == {
        name: same[name] for name in ("iqm", "low", "high", "n", "steps", "test_episodes")
    }
    assert "settings" not in cell
    assert cell["environments"] == 2
    assert all(
        c["unseen"]
        for place, row in numbers["clients"]["cartpole"].items()
        for c in row.values()
        if place != "real"
    )
    table = summary_text.clients_table(numbers, "cartpole")
    assert "| trained in | sb3_dqn | sb3_ppo |" in " ".join(table.split())
    assert "n = 8 to 16 agents per cell" in table
    assert "(meta-training seeds: 2)" in table
    assert f"**{cell['iqm']:,.1f}** [{cell['low']:,.1f}, {cell['high']:,.1f}] (n = 16) †" in table
    assert "### Agents of another library" in summary_text.markdown(numbers)
    assert "another library" not in summary_text.markdown(ours)


def test_tables_of_another_library_need_not_be_there(
    results_of: Callable[[str], Any], tmp_path: Path
) -> None:
    results = results_of("one environment")
    inputs = {**results.paths, "client_curves": [], "client_episodes": []}
    summary.run(results.world.config(), inputs, tmp_path, tmp_path)
    without = (tmp_path / "summary.json").read_bytes()
    for name, table in of_another_library(results).items():
        table.to_parquet(tmp_path / f"{name}.parquet")
        inputs[name] = [tmp_path / f"{name}.parquet"]
    summary.run(results.world.config(), inputs, tmp_path, tmp_path)
    shown = json.loads((tmp_path / "summary.json").read_text())
    assert shown["clients"]["cartpole"].keys() == {"bandit_ppo", "real"}
    assert {**shown, "clients": {"cartpole": {}}} == json.loads(without)
