"""Experiments: what each of their jobs is given, which there are, what claims are about."""

from typing import Any

import pytest

from plans import plan
from synthgym.jobs.planned import rule_of
from synthgym.plan.experiments import Experiment
from synthgym.plan.objectives import Objectives
from synthgym.plan.scale import ScalePlan
from synthgym.plan.schema import definition

LENGTHS = "results/smoke/comparisons/lengths"
MDPS = "results/smoke/mdps/cartpole_v0"
REWARDS = "results/smoke/rewards/cliff"
OBJECTIVES = "results/smoke/objectives"


def config(planned: ScalePlan, out: str, *overrides: str) -> Any:
    return planned.jobs[out].config(overrides)


def outs(planned: ScalePlan, stage: str, place: str) -> list[str]:
    """Return where jobs of a stage leave their results below a place."""
    return [
        job.out.removeprefix(f"{place}/")
        for job in planned.jobs.values()
        if job.stage == stage and job.out.startswith(place)
    ]


def test_an_environment_is_meta_trained_as_its_arm_says() -> None:
    planned = plan({}, "lengths")
    mdp = config(planned, f"{LENGTHS}/mdp/seed5/metatrain")
    assert (mdp["seed"], mdp["synth"]["name"], mdp["meta"]["sigma"]) == (5, "mdp", 0.5)
    assert (mdp["meta"]["steps"], list(mdp["agents"])) == ({"dqn": 900}, ["dqn"])
    bandit = config(planned, f"{LENGTHS}/bandit/seed0/metatrain", "seed=3", "meta.sigma=0.25")
    assert (bandit["synth"]["name"], list(bandit["agents"])) == ("bandit", ["ppo", "dqn"])
    assert (bandit["seed"], bandit["meta"]["sigma"]) == (3, 0.25)


def test_agents_are_judged_by_what_an_environment_is_not_by_how_it_was_made() -> None:
    planned = plan({}, "lengths")
    dqn = config(planned, f"{LENGTHS}/mdp/transfer/dqn")
    assert (dqn["transfer"]["draws"], dqn["transfer"]["steps"]) == (4, 300)
    assert "meta" not in dqn
    hidden = plan(
        {"smoke.environments.bandit_ppo.synth": {"name": "bandit", "hidden": [7]}}, "lengths"
    )
    wide = config(hidden, f"{LENGTHS}/bandit_ppo/transfer/wide")
    assert wide["synth"]["hidden"] == [7]  # an environment of the scale, as it is there
    assert wide["agents"]["ppo"]["static"]["hidden"] == [99]
    assert wide["transfer"]["steps"] == 500
    real = config(planned, f"{LENGTHS}/real/wide")
    assert "synth" not in real
    assert (real["baseline"]["steps"], real["agents"]["ppo"]["static"]["hidden"]) == (800, [99])
    assert list(dqn["agents"]) == ["dqn"]


def test_who_makes_an_mdp_is_not_who_is_judged_in_it() -> None:
    tuned = {"agents": {"ddqn": {"hyperparameters": {"tau": 0.5}}}, "synth": {"hidden": [9]}}
    planned = plan({"mdps.arms.fixed": tuned})
    maker = config(planned, f"{MDPS}/fixed/seed0/metatrain")
    judged = config(planned, f"{MDPS}/fixed/transfer/seen")
    assert maker["agents"]["ddqn"]["hyperparameters"]["tau"] == 0.5
    assert judged["agents"]["ddqn"]["hyperparameters"]["tau"] == 0.01
    assert maker["synth"]["hidden"] == judged["synth"]["hidden"] == [9]


def test_an_arm_is_evolved_or_fitted() -> None:
    planned = plan({}, "mdps")
    varied = config(planned, f"{MDPS}/varied/seed2/metatrain")
    assert (varied["meta"]["name"], varied["meta"]["agents"]) == ("ferreira", ["ddqn"])
    assert (varied["meta"]["hyperparameters"], varied["synth"]["hidden"]) == ("sampled", [16])
    assert (varied["seed"], list(varied["agents"])) == (2, ["ddqn"])
    assert config(planned, f"{MDPS}/fixed/seed0/metatrain")["synth"]["hidden"] == [8]
    fitted = config(planned, f"{MDPS}/modelled/seed0/model")
    assert fitted["model"]["agents"] == 7
    assert "meta" not in fitted


