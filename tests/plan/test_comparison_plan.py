"""Plans of comparisons: what each job is given, and what is refused, in which words."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgym.plan import comparison_plan
from synthgym.plan.plan import Plan
from synthgym.plan.schema import ConfigError

PARAMS: dict[str, Any] = yaml.safe_load(
    """
scale: smoke
scales:
  smoke:
    seeds: [0, 1, 2]
    agents: [ppo]
    environments:
      trained: {synth: {name: bandit, hidden: [7]}, meta: {agents: [ppo]}}
      distilled: {synth: table_bandit, distil: {}, seeds: [4]}
    tasks: {cartpole: {teacher: {agent: ppo}}, acrobot: {only: {environments: [trained]}}}
    comparisons:
      lengths:
        about: Bandit or MDP
        task: cartpole
        seeds: [0, 1]
        settings:
          meta: {agents: [dqn], steps: {dqn: 900}}
          transfer: {draws: 4, steps: 500}
          baseline: {steps: 800}
        arms:
          bandit: {meta: {agents: [ppo, dqn]}}
          mdp: {synth: mdp, transfer: {steps: 300}, seeds: [5], meta: {sigma: 0.5}}
        environments: [trained, distilled]
        trials:
          dqn: {agent: dqn}
          wide: {agent: ppo, arms: [mdp, trained], agents: {ppo: {static: {hidden: [99]}}}}
        claims:
          - {says: As good, of: [bandit], over: [mdp, real], expect: equal}
      other: {about: Another, task: acrobot, environments: [trained], trials: {dqn: {agent: dqn}}}
