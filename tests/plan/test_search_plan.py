"""Plans of searches for settings: what each job is given, and what is refused, in which words."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgym.plan import search_plan
from synthgym.plan.plan import Plan
from synthgym.plan.schema import ConfigError

ROOT = Path(__file__).parents[2]
PARAMS: dict[str, Any] = yaml.safe_load(
    """
scale: smoke
scales:
  smoke:
    seeds: [0]
    agents: [ddqn]
    environments:
      se: {synth: mdp, meta: {name: ferreira}, search: found}
      other: {synth: mdp, meta: {name: ferreira}}
    tasks:
      cartpole: {}
    search:
      cartpole:
        found:
          space:
            meta.sigma: {log_uniform: [0.01, 1.0]}
            meta.transform: {choice: [rank, nes]}
            agents.ddqn.hyperparameters.gamma: {one_minus_log_uniform: [0.001, 0.1]}
            agents.ddqn.static.hidden: {choice: [[32], [64, 64]]}
          settings:
            synth: {name: mdp, hidden: [16]}
            meta: {population: 8, steps: {ddqn: 700}}
          configurations: 9
          budget: {min: 1, max: 9, eta: 3}
          seeds: [0]
          judged: {draws: 4, episodes: 2}
          compared: {seeds: [1, 2], draws: 4, episodes: 2}