def test_an_arm_may_be_graded_beside_evolved_ones() -> None:
    arm = {"synth": {"name": "exact_bandit", "initial_states": 4}, "grade": {"agents": ["dqn"]}}
    edits = {"lengths.settings.grade": {"iterations": 3}, "lengths.arms.graded": arm}
    planned = plan(edits, "lengths")
    graded = config(planned, f"{LENGTHS}/graded/seed0/grade")
    assert (graded["grade"]["iterations"], list(graded["agents"])) == (3, ["dqn"])
    assert graded["synth"]["initial_states"] == 4
    assert "meta" not in graded
    assert planned.jobs[f"{LENGTHS}/graded/transfer/dqn"].needs["environment"] == [
        f"{LENGTHS}/graded/seed{seed}/grade/environment.safetensors" for seed in (0, 1)
    ]
    evolved = [out for out, job in planned.jobs.items() if job.stage == "metatrain"]
    assert evolved
    assert not any("graded" in out for out in evolved)


def test_an_arm_may_be_distilled_from_the_teachers_of_the_scale() -> None:
    arm = {"synth": {"name": "exact_bandit", "initial_states": 4}, "distil": {"noise": 0.25}}
    planned = plan({"lengths.arms.states": {**arm, "seeds": [0]}}, "lengths")
    planned.check()
    out = f"{LENGTHS}/states/seed0/distil"
    made, of_task = config(planned, out), planned.tasks["cartpole"].config("distilled")
    assert (made["synth"]["initial_states"], made["distil"]["noise"]) == (4, 0.25)
    assert made["teacher"] == of_task["teacher"]
    assert "meta" not in made
    teacher = "results/smoke/tasks/cartpole/teacher/seed0"
    assert planned.jobs[out].needs == {
        "policy": [f"{teacher}/policy.safetensors"],
        "progress": [f"{teacher}/progress.parquet"],
    }
    assert teacher in planned.jobs


def test_an_arm_may_have_teachers_of_its_own_in_another_task_than_agents_are_judged_in() -> None:
    def length(*values: float) -> dict[str, Any]:
        return {"options": {"physics": {"length": list(values)}}}

    own = {"synth": "table_bandit", "distil": {}, "teacher": {"agent": "dqn"}}
    edits = {
        "lengths.arms.family": {**own, "seeds": [7], "task": length(0.25, 1)},
        "lengths.trials.long": {"agent": "dqn", "task": length(2), "arms": ["family"]},
    }
    planned = plan(edits, "lengths")
    planned.check()
    teacher, made = (f"{LENGTHS}/family/seed7/{stage}" for stage in ("teacher", "distil"))
    for out in (teacher, made):
        given = config(planned, out)
        assert given["task"]["options"] == length(0.25, 1.0)["options"]
        assert (given["seed"], given["teacher"]["agent"]) == (7, "dqn")
        assert given["teacher"]["agents"]["dqn"]["static"]["warmup"] == 5000  # as tuned
    assert planned.jobs[teacher].needs == {}
    assert rule_of(planned.jobs[teacher]) == "teacher_2"
    assert planned.jobs[made].needs == {
        "policy": [f"{teacher}/policy.safetensors"],
        "progress": [f"{teacher}/progress.parquet"],
    }
    for out in ("family/transfer/long", "real/long"):
        assert config(planned, f"{LENGTHS}/{out}")["task"]["options"] == length(2.0)["options"]
    assert config(planned, f"{LENGTHS}/family/transfer/dqn")["task"]["options"] == {}


def test_a_reward_network_is_made_as_planned_and_judged_without_what_makes_it() -> None:
    planned = plan({}, "rewards")
    made = config(planned, f"{REWARDS}/additive/seed2/metatrain")
    meta, settings = made["meta"], made["agents"]["q_learning"]["hyperparameters"]
    assert (made["seed"], meta["name"], meta["agents"]) == (2, "ferreira", ["q_learning"])
    assert (meta["generations"], meta["steps"]) == (7, {"q_learning": 10000})
    objective = {"name": "steps_to_solve", "tests": 40, "window": 5, "penalty": 100.0}
    assert meta["objective"] == {**objective, "solved": -20.0}
    assert settings["epsilon_end"] == 0.01
    synth = made["synth"]
    assert (synth["reward"], synth["terminal_potential"]) == ("additive_potential", "zero")
    judged = config(planned, f"{REWARDS}/exclusive/transfer/fixed")
    assert judged["synth"]["terminal_potential"] == "network"
    assert judged["agents"]["q_learning"]["hyperparameters"]["epsilon_end"] == 0.1
    assert judged["transfer"]["steps"] == 500


