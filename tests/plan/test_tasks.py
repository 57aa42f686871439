"""Tasks of a scale: teachers, students, experts, choices, clients, and what each job reads."""

import re
from typing import Any

import pytest

from plans import plan
from synthgym.jobs.planned import Job
from synthgym.plan.layers import USUAL
from synthgym.plan.scale import ScalePlan
from synthgym.plan.schema import definition, groups
from synthgym.plan.task_checks import _check_rival
from synthgym.plan.validate import check_client
from synthgym.stages import STAGES

CARTPOLE = "results/smoke/tasks/cartpole"
DISTILLED = f"{CARTPOLE}/distilled/seed1/distil"


def of_stage(planned: ScalePlan, *stages: str) -> list[Job]:
    return [job for job in planned.jobs.values() if job.stage in stages]


def test_every_environment_of_every_seed_is_made_judged_and_looked_into() -> None:
    planned = plan()
    made = {
        (job.stage, job.labels["environment"], job.labels["seed"])
        for job in of_stage(planned, "metatrain", "distil")
        if job.labels["task"] == "cartpole"
    }
    metatrained = {
        ("metatrain", name, seed)
        for name in ("bandit_ppo", "mdp_dqn", "started")
        for seed in (0, 1)
    }
    assert made == {*metatrained, ("distil", "distilled", 0), ("distil", "distilled", 1)}
    assert len(of_stage(planned, "transfer")) == (4 + 2) * 2 * 2  # environments, seeds, agents
    assert len(of_stage(planned, "baseline")) == 2 * 2  # tasks, agents
    looks = of_stage(planned, "behaviour", "rollout")
    assert {job.labels["seed"] for job in looks} == {0}  # one environment of each kind
    assert {job.labels["agent"] for job in of_stage(planned, "rollout")} == {"ppo"}
    assert [job.out for job in of_stage(planned, "teacher")] == [
        f"{CARTPOLE}/teacher/seed{seed}" for seed in (0, 1)
    ]


def test_a_making_reads_its_teacher_or_where_it_starts_or_what_a_search_found() -> None:
    search = {"synth": "mdp", "meta": {"name": "ferreira"}, "search": "found"}
    edits = {
        "smoke.environments.mdp_dqn": search,
        "smoke.tasks.acrobot": {"only": {"environments": ["bandit_ppo"]}},
    }
    planned = plan(edits, "search")
    planned.check()
    teacher = f"{CARTPOLE}/teacher/seed1"
    needs = {
        name: planned.jobs[f"{CARTPOLE}/{name}/seed1/metatrain"].needs
        for name in ("bandit_ppo", "started", "mdp_dqn")
    }
    assert planned.jobs[DISTILLED].needs == {
        "policy": [f"{teacher}/policy.safetensors"],
        "progress": [f"{teacher}/progress.parquet"],
    }
    assert needs == {
        "bandit_ppo": {},
        "started": {
            "start": [f"{DISTILLED}/environment.safetensors"],
            "start_progress": [f"{DISTILLED}/progress.parquet"],
        },
        "mdp_dqn": {"settings": ["results/smoke/search/cartpole/found/best.json"]},
    }
    # It is no setting of the job: what was found is one of its inputs.
    del search["search"]
    without = plan({**edits, "smoke.environments.mdp_dqn": search})
    out = f"{CARTPOLE}/mdp_dqn/seed1/metatrain"
    assert planned.jobs[out].config([]) == without.jobs[out].config([])


def test_a_teacher_is_as_tuned_for_its_task_and_who_is_judged_is_not() -> None:
    config = plan().jobs[DISTILLED].config([])
    tuned = definition("task", "cartpole")["tuned"]["ppo"]
    assert (config["teacher"]["steps"], config["seed"]) == (tuned["steps"], 1)
    (agent,) = config["teacher"]["agents"].values()
    for part in ("hyperparameters", "static"):
        assert agent[part].items() >= tuned[part].items()
    static = {**config["agents"]["ppo"]["static"], **USUAL}
    assert static == definition("agent", "ppo")["static"]
    assert "meta" not in config
    assert config["distil"]["reward"] == "advantage"  # the first for discrete actions
    pendulum = {
        "teacher": {"agent": "td3", "steps": 9},
        "only": {"agents": ["ppo"], "environments": ["distilled"]},
    }
    config = plan({"smoke.tasks.pendulum": pendulum}).tasks["pendulum"].config("distilled")
    assert config["distil"]["reward"] == "negative_squared_distance"
    assert config["teacher"]["steps"] == 9


