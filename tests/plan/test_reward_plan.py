"""Plans of reward networks: what each job is given, and what is refused, in which words."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgym.plan import reward_plan
from synthgym.plan.plan import Plan
from synthgym.plan.schema import ConfigError, definition, groups

PARAMS: dict[str, Any] = yaml.safe_load(
    """
scale: smoke
scales:
  smoke:
    seeds: [0]
    agents: [ppo]
    environments: {}
    tasks: {}
    rewards:
      cliff:
        networks: [additive_potential, exclusive_potential]
        seeds: [0, 1, 2]
        agent: q_learning
        settings:
          meta: {generations: 7, objective: {name: steps_to_solve, tests: 40, window: 5}}
          transfer: {draws: 4, steps: 500}
        evolve: {agents: {q_learning: {hyperparameters: {epsilon_end: 0.01}}}}
        kinds: {exclusive_potential: {synth: {terminal_potential: network}}}
        experiments:
          fixed: {agent: q_learning}
          unseen: {agent: sarsa, transfer: {steps: 900}}
        baselines:
          plain: {}
          count: {agents: {q_learning: {hyperparameters: {count_bonus: 0.1}}}}
          other: {in_place_of: {sarsa: dqn}}
          found:
            in_place_of: {sarsa: dqn, q_learning: q_learning}
            tune:
              space: {gamma: {uniform: [0.5, 1.0]}}
              configurations: 5
              budget: {min: 100, max: 400, eta: 2}
              draws: 3
              evaluations: 8
              seed: 9