@pytest.mark.parametrize(
    ("kind", "out", "expected"),
    [
        ("lengths", f"{LENGTHS}/real/dqn", {"draws": 20, "steps": 800, "stop": "never"}),
        ("mdps", f"{MDPS}/real/dueling", {"draws": 18, "steps": 900, "solved": 195.0}),
        ("mdps", f"{MDPS}/real/ranking", {"draws": 18, "repeats": 6, "stop": "solved"}),
        ("rewards", f"{REWARDS}/real/count/fixed", {"draws": 12, "steps": 500}),
        ("rewards", f"{REWARDS}/real/other/unseen", {"draws": 12, "steps": 900}),
    ],
)
def test_agents_in_the_task_are_as_many_as_with_all_environments_of_an_arm_where_that_is_said(
    kind: str, out: str, expected: dict[str, Any]
) -> None:
    real = config(plan({}, kind), out)
    assert real["baseline"].items() >= expected.items()
    assert "synth" not in real


def test_settings_are_repeated_where_they_are_ranked_and_not_mentioned_elsewhere() -> None:
    planned = plan({}, "mdps")
    assert config(planned, f"{MDPS}/fixed/transfer/ranking")["transfer"]["repeats"] == 2
    assert "repeats" not in config(planned, f"{MDPS}/real/seen")["baseline"]
    assert config(planned, f"{MDPS}/fixed/transfer/seen")["transfer"]["stop"] == "converged"


def test_agents_have_shapes_only_where_some_are_planned() -> None:
    shapes = [{"hidden": [8]}, {"hidden": [4, 4], "batch_size": 16}]
    agents = {"ddqn": {"shapes": shapes}}
    edits = {"mdps.settings.agents": agents, "mdps.settings.meta.evaluate_draws": 6}
    out = f"{MDPS}/varied/seed0/metatrain"
    assert config(plan(edits), out)["agents"]["ddqn"]["shapes"] == shapes
    assert "shapes" not in config(plan({}, "mdps"), out)["agents"]["ddqn"]


def test_every_job_is_listed_once() -> None:
    lengths = plan({}, "lengths")
    assert outs(lengths, "metatrain", LENGTHS) == [
        *("bandit/seed0/metatrain", "bandit/seed1/metatrain", "mdp/seed5/metatrain")
    ]
    everywhere = [f"{arm}/transfer/dqn" for arm in ("bandit", "mdp", "bandit_ppo", "distilled")]
    wide = ["mdp/transfer/wide", "bandit_ppo/transfer/wide"]
    assert outs(lengths, "study", LENGTHS) == [*everywhere, *wide]
    assert outs(lengths, "baseline", LENGTHS) == ["real/dqn", "real/wide"]
    mdps = plan({"mdps.trials.ranking.arms": ["fixed"], "mdps.arms.fixed.seeds": [7]})
    varied = [f"varied/seed{seed}/metatrain" for seed in (0, 1, 2)]
    assert outs(mdps, "metatrain", MDPS) == [*varied, "fixed/seed7/metatrain"]
    assert outs(mdps, "model", MDPS) == [f"modelled/seed{seed}/model" for seed in (0, 1, 2)]
    assert len(outs(mdps, "study", MDPS)) == 3 + 3 + 1
    assert outs(mdps, "baseline", MDPS) == ["real/seen", "real/dueling", "real/ranking"]
    for look in ("behaviour", "noise"):  # of what is evolved
        assert outs(mdps, look, MDPS) == [f"varied/{look}", f"fixed/{look}"]
    rewards = plan({"rewards.trials.varied": {"agent": "q_learning"}})
    assert outs(rewards, "reward_map", REWARDS) == ["additive/map", "exclusive/map"]
    assert len(outs(rewards, "metatrain", REWARDS)) == 2 * 3
    assert len(outs(rewards, "study", REWARDS)) == 2 * 3
    ways = {"fixed": ("plain", "count", "found"), "unseen": ("plain", "count", "other", "found")}
    ways["varied"] = ways["fixed"]  # `other` stands in for SARSA only
    expected = {f"real/{way}/{trial}" for trial in ways for way in ways[trial]}
    assert set(outs(rewards, "baseline", REWARDS)) == expected