"""
)


def plan(**edits: Any) -> Plan:
    """PARAMS with other values for the comparison; double underscores are dots."""
    params = copy.deepcopy(PARAMS)
    for name, value in edits.items():
        *parents, last = name.split("__")
        node = params["scales"]["smoke"]["comparisons"]["lengths"]
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return Plan(params)


def refusal(**edits: Any) -> str:
    with pytest.raises(ConfigError) as error:
        plan(**edits).check("smoke")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_environment_is_meta_trained_as_its_arm_says() -> None:
    mdp = plan().resolve("smoke", comparison="lengths", arm="mdp", seed="5")
    assert (mdp["seed"], mdp["synth"]["name"], mdp["meta"]["sigma"]) == (5, "mdp", 0.5)
    assert mdp["meta"]["steps"] == {"dqn": 900}
    assert list(mdp["agents"]) == ["dqn"]
    bandit = plan().resolve("smoke", comparison="lengths", arm="bandit", seed="0")
    assert bandit["synth"]["name"] == "bandit"
    assert list(bandit["agents"]) == ["ppo", "dqn"]


def test_agents_are_judged_by_what_an_environment_is_not_by_how_it_was_made() -> None:
    dqn = plan().resolve("smoke", comparison="lengths", arm="mdp", trial="dqn")
    assert (dqn["transfer"]["draws"], dqn["transfer"]["steps"]) == (4, 300)
    assert "meta" not in dqn
    wide = plan().resolve("smoke", comparison="lengths", arm="trained", trial="wide")
    assert wide["synth"]["hidden"] == [7]  # an environment of the plan, as it is there
    assert wide["agents"]["ppo"]["static"]["hidden"] == [99]
    assert wide["transfer"]["steps"] == 500


def test_in_the_task_there_is_no_environment() -> None:
    real = plan().resolve("smoke", comparison="lengths", trial="wide")
    assert "synth" not in real
    assert real["baseline"]["steps"] == 800
    assert real["agents"]["ppo"]["static"]["hidden"] == [99]


def test_all_jobs_are_listed_once() -> None:
    made = {(job["arm"], job["seed"]) for job in comparison_plan.made(plan(), "smoke")}
    assert made == {("bandit", 0), ("bandit", 1), ("mdp", 5)}
    studies = [
        (job["arm"], job["trial"])
        for job in comparison_plan.studies(plan(), "smoke")
        if job["comparison"] == "lengths"
    ]
    everywhere = [(arm, "dqn") for arm in ("bandit", "mdp", "trained", "distilled")]
    assert studies == [*everywhere, ("mdp", "wide"), ("trained", "wide")]
    of_plan = [
        (job["task"], job["environment"], job["seed"])
        for job in comparison_plan.of_plan(plan(), "smoke")
    ]
    trained = [("cartpole", "trained", seed) for seed in (0, 1, 2)]
    others = [("acrobot", "trained", seed) for seed in (0, 1, 2)]
    assert of_plan == [*trained, ("cartpole", "distilled", 4), *others]


def test_the_report_knows_who_was_seen_and_for_how_long() -> None:
    about = comparison_plan.summary(plan(), "smoke")["lengths"]
    assert about["agents"] == {
        "bandit": ["ppo", "dqn"],
        "mdp": ["dqn"],
        "trained": ["ppo"],
        "distilled": [],
    }
    assert about["trials"]["wide"]["steps"] == {"mdp": 300, "trained": 500}
    assert about["trials"]["wide"]["real_steps"] == 800
    assert about["task"]["id"] == "CartPole-v1"
    assert (about["made"], about["arms"][2:]) == (["bandit", "mdp"], ["trained", "distilled"])


def test_what_is_left_out_is_not_planned() -> None:
    params = copy.deepcopy(PARAMS)
    params["scales"]["smoke"]["left_out"] = ["lengths"]
    assert list(comparison_plan.planned(Plan(params), "smoke")) == ["other"]
    params["scales"]["smoke"]["left_out"] = ["length"]
    with pytest.raises(ConfigError, match=r"left_out: no comparison is named length in .*lengths"):
        Plan(params).check("smoke")


def test_objectives_may_be_left_out_as_a_whole() -> None:
    path = Path(__file__).parents[2] / "params.yaml"
    params = yaml.safe_load(path.read_text())
    assert not Plan(params).judged("quick")
    params["scales"]["quick"]["left_out"].remove("objectives")
    plan = Plan(params)
    plan.check("quick")
    learned = ["lpo_task", "lpo_bandit", "lpo_bandit_only"]
    assert plan.judged("quick") == ["ppo", "dpo", *learned]


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        ({"task": "cartpol"}, "lengths.task: no task is named cartpol in conf/task"),
        ({"about": 3}, "lengths.about: must be a word, not 3."),
        ({"arms__real": {}}, "lengths.arms.real: nothing may be named real"),
        ({"arms__trained": {}}, "arms.trained: that is the name of something else here."),
        ({"arms__bandit": {"meta": {"sigm": 1}}}, "arms.bandit.meta.sigm: unknown setting"),
        ({"arms__bandit": {"synth": "bandits"}}, "no synth is named bandits in conf/synth"),
        ({"environments": ["traind"]}, "no environment is named traind in cartpole"),
        ({"task": "mountain_car"}, "lengths.task: no task is named mountain_car in the plan"),
        ({"trials__dqn": {}}, "trials.dqn: must say which agent."),
        ({"trials__dqn": {"agent": "ddpg"}}, "trials.dqn.agent: ddpg"),
        ({"trials__wide__arms": ["mdps"]}, "trials.wide.arms: no arm is named mdps in the plan"),
        ({"arms": {}, "environments": []}, "lengths: must have arms or environments, or both."),
        ({"seeds": [1, 1]}, "arms.bandit.seeds: must have one entry or more, each once"),
        ({"claims": [{"says": "x"}]}, "claims[0]: lacks of, over, expect."),
        (
            {"claims": [{"says": "x", "of": ["bandits"], "over": ["mdp"], "expect": "equal"}]},
            "claims[0].of: no arm is named bandits in the plan; do you mean bandit?",
        ),
        (
            {"claims": [{"says": "x", "of": ["mdp"], "over": ["real"], "expect": "worse"}]},
            "claims.expect: must be one of better, equal, not worse.",
        ),
    ],
)
def test_nonsense_is_refused_with_its_place(edit: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(**edit)


def test_seeds_may_be_lacking_only_where_every_arm_has_its_own() -> None:
    params = copy.deepcopy(PARAMS)
    del params["scales"]["smoke"]["comparisons"]["lengths"]["seeds"]
    with pytest.raises(ConfigError, match=r"arms.bandit.seeds: must have one entry or more"):
        Plan(params).check("smoke")