"""
)


def plan(task: str = "cliff", **edits: Any) -> Plan:
    """PARAMS with other values for the task; double underscores are dots."""
    params = copy.deepcopy(PARAMS)
    rewards = params["scales"]["smoke"]["rewards"]
    rewards = params["scales"]["smoke"]["rewards"] = {task: rewards["cliff"]}
    for name, value in edits.items():
        *parents, last = name.split("__")
        node = rewards[task]
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return Plan(params)


def refusal(task: str = "cliff", **edits: Any) -> str:
    with pytest.raises(ConfigError) as error:
        plan(task, **edits).check("smoke")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_network_is_evolved_as_planned() -> None:
    config = plan().resolve("smoke", "cliff", network="additive_potential", seed="2")
    meta = config["meta"]
    assert (config["seed"], meta["name"], meta["agents"]) == (2, "ferreira", ["q_learning"])
    assert (meta["generations"], meta["steps"]) == (7, {"q_learning": 10000})
    assert meta["objective"] == {
        "name": "steps_to_solve",
        "tests": 40,
        "window": 5,
        "penalty": 100.0,
        "solved": -20.0,
    }
    assert list(config["agents"]) == ["q_learning"]
    assert config["agents"]["q_learning"]["hyperparameters"]["epsilon_end"] == 0.01
    synth = config["synth"]
    assert (synth["reward"], synth["terminal_potential"]) == ("additive_potential", "zero")
    assert "tuned" not in config["task"]


def test_differences_of_a_kind_are_those_of_its_jobs_only() -> None:
    config = plan().resolve("smoke", "cliff", network="exclusive_potential", experiment="fixed")
    assert config["synth"]["terminal_potential"] == "network"
    assert config["agents"]["q_learning"]["hyperparameters"]["epsilon_end"] == 0.1
    assert config["transfer"]["steps"] == 500


def test_without_a_network_there_are_as_many_agents_as_with_all_of_a_kind() -> None:
    config = plan().resolve("smoke", "cliff", baseline="count", experiment="fixed")
    assert (config["baseline"]["draws"], config["baseline"]["steps"]) == (3 * 4, 500)
    assert config["agents"]["q_learning"]["hyperparameters"]["count_bonus"] == 0.1
    assert "synth" not in config
    config = plan().resolve("smoke", "cliff", baseline="other", experiment="unseen")
    assert (list(config["agents"]), config["baseline"]["steps"]) == (["dqn"], 900)


def test_every_job_is_planned_once() -> None:
    jobs = plan()
    assert len(list(reward_plan.networks(jobs, "smoke"))) == 2 * 3
    assert len(list(reward_plan.studies(jobs, "smoke"))) == 2 * 2
    without = [(j["baseline"], j["experiment"]) for j in reward_plan.without(jobs, "smoke")]
    both = ("fixed", "unseen")
    # `other` stands in for SARSA only.
    assert without == [
        *(("plain", x) for x in both),
        *(("count", x) for x in both),
        ("other", "unseen"),
        *(("found", x) for x in both),
    ]
    assert len(list(reward_plan.maps(jobs, "smoke"))) == 2


def test_the_report_knows_how_many_steps_an_action_is() -> None:
    def summary(**edits: Any) -> Any:
        jobs = plan("mountain_car_continuous", **edits)
        return reward_plan.summary(jobs, "smoke")["mountain_car_continuous"]

    repeated = {"module": "synthgym.tasks.repeat"}
    twice, often = (
        {**repeated, "options": {"of": "synthgym.tasks.classic", "repeat": n}} for n in (2, 5)
    )
    edits: dict[str, Any] = {
        "agent": "td3",
        "evolve": {},
        "settings__meta__steps": {"td3": 500},
        "experiments": {"fixed": {"agent": "td3"}, "unseen": {"agent": "ppo", "task": often}},
        "baselines": {"plain": {}},
        "settings__task": twice,
    }
    about = summary(**edits)
    assert (about["repeat"], about["repeat_evolved"]) == ({"fixed": 2, "unseen": 5}, 2)
    edits["settings__task"] = {}
    about = summary(**edits)
    assert (about["repeat"], about["repeat_evolved"]) == ({"fixed": 1, "unseen": 5}, 1)


def test_a_baseline_is_tuned_once_for_each_of_its_agents() -> None:
    jobs = plan(experiments__varied={"agent": "q_learning", "transfer": {"draws": 2}})
    tuned = [(job["tuning"], job["experiment"]) for job in reward_plan.tunings(jobs, "smoke")]
    assert tuned == [("found", "fixed"), ("found", "unseen")]  # Q-learning and DQN
    where = [
        reward_plan.tuned_in(jobs, "smoke", "cliff", "found", name)
        for name in ("fixed", "varied", "unseen")
    ]
    assert where == ["fixed", "fixed", "unseen"]
    assert reward_plan.tuned_in(jobs, "smoke", "cliff", "plain", "fixed") is None


def test_a_search_for_the_settings_of_a_baseline_is_as_planned() -> None:
    config = plan().resolve("smoke", "cliff", tuning="found", experiment="unseen")
    assert list(config["agents"]) == ["dqn"]
    search = config["search"]
    assert search["space"] == {"agents.dqn.hyperparameters.gamma": {"uniform": [0.5, 1.0]}}
    assert (search["seeds"], search["configurations"]) == ([9], 5)
    baseline = config["baseline"]
    assert (baseline["draws"], baseline["evaluations"], baseline["steps"]) == (3, 8, 400)
    assert (baseline["hyperparameters"], baseline["stop"]) == ("default", "never")
    about = reward_plan.summary(plan(), "smoke")["cliff"]["tuned"]
    assert about["found/fixed"] == {"agent": "q_learning", "steps": 400, "default": {"gamma": 0.8}}


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        (
            {"baselines__found__tune__space": {"count_bonus": {"uniform": [0.0, 1.0]}}},
            "found.tune.space.count_bonus: no hyperparameter is named count_bonus in "
            "conf/agent/dqn.yaml",
        ),
        (
            {"baselines__found__tune__space": {"gamma": {"normal": [0.0, 1.0]}}},
            "tune.space.gamma: must be one of choice, uniform",
        ),
        ({"baselines__found__tune__space": {}}, "tune.space: must have one setting or more"),
        (
            {"baselines__found__tune__budget": {"min": 500, "max": 400, "eta": 2}},
            "tune.budget: min must not be above max",
        ),
        ({"baselines__found__tune": {}}, "baselines.found.tune: lacks space, configurations"),
        ({"networks": ["additive"]}, "networks: must be one of exclusive_potential"),
        (
            {"networks": ["additive_potential_info"]},
            "additive_potential_info needs an info vector, which cliff does not have",
        ),
        ({"agent": "td3"}, "td3 needs continuous actions; cliff has 4 discrete ones"),
        ({"seeds": [0, 0]}, "seeds: must have one entry or more, each once"),
        ({"experiments__unseen": {}}, "experiments.unseen: must say which agent"),
        ({"experiments__unseen__agent": "sarsaa"}, "do you mean sarsa?"),
        ({"baselines__other": {"in_place_of": {"dqn": "sarsa"}}}, "no agent is named dqn"),
        ({"kinds": {"additive_non_potential": {}}}, "no network is named additive_non_potential"),
        ({"settings__transfer__stepps": 3}, "unknown setting; do you mean steps?"),
        (
            {"settings__meta__objective__name": "speed"},
            "must be one of final_return, steps_to_solve, area_under_curve, not speed",
        ),
        (
            {"settings__meta__objective__window": 50},
            "its window cannot be longer than all its tests",
        ),
        ({"baselines": {"real": {}}}, "nothing may be named real"),
    ],
)
def test_what_makes_no_sense_is_refused(edits: dict[str, Any], words: str) -> None:
    assert words in refusal(**edits)


def test_steps_to_solve_need_a_task_that_can_be_solved() -> None:
    changes = {
        "agent": "td3",
        "experiments": {"fixed": {"agent": "td3"}},
        "baselines": {},
        "evolve": {},
        "settings__meta__steps": {"td3": 100},
        "settings__meta__stop": "never",
    }
    assert "walker2d does not say when it is solved; use area" in refusal("walker2d", **changes)


def test_reward_networks_are_no_environments_of_a_plan() -> None:
    params = copy.deepcopy(PARAMS)
    environments = {"one": {"synth": "reward_network", "meta": {}}}
    params["scales"]["smoke"]["environments"] = environments
    with pytest.raises(ConfigError, match="reward_network is planned under `rewards`"):
        Plan(params).check("smoke")


def test_other_jobs_know_nothing_of_them() -> None:
    """So that what was computed before there were reward networks stays valid."""
    planned = Plan.load(Path(__file__).parents[2] / "params.yaml")
    config = planned.resolve("quick", "cartpole", "bandit_ppo", agent="ppo")
    text = json.dumps(config)
    assert "terminal_potential" not in text
    assert "objective" not in config["meta"]
    assert "info" not in config["task"]


def test_info_vectors_are_for_tasks_of_brax() -> None:
    for name in groups("task"):
        task = definition("task", name)
        assert bool(task["info"]) == task["module"].endswith("brax")