def test_a_task_may_have_only_some_of_the_seeds_of_its_environments() -> None:
    planned = plan({"smoke.tasks.cartpole": {"only": {"seeds": [1]}}})
    for stage in ("metatrain", "distil", "teacher", "transfer"):
        jobs = [job for job in of_stage(planned, stage) if job.labels["task"] == "cartpole"]
        assert {job.config([])["seed"] for job in jobs} == {1}, stage
    assert planned.tasks["acrobot"].seeds("mdp_dqn") == [0, 1]


def test_a_search_that_ends_when_solved_knows_when_that_is() -> None:
    ending = plan({"smoke.environments.bandit_ppo.meta.stop": "solved"})
    config = ending.tasks["cartpole"].config("bandit_ppo")
    assert config["meta"]["solved"] == definition("task", "cartpole")["solved"]


@pytest.mark.parametrize(
    ("students", "agent"),
    [({}, None), ({"rounds": 1}, "ppo"), ({"rounds": 1, "agent": "dqn"}, "dqn")],
)
def test_students_are_the_first_agent_of_the_task_unless_another_is_named(
    students: dict[str, Any], agent: str | None
) -> None:
    planned = plan({"smoke.environments.distilled.distil": {"students": students}})
    config = planned.jobs[DISTILLED].config([])
    seen = config["distil"].get("students", {"agents": {None: None}})
    assert seen["agents"] == {agent: config["agents"].get(agent)}


def experts(**sections: Any) -> ScalePlan:
    given = {"cartpole": {"train": ["ppo"], **sections}}
    return plan({"smoke.experts": given, "smoke.common.expert": {"draws": 4}})


def test_experts_have_the_settings_tuned_for_the_task() -> None:
    tuned, default = definition("task", "cartpole")["tuned"]["ppo"], definition("agent", "ppo")
    static = {k: v for k, v in default["static"].items() if k not in USUAL}
    (job,) = of_stage(experts(), "expert")
    config = job.config([])
    assert job.out == "results/smoke/experts/cartpole/ppo"
    assert (config["expert"]["steps"], config["expert"]["draws"]) == (tuned["steps"], 4)
    (agent,) = config["agents"].values()
    assert agent["static"] == {**static, **tuned["static"]}
    assert agent["hyperparameters"] == {**default["hyperparameters"], **tuned["hyperparameters"]}
    assert "tuned" not in config["task"]
    (job,) = of_stage(experts(expert={"steps": 500}), "expert")
    shorter = job.config(["expert.draws=7"])["expert"]
    assert (shorter["steps"], shorter["draws"]) == (500, 7)


@pytest.mark.parametrize("task", [t for t in groups("task") if definition("task", t)["tuned"]])
def test_settings_tuned_for_a_task_are_settings_of_the_agents(task: str) -> None:
    train = list(definition("task", task)["tuned"])
    plan({"smoke.experts": {task: {"train": train}}}).experts[task].check()


@pytest.mark.parametrize(("seeds", "expected"), [({}, [0, 1]), ({"seeds": [1]}, [1])])
def test_choices_are_varied_for_the_agents_of_a_task_and_all_seeds_unless_said(
    seeds: dict[str, Any], expected: list[int]
) -> None:
    where = {"tasks": ["cartpole"], "agents": ["dqn", "td3"], **seeds}
    jobs = of_stage(plan({"smoke.choices": {"distilled": where}}), "choices")
    place = "results/smoke/choices/cartpole/distilled/dqn/seed"
    assert [job.out for job in jobs] == [f"{place}{seed}" for seed in expected]
    for job, seed in zip(jobs, expected, strict=True):
        teacher = f"{CARTPOLE}/teacher/seed{seed}/policy.safetensors"
        assert job.needs == {"policy": [teacher]}
        assert (list(job.config([])["agents"]), job.config([])["seed"]) == (["dqn"], seed)
    assert of_stage(plan(), "choices", "clients", "insight", "expert") == []


