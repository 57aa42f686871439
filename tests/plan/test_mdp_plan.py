"""Plans of synthetic MDPs: what each job is given, and what is refused, in which words."""

import copy
from typing import Any

import pytest
import yaml

from synthgym.plan import mdp_plan
from synthgym.plan.plan import Plan
from synthgym.plan.schema import ConfigError

PARAMS: dict[str, Any] = yaml.safe_load(
    """
scale: smoke
scales:
  smoke:
    seeds: [0]
    agents: [ppo]
    environments: {}
    tasks: {}
    mdps:
      cartpole_v0:
        seeds: [0, 1, 2]
        agent: ddqn
        settings:
          synth: {hidden: [16]}
          transfer: {draws: 4, steps: 500, stop: converged}
          baseline: {steps: 900, stop: solved}
        arms:
          varied: {meta: {hyperparameters: sampled}}
          fixed: {synth: {hidden: [8]}}
          modelled: {model: {agents: 7}}
        trials:
          seen: {agent: ddqn}
          dueling: {agent: dueling_ddqn, transfer: {draws: 6}}
          ranking: {agent: ddqn, transfer: {draws: 6, repeats: 2}, baseline: {draws: 6, repeats: 2}}
"""
)


def plan(**edits: Any) -> Plan:
    """PARAMS with other values for the task; double underscores are dots."""
    params = copy.deepcopy(PARAMS)
    for name, value in edits.items():
        *parents, last = name.split("__")
        node = params["scales"]["smoke"]["mdps"]["cartpole_v0"]
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return Plan(params)


def refusal(**edits: Any) -> str:
    with pytest.raises(ConfigError) as error:
        plan(**edits).check("smoke")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_mdp_is_evolved_as_its_arm_says() -> None:
    config = plan().resolve("smoke", "cartpole_v0", arm="varied", seed="2")
    meta = config["meta"]
    assert (config["seed"], meta["name"], meta["agents"]) == (2, "ferreira", ["ddqn"])
    assert (meta["hyperparameters"], config["synth"]["hidden"]) == ("sampled", [16])
    assert plan().resolve("smoke", "cartpole_v0", arm="fixed")["synth"]["hidden"] == [8]
    assert list(config["agents"]) == ["ddqn"]


def test_a_fitted_mdp_has_no_search() -> None:
    config = plan().resolve("smoke", "cartpole_v0", arm="modelled", seed="0")
    assert config["model"]["agents"] == 7
    assert "meta" not in config


def test_who_makes_an_mdp_is_not_who_is_judged_in_it() -> None:
    tuned = {"agents": {"ddqn": {"hyperparameters": {"tau": 0.5}}}, "synth": {"hidden": [9]}}
    of = plan(arms__fixed=tuned)
    maker = of.resolve("smoke", "cartpole_v0", arm="fixed", seed="0")
    judged = of.resolve("smoke", "cartpole_v0", arm="fixed", trial="seen")
    assert maker["agents"]["ddqn"]["hyperparameters"]["tau"] == 0.5
    assert judged["agents"]["ddqn"]["hyperparameters"]["tau"] == 0.01
    assert maker["synth"]["hidden"] == judged["synth"]["hidden"] == [9]


def test_as_many_agents_train_in_the_task_as_with_all_mdps_of_an_arm() -> None:
    there = plan().resolve("smoke", "cartpole_v0", arm="fixed", trial="dueling")
    here = plan().resolve("smoke", "cartpole_v0", trial="dueling")
    assert (there["transfer"]["draws"], here["baseline"]["draws"]) == (6, 18)
    assert (there["transfer"]["stop"], here["baseline"]["stop"]) == ("converged", "solved")
    assert here["baseline"]["solved"] == 195.0
    assert list(there["agents"]) == list(here["agents"]) == ["dueling_ddqn"]
    assert "synth" not in here


def test_settings_are_repeated_where_they_are_ranked_and_not_mentioned_elsewhere() -> None:
    here = plan().resolve("smoke", "cartpole_v0", trial="ranking")["baseline"]
    assert (here["draws"], here["repeats"]) == (18, 6)
    assert "repeats" not in plan().resolve("smoke", "cartpole_v0", trial="seen")["baseline"]


def test_every_job_is_listed_once() -> None:
    of = plan()
    evolved, fitted = list(mdp_plan.mdps(of, "smoke")), list(mdp_plan.models(of, "smoke"))
    assert [(job["arm"], job["seed"]) for job in fitted] == [("modelled", s) for s in (0, 1, 2)]
    assert len(evolved) == 6
    assert len(list(mdp_plan.studies(of, "smoke"))) == 9
    own = plan(arms__fixed={"seeds": [7]})
    assert [j["seed"] for j in mdp_plan.mdps(own, "smoke") if j["arm"] == "fixed"] == [7]
    fewer = plan(trials__ranking__arms=["fixed"])
    assert len(list(mdp_plan.studies(fewer, "smoke"))) == 7
    assert [job["trial"] for job in mdp_plan.real(of, "smoke")] == ["seen", "dueling", "ranking"]
    assert [job["arm"] for job in mdp_plan.arms(of, "smoke")] == ["varied", "fixed"]


def test_agents_have_shapes_only_where_some_are_planned() -> None:
    shapes = [{"hidden": [8]}, {"hidden": [4, 4], "batch_size": 16}]
    of = plan(settings__agents={"ddqn": {"shapes": shapes}}, settings__meta={"evaluate_draws": 6})
    agent = of.resolve("smoke", "cartpole_v0", arm="varied", seed="0")["agents"]["ddqn"]
    assert agent["shapes"] == shapes
    plain = plan().resolve("smoke", "cartpole_v0", arm="varied", seed="0")["agents"]["ddqn"]
    assert "shapes" not in plain


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"trials__seen": {}}, "trials.seen: must say which agent"),
        ({"trials__seen": {"agent": "td3"}}, "trials.seen.agent: td3 needs continuous actions"),
        ({"arms__fixed": {"meta": {"sigma": 0}}}, "arms.fixed.meta.sigma: must be above 0"),
        ({"arms__real": {}}, "arms.real: nothing may be named real"),
        ({"trials__seen__arms": ["fixe"]}, "trials.seen.arms: no arm is named fixe"),
        ({"arms__fixed": {"search": "se"}}, "arms.fixed.search: no search is named se"),
        ({"arms__fixed": {"seeds": [1, 1]}}, "arms.fixed.seeds: must have one entry or more"),
        ({"seeds": []}, "seeds: must have one entry or more"),
        (
            {"trials__ranking": {"agent": "ddqn", "transfer": {"draws": 5, "repeats": 2}}},
            "trials.ranking.transfer: 5 draws for 2 of each setting",
        ),
        (
            {"settings__agents": {"ddqn": {"shapes": [{"width": 3}]}}},
            "shapes[0].width: no static setting is named width",
        ),
        (
            {"settings__agents": {"ddqn": {"shapes": [{"num_envs": 3}]}}},
            "num_envs and num_steps are for `static`",
        ),
        (
            {
                "settings__agents": {"ddqn": {"shapes": [{"hidden": [3]}] * 3}},
                "settings__meta": {"evaluate_draws": 8},
            },
            "evaluate_draws: must be a multiple of 3, the shapes of ddqn",
        ),
    ],
)
def test_nonsense_is_refused_where_it_is_written(edits: dict[str, Any], words: str) -> None:
    message = refusal(**edits)
    assert words in message
    assert "mdps.cartpole_v0" in message