def test_a_study_reads_the_environments_of_all_seeds_and_a_look_the_first_one() -> None:
    planned = plan({"smoke.environments.bandit_ppo.seeds": [4]}, "lengths", "mdps", "rewards")
    file = "metatrain/environment.safetensors"
    needs = {
        f"{LENGTHS}/bandit/transfer/dqn": [f"{LENGTHS}/bandit/seed{s}/{file}" for s in (0, 1)],
        f"{LENGTHS}/bandit_ppo/transfer/dqn": [
            f"results/smoke/tasks/cartpole/bandit_ppo/seed4/{file}"
        ],
        f"{MDPS}/modelled/transfer/seen": [
            f"{MDPS}/modelled/seed{seed}/model/environment.safetensors" for seed in (0, 1, 2)
        ],
        f"{MDPS}/fixed/noise": [f"{MDPS}/fixed/seed0/{file}"],
        f"{REWARDS}/additive/map": [f"{REWARDS}/additive/seed{s}/{file}" for s in (0, 1, 2)],
    }
    assert {out: planned.jobs[out].needs["environment"] for out in needs} == needs
    found = plan({"mdps.arms.fixed.search": "se"}).jobs[f"{MDPS}/fixed/seed1/metatrain"]
    assert found.needs == {"settings": ["results/smoke/search/cartpole_v0/se/best.json"]}


def test_agents_in_the_task_are_tuned_once_for_each_algorithm() -> None:
    planned = plan({"rewards.trials.varied": {"agent": "q_learning", "transfer": {"draws": 2}}})
    tuned = [f"tuned/found/{trial}" for trial in ("fixed", "unseen")]  # Q-learning and DQN
    assert outs(planned, "tune", REWARDS) == tuned
    for trial, first in (("fixed", "fixed"), ("varied", "fixed"), ("unseen", "unseen")):
        best = f"{REWARDS}/tuned/found/{first}/best.json"
        assert planned.jobs[f"{REWARDS}/real/found/{trial}"].needs == {"settings": [best]}
    assert planned.jobs[f"{REWARDS}/real/plain/fixed"].needs == {}
    search = config(planned, f"{REWARDS}/tuned/found/unseen")
    assert list(search["agents"]) == ["dqn"]
    space = {"agents.dqn.hyperparameters.gamma": {"uniform": [0.5, 1.0]}}
    assert search["search"].items() >= {"space": space, "seeds": [9], "configurations": 5}.items()
    study = {"draws": 3, "evaluations": 8, "steps": 400, "hyperparameters": "default"}
    assert search["baseline"].items() >= {**study, "stop": "never", "solved": None}.items()


CLAIMS = {
    "some": {"says": "a", "of": ["bandit", "mdp"], "over": ["real"], "expect": "equal"},
    "lost": {"says": "b", "of": ["mdp"], "over": ["bandit"], "expect": "better"},
    "all": {"says": "c", "of": ["all"], "over": ["all"], "over_trials": ["dqn"], "expect": "equal"},
    "part": {
        "says": "d",
        "of": ["bandit"],
        "parts": [
            {"over": ["real"], "expect": "equal"},
            {"over": ["mdp"], "expect": "better"},
        ],
    },
}


@pytest.mark.parametrize(
    ("only", "about"),
    [
        (
            {},
            {
                "a": ["bandit", "mdp"],
                "b": ["mdp"],
                "c": ["bandit", "mdp", "distilled"],
                "d": ["bandit"],
            },
        ),
        ({"arms": ["bandit"]}, {"a": ["bandit"], "c": ["bandit", "distilled"]}),
        ({"arms": ["mdp"], "claims": ["some"]}, {"a": ["mdp"]}),
    ],
)
def test_claims_are_about_the_arms_that_a_budget_has(only: Any, about: dict[str, Any]) -> None:
    edits = {"lengths.claims": CLAIMS, "lengths.environments": ["distilled"]}
    planned = plan({**edits, "lengths.trials.wide.arms": [], "lengths.only": only})
    planned.check()
    experiment = planned.experiments["lengths"]
    assert isinstance(experiment, Experiment)
    assert {claim["says"]: claim["of"] for claim in experiment.claims} == about
    assert all(claim.get("over") != ["all"] for claim in experiment.claims)