@pytest.mark.parametrize(("seeds", "expected"), [({}, [0, 1]), ({"seeds": [1]}, [1])])
def test_agents_of_another_library_are_trained_for_all_seeds_unless_said(
    seeds: dict[str, Any], expected: list[int]
) -> None:
    clients = {"agents": ["sb3_ppo", "sb3_dqn"], "environments": ["mdp_dqn"], **seeds}
    edits = {"smoke.clients": {"cartpole": clients}, "smoke.common.clients": {"draws": 2}}
    planned = plan(edits)
    planned.check()
    place = "results/smoke/clients/cartpole"
    outs = [
        f"{place}/mdp_dqn/{agent}/seed{seed}"
        for agent in ("sb3_ppo", "sb3_dqn")
        for seed in expected
    ]
    jobs = of_stage(planned, "clients")
    assert [job.out for job in jobs] == outs
    real = [job.out for job in of_stage(planned, "client_baseline")]
    assert real == [f"{place}/real/sb3_ppo", f"{place}/real/sb3_dqn"]
    assert jobs[-1].config([])["clients"] == {
        "draws": 2,
        "steps": 10000,
        "episodes": 50,
        "agent": "sb3_dqn",
    }
    assert not {"agents", "transfer"} & set(STAGES["clients"].uses)  # no settings of ours


def test_rivals_are_trained_in_the_task_only_as_its_file_says() -> None:
    planned = plan({"smoke.clients": {"cartpole": {"rivals": ["dqn"]}}})
    planned.check()
    (job,) = of_stage(planned, "rival")
    assert job.out == "results/smoke/clients/cartpole/rivals/dqn"
    assert job.needs == {}
    given, rival = job.config([]), definition("task", "cartpole")["rivals"]["dqn"]
    assert given["clients"] == {"draws": 5, **rival}
    assert given["clients"]["evaluations"] > 1
    assert "rivals" not in given["task"]
    assert of_stage(planned, "clients", "client_baseline") == []
    for report in ("figures/cartpole", ""):  # they are shown
        needs = planned.jobs[f"results/smoke/{report}".rstrip("/")].needs
        assert list(needs["rival_curves"]) == [f"{job.out}/curves.parquet"]


@pytest.mark.parametrize(
    ("name", "rival", "complaint"),
    [
        (
            "sb3_dqn",
            {"agent": "sb3_dqn"},
            "rivals.sb3_dqn: is the name of an agent; call it otherwise.",
        ),
        ("dqn", {"steps": 9}, "dqn: must say which agent."),
        ("dqn", {"agent": "sb3_dqm"}, "no agent is named sb3_dqm in core/settings.py; do you mean"),
        ("sac", {"agent": "sb3_sac"}, "sb3_sac has no discrete actions, as cartpole; use sb3_dqn"),
        ("dqn", {"agent": "sb3_dqn", "stepz": 9}, "dqn.stepz: unknown setting; do you mean steps?"),
    ],
)
def test_a_rival_that_cannot_learn_in_its_task_is_refused(
    name: str, rival: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        _check_rival(name, rival, definition("task", "cartpole"), "conf/task/x.yaml")


def test_a_client_on_the_command_line_must_go_with_the_task() -> None:
    check_client("sb3_ppo", definition("task", "cartpole"), "client")
    with pytest.raises(ValueError, match="sb3_sac has no discrete actions, as cartpole; use sb3"):
        plan().tasks["cartpole"].config("mdp_dqn", client="sb3_sac")


def test_a_bandit_is_looked_into_once() -> None:
    planned = plan({"smoke.insight": {"acrobot": ["bandit_ppo"]}})
    planned.check()
    (job,) = of_stage(planned, "insight")
    assert job.out == "results/smoke/insight/acrobot/bandit_ppo/seed0"
    mirror = {name: tuple(signs) for name, signs in job.config([])["mirror"].items()}
    assert mirror == {n: tuple(v) for n, v in definition("task", "acrobot")["mirror"].items()}
