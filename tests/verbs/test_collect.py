"""From results to a zoo: which environments, what their cards say, and what is refused."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthgym import zoo
from synthgym.analysis.core.statistics import estimate
from synthgym.core.io import read_json
from synthgym.plan.plan import Plan
from synthgym.verbs.collect import collect, index
from synthgym.zoo import folders, guard

SCALE = "smoke"


def zoo_of(results: Any, folder: str = "zoo") -> dict[str, dict[str, Any]]:
    """(name, variant) joined -> card, of what is collected."""
    collect(results.plan, SCALE, results.root, Path(folder), "1.2.3")
    return {
        str(path.parent.relative_to(folder)): read_json(path)
        for path in Path(folder).glob("*/*/card.json")
    }


def test_there_is_one_for_each_environment_of_the_plan(results: Any) -> None:
    cards = zoo_of(results)
    planned = {
        (task, environment)
        for task in results.plan[SCALE].tasks
        for environment in results.plan[SCALE].environments(task)
    }
    assert {(card["task"]["name"], card["variant"]) for card in cards.values()} == planned
    for place in cards:
        guard.environment(Path("zoo", place, "environment.safetensors"))


def test_a_card_says_how_it_was_made_and_what_that_took(results: Any) -> None:
    cards = zoo_of(results)
    distilled = cards["Synthetic-Acrobot-v1/distilled"]
    both = cards["Synthetic-Acrobot-v1/distilled_dqn"]
    assert (distilled["made"], distilled["seen"]) == ("distilled", [])
    assert (both["made"], both["seen"]) == ("distilled+evolved", ["dqn"])
    assert (cards["Synthetic-CartPole-v1/bandit_ppo"]["made"]) == "evolved"
    steps = {"real_steps": 510, "synthetic_steps": 50, "updates": 35}
    assert both["cost"] == steps | {"seconds": 2.5, "generations": 4}
    assert (both["code"], both["version"], both["seed"]) == ("c0de", "1.2.3", 0)
    assert both["config"]["meta"]["start"] == "distilled"


def test_what_is_no_better_than_its_start_says_so(results: Any) -> None:
    both, words = "Synthetic-Acrobot-v1/distilled_dqn", "than its start: it is `distilled`."
    assert words in zoo_of(results)[both]["limits"][-1]  # both are drawn from one key
    results.seed = 1
    results.environment("acrobot", "distilled_dqn")
    assert words not in zoo_of(results, "again")[both]["limits"][-1]


@pytest.mark.parametrize("name", zoo.names())
def test_environments_that_came_with_the_package_are_another_or_say_so(name: str) -> None:
    arrays = {v: guard.read_arrays(folders.file(name, v, None)) for v in zoo.variants(name)}
    for one, other in combinations(arrays, 2):
        if arrays[one].keys() == arrays[other].keys() and all(
            np.array_equal(arrays[one][key], arrays[other][key]) for key in arrays[one]
        ):
            said = [limit for v in (one, other) for limit in zoo.card(name, v)["limits"]]
            assert any("Nothing better was found" in limit for limit in said)


def test_what_agents_reach_is_counted_from_their_tables(results: Any) -> None:
    card = zoo_of(results)["Synthetic-CartPole-v1/bandit_ppo"]
    dqn = card["transfer"]["dqn"]
    expected = estimate([101.0, 102.0, 103.0, 104.0])  # the second agent, after 1000 steps
    assert (dqn["iqm"], dqn["n"], dqn["steps"]) == (expected.iqm, 4, 1000)
    assert dqn["low"] == pytest.approx(expected.low, rel=1e-5)
    assert dqn["returns"] == [101.0, 102.0, 103.0, 104.0]
    assert (dqn["settings"], dqn["test_episodes"]) == (4, 6)
    assert (dqn["ranges"], dqn["static"]) == ({"learning_rate": [0.0, 0.3]}, {"num_envs": 2})
    assert {agent: card["transfer"][agent]["unseen"] for agent in card["transfer"]} == {
        "ppo": False,
        "dqn": True,
    }
    assert {agent: one["iqm"] for agent, one in card["all_seeds"].items()} == {"ppo": 2.0}
    assert {agent: one["iqm"] for agent, one in card["real"].items()} == {"ppo": 1.0}


def test_limits_name_who_does_not_solve_the_task(results: Any) -> None:
    cards = zoo_of(results)
    said = " ".join(cards["Synthetic-CartPole-v1/bandit_ppo"]["limits"])
    assert "Judged with dqn, ppo only, with settings in the ranges listed" in said
    assert "dqn, ppo do not solve CartPole-v1" in said  # 102.5 and 2.5 of 475
    assert "every episode has one step" in said
    mdp = " ".join(cards["Synthetic-Acrobot-v1/mdp_dqn"]["limits"])
    assert "do not solve" not in mdp  # 2.5 is above -100
    assert "every episode has one step" not in mdp


def test_the_same_results_give_the_same_bytes(results: Any) -> None:
    zoo_of(results, "one")
    zoo_of(results, "two")
    zoo_of(results, "two")
    one, two = (
        {str(p.relative_to(d)): p.read_bytes() for p in Path(d).rglob("*") if p.is_file()}
        for d in ("one", "two")
    )
    assert one == two
    assert len(one) == 2 * 5 + 1


def test_the_default_is_a_distilled_bandit_before_others() -> None:
    def card(variant: str, made: str, horizon: int) -> dict[str, Any]:
        synth = {"horizon": horizon}
        return {"name": "x", "variant": variant, "made": made, "config": {"synth": synth}}

    cards = [
        card("mdp", "distilled", 50),
        card("e", "evolved", 1),
        card("de", "distilled+evolved", 1),
        card("d", "distilled", 1),
    ]
    assert index(cards)["x"] == {"default": "d", "variants": ["mdp", "e", "de", "d"]}
    assert index(cards[:3])["x"]["default"] == "de"
    assert index(cards[:2])["x"]["default"] == "e"
    assert index(cards[:1])["x"]["default"] == "mdp"


def test_what_the_plan_no_longer_has_goes(results: Any) -> None:
    zoo_of(results)
    only = results.plan.params["scales"][SCALE]["tasks"]
    del only["cartpole"]
    only["acrobot"]["only"]["environments"] = ["mdp_dqn"]
    cards = zoo_of(type("Fewer", (), {"plan": Plan(results.plan.params), "root": results.root}))
    assert list(cards) == ["Synthetic-Acrobot-v1/mdp_dqn"]
    assert not Path("zoo/Synthetic-CartPole-v1").exists()
    assert list(folders.index(Path("zoo"))["environments"]) == ["Synthetic-Acrobot-v1"]


def test_a_result_that_is_not_there_is_named_with_the_remedy(results: Any) -> None:
    path = results.made("acrobot", "mdp_dqn") / "manifest.json"
    path.unlink()
    with pytest.raises(ValueError, match=r"mdp_dqn/.*manifest.json is not there; `snakemake`"):
        zoo_of(results)


def test_a_file_that_is_not_that_of_its_manifest_is_refused(results: Any) -> None:
    made = results.made("acrobot", "mdp_dqn")
    manifest = json.loads((made / "manifest.json").read_text())
    manifest["outputs"]["environment.safetensors"] = "0" * 64
    (made / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="is not the file that its manifest says"):
        zoo_of(results)
