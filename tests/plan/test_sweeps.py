"""Sweeps: what searches and studies of transforms are given; which settings a space has."""

from typing import Any

import pytest

from plans import PARTS, plan
from synthgym.plan.sweeps import contains, nested, setting

FOUND = "results/smoke/search/cartpole/found"


def test_a_search_is_given_its_settings_and_the_whole_budget() -> None:
    planned = plan({}, "search")
    planned.check()
    config = planned.jobs[FOUND].config([])
    meta, search = config["meta"], config["search"]
    assert (meta["name"], meta["agents"], meta["population"]) == ("ferreira", ["ddqn"], 8)
    assert (meta["generations"], meta["stop"], meta["keep"]) == (9, "never", "last")
    assert (meta["steps"], config["synth"]["hidden"]) == ({"ddqn": 700}, [16])
    assert list(config["agents"]) == ["ddqn"]
    assert (search["brackets"], search["random"], search["workers"]) == ("full", 0.3, 1)  # defaults
    assert search["space"] == PARTS["search"]["space"]
    assert "compared" not in search  # which is of the other job
    assert "distil" not in config
    again = planned.jobs[FOUND].config(["meta.population=4"])
    assert again["meta"]["population"] == 4


def test_what_a_search_finds_is_compared_and_told_to_the_report() -> None:
    planned = plan({}, "search")
    compared = planned.jobs[f"{FOUND}/comparison"]
    assert compared.stage == "search_comparison"
    assert compared.needs == {"settings": [f"{FOUND}/best.json"]}
    assert compared.config([])["comparison"]["seeds"] == [1, 2]
    report = planned.jobs["results/smoke/search_report"].config([])["searches"]["cartpole"]["found"]
    assert report["task"]["id"] == "CartPole-v1"
    assert report["search"]["budget"] == {"min": 1, "max": 9, "eta": 3}


def test_an_environment_names_the_search_whose_settings_it_has() -> None:
    searched = {"synth": "mdp", "meta": {"name": "ferreira"}, "search": "found"}
    only = {"smoke.tasks.acrobot": {"only": {"environments": ["bandit_ppo"]}}}
    planned = plan({"smoke.environments.mdp_dqn": searched, **only}, "search")
    planned.check()
    assert (planned.search_of("mdp_dqn"), planned.search_of("bandit_ppo")) == ("found", None)


def test_a_study_of_transforms_is_given_what_it_varies_beside_what_is_fixed() -> None:
    planned = plan({}, "transforms")
    planned.check()
    config = planned.jobs["results/smoke/transforms/empty_room"].config([])
    names = ("transforms", "step_sizes", "mirrored", "seeds")
    assert config["transforms"] == {name: PARTS["transforms"][name] for name in names}
    meta = config["meta"]
    assert not {"transform", "step_size", "mirrored"} & meta.keys()
    assert (meta["name"], meta["agents"], meta["solved"]) == ("ferreira", ["q_learning"], 0.8)
    assert (meta["generations"], meta["population"]) == (7, 4)
    assert meta["steps"] == {"q_learning": 90}
    assert (config["synth"]["name"], config["synth"]["observations"]) == ("mdp", ["one_hot"])
    assert list(config["agents"]) == ["q_learning"]
    report = planned.jobs["results/smoke/transform_report"].config([])["transform_tasks"]
    about = report["empty_room"]
    assert (about["id"], about["agent"], about["generations"]) == ("EmptyRoom22", "q_learning", 7)


@pytest.mark.parametrize(
    ("how", "inside", "outside"),
    [
        ({"choice": [[32], [64, 64]]}, [64, 64], [64]),
        ({"uniform": [0.0, 1.0]}, 1.0, 1.1),
        ({"log_uniform": [0.01, 1.0]}, 0.01, 0.001),
        ({"one_minus_log_uniform": [0.001, 0.1]}, 0.95, 0.5),
    ],
)
def test_a_space_has_what_can_be_drawn_from_it(how: Any, inside: Any, outside: Any) -> None:
    assert contains(how, inside)
    assert not contains(how, outside)


def test_a_setting_is_read_where_it_is_written() -> None:
    assert nested("agents.ddqn.static.hidden", 3) == {"agents": {"ddqn": {"static": {"hidden": 3}}}}
    assert setting(nested("meta.sigma", 0.5), "meta.sigma") == 0.5