def test_an_objective_is_evaluated_with_the_settings_tuned_for_ppo_beside_it() -> None:
    planned = plan({}, "objectives")
    job = planned.jobs[f"{OBJECTIVES}/lpo_bandit/seed1"]
    given = job.config([])
    meta = given["meta"]
    assert (given["seed"], meta["name"], meta["agents"]) == (1, "open_es", ["lpo"])
    assert meta["population"] == definition("meta", "snes")["population"]
    assert meta["steps"] == {"lpo": 10000}
    assert given["synth"] == planned.tasks["cartpole"].config("bandit_ppo")["synth"]
    assert list(given["agents"]) == ["lpo"]
    tuned = definition("task", "cartpole")["tuned"]["ppo"]["hyperparameters"]
    for name in ("lpo", "ppo"):
        assert given["objective"]["tuned"][name]["hyperparameters"].items() >= tuned.items()
    assert given["objective"]["tuned"]["lpo"]["static"]["drift"] == "learned"
    made = "results/smoke/tasks/cartpole/bandit_ppo/seed0/metatrain"
    assert job.needs == {"environment": [f"{made}/environment.safetensors"]}
    assert planned.jobs[f"{OBJECTIVES}/lpo_task/seed1"].needs == {}


def test_an_objective_may_be_tried_in_other_tasks_too() -> None:
    planned = plan({"objectives.arms.lpo_bandit.beside": {"acrobot": "mdp_dqn"}}, "objectives")
    job = planned.jobs[f"{OBJECTIVES}/lpo_bandit/seed0"]
    (name, beside), *others = job.config([])["objective"]["beside"].items()
    assert (name, others) == ("acrobot", [])
    assert beside["synth"] == planned.tasks["acrobot"].config("mdp_dqn")["synth"]
    assert beside["task"] == planned.tasks["acrobot"].config("mdp_dqn")["task"]
    assert list(beside["agents"]) == ["lpo"]
    assert job.needs["environment"] == [
        "results/smoke/tasks/cartpole/bandit_ppo/seed0/metatrain/environment.safetensors",
        "results/smoke/tasks/acrobot/mdp_dqn/seed0/metatrain/environment.safetensors",
    ]
    learned = planned.jobs["results/smoke/objective_report"].config([])["objectives"]["learned"]
    assert learned["lpo_bandit"]["beside"] == {"acrobot": "mdp_dqn"}
    assert "beside" not in learned["lpo_task"]


@pytest.mark.parametrize(("name", "agent"), [("ppo", "ppo"), ("dpo", "dpo"), ("lpo_task", "lpo")])
def test_all_objectives_are_judged_with_what_is_tuned_for_ppo(name: str, agent: str) -> None:
    planned = plan({}, "objectives")
    experiment = planned.experiments["objectives"]
    assert isinstance(experiment, Objectives)
    assert experiment.everyone == ["ppo", "dpo", "lpo_task", "lpo_bandit"]
    job = planned.jobs[f"{OBJECTIVES}/{name}/judged/pendulum"]
    files = [f"{OBJECTIVES}/{name}/seed{seed}/objective.safetensors" for seed in (0, 1)]
    assert job.needs == ({"objective": files} if agent == "lpo" else {})
    judged, tuned = job.config([]), definition("task", "pendulum")["tuned"]["ppo"]
    section = judged["agents"][agent]
    assert (section["name"], judged["objective_name"]) == (agent, name)
    for part in ("static", "hyperparameters"):
        assert section[part].items() >= tuned[part].items()
    assert section["static"].get("drift") == definition("agent", agent)["static"].get("drift")
    assert (judged["judge"]["steps"], judged["judge"]["draws"]) == (1000, 10)
    longer = config(planned, f"{OBJECTIVES}/{name}/judged/cartpole")
    assert longer["judge"]["steps"] == definition("task", "cartpole")["tuned"]["ppo"]["steps"]