"""
)


def plan(**edits: Any) -> Plan:
    """PARAMS with other values for the search, or of the scale; double underscores are dots."""
    params = copy.deepcopy(PARAMS)
    scale = params["scales"]["smoke"]
    for name, value in edits.items():
        *parents, last = name.split("__")
        node = scale if parents[:1] == ["environments"] else scale["search"]["cartpole"]["found"]
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return Plan(params)


def refusal(**edits: Any) -> str:
    with pytest.raises(ConfigError) as error:
        plan(**edits).check("smoke")
    sentence = str(error.value)
    assert "\n" not in sentence
    return sentence


def test_a_search_is_given_its_settings_and_the_whole_budget() -> None:
    there = plan()
    there.check("smoke")
    job = there.resolve("smoke", "cartpole", search="found")
    assert (job["meta"]["name"], job["meta"]["agents"]) == ("ferreira", ["ddqn"])
    assert (job["meta"]["generations"], job["meta"]["stop"], job["meta"]["keep"]) == (
        *(9, "never", "last"),
    )
    assert (job["meta"]["population"], job["meta"]["steps"]) == (8, {"ddqn": 700})
    assert job["synth"]["hidden"] == [16]
    assert list(job["agents"]) == ["ddqn"]
    assert job["search"]["brackets"] == "full"  # defaults
    assert (job["search"]["random"], job["search"]["workers"]) == (0.3, 1)
    assert "compared" not in job["search"]  # which is of another job
    assert job["comparison"]["seeds"] == [1, 2]
    assert "distil" not in job
    again = there.resolve("smoke", "cartpole", search="found", overrides=["meta.population=4"])
    assert again["meta"]["population"] == 4


def test_the_report_knows_all_searches() -> None:
    about = plan().resolve("smoke")["searches"]["cartpole"]["found"]
    assert about["task"]["id"] == "CartPole-v1"
    assert about["search"]["budget"] == {"min": 1, "max": 9, "eta": 3}


def test_an_environment_names_the_search_whose_settings_it_has() -> None:
    there = plan()
    assert search_plan.whose(there, "smoke", "se") == "found"
    assert search_plan.whose(there, "smoke", "other") is None
    one, other = (there.resolve("smoke", "cartpole", name) for name in ("se", "other"))
    assert one == other  # it is no setting of the job: what was found is one of its inputs


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"space": {}}, "found.space: must have one setting or more."),
        ({"space": {"meta.sigmas": {"choice": [1, 2]}}}, "setting to search for is named sigmas"),
        ({"space": {"meta.generations": {"choice": [1, 2]}}}, "is named generations in meta"),
        ({"space": {"synth.hidden": {"choice": [[1], [2]]}}}, "must be such as meta.sigma"),
        ({"space": {"agents.ppo.static.hidden": {"choice": [[1], [2]]}}}, "no agent is named ppo"),
        (
            {"space": {"agents.ddqn.hyperparameters.speed": {"uniform": [0.0, 1.0]}}},
            "no hyperparameters setting is named speed in ddqn",
        ),
        (
            {"space": {"meta.sigma": {"uniform": [0.0, 1.0]}}},
            "space.meta.sigma: must be above 0, not 0.0.",
        ),
        (
            {"space": {"meta.sigma": {"log_uniform": [0.0, 1.0]}}},
            "space.meta.sigma.log_uniform: must begin above 0, not at 0.0.",
        ),
        ({"space": {"meta.sigma": {"uniform": [1.0, 0.5]}}}, "must be [low, high] with low < high"),
        ({"space": {"meta.sigma": [0.1, 0.2]}}, "must be one of choice, uniform, log_uniform"),
        ({"space": {"meta.transform": {"choice": ["rank", "nse"]}}}, "must be one of linear, rank"),
        ({"space": {"meta.transform": {"choice": ["rank", "rank"]}}}, "two entries or more"),
        (
            {"space": {"agents.ddqn.static.batch_size": {"uniform": [1.0, 2.0]}}},
            "batch_size: must be a choice.",
        ),
        (
            {
                "space": {"agents.ddqn.hyperparameters.learning_rate": {"uniform": [0.1, 0.2]}},
                "settings__meta__hyperparameters": "sampled",
            },
            "each agent draws its own; say meta.hyperparameters: default.",
        ),
        ({"budget": {"min": 1, "max": 9}}, "found.budget: lacks eta."),
        ({"budget": {"min": 10, "max": 9, "eta": 3}}, "budget: min must not be above max."),
        ({"budget": {"min": 1, "max": 9, "eta": 1}}, "budget.eta: must be at least 2, not 1."),
        ({"compared__seeds": [0, 1]}, "compared.seeds: 0 was searched with"),
        ({"seeds": []}, "found.seeds: must have one entry or more"),
        ({"brackets": "all"}, "brackets: must be one of hyperband, full, not all."),
        ({"random": 1.5}, "random: must be at most 1, not 1.5."),
        ({"workers": 0}, "workers: must be at least 1 processes, not 0."),
        ({"settings__meta__stop": "solved"}, "settings.meta.stop: must be never in a search."),
        ({"settings__meta__generations": 5}, "settings.meta.generations: must be 9 in a search."),
        ({"settings": {"meta": {"population": 4}}}, "settings: must say which synth"),
        ({"environments__se__search": "lost"}, "no search is named lost in search of cartpole"),
        ({"environments__se__meta__name": "open_es"}, "found is of ferreira, not open_es."),
        ({"environments__se__meta__agents": ["dqn"]}, "found has settings of ddqn, who is not"),
    ],
)
def test_what_makes_no_sense_is_refused(edits: dict[str, Any], words: str) -> None:
    assert words in refusal(**edits)


def test_a_search_lacks_nothing_that_it_needs() -> None:
    params = copy.deepcopy(PARAMS)
    del params["scales"]["smoke"]["search"]["cartpole"]["found"]["judged"]
    with pytest.raises(ConfigError, match=r"search\.cartpole\.found: lacks judged"):
        Plan(params).check("smoke")


def test_the_plans_of_this_repository_search() -> None:
    there = Plan.load(ROOT / "params.yaml")
    jobs = [job for scale in there.scales for job in search_plan.searches(there, scale)]
    assert {job["scale"] for job in jobs} == {"smoke", "quick", "standard", "paper"}
    for job in jobs:
        config = there.resolve(**job)
        assert config["meta"]["generations"] == config["search"]["budget"]["max"]
