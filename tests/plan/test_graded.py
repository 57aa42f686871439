"""Graded environments in a plan: what they are told, where they may begin, what is refused."""

from typing import Any

import pytest

from plans import plan, refusal

GRADED = "smoke.environments.graded"
OUT = "results/smoke/tasks/cartpole/graded/seed1/grade"
ONLY = {"smoke.tasks.acrobot": {"only": {"environments": ["bandit_ppo"]}}}


def graded(**grade: Any) -> dict[str, Any]:
    return {GRADED: {"synth": "exact_bandit", "grade": {"agents": ["dqn"], **grade}}, **ONLY}


def test_a_grading_is_told_of_those_who_judge_it_only() -> None:
    planned = plan(graded())
    planned.check()
    job = planned.jobs[OUT]
    config = job.config([])
    assert (job.stage, job.needs) == ("grade", {})
    assert list(config["agents"]) == list(config["grade"]["train"]) == ["dqn"]
    assert not {"meta", "distil"} & config.keys()


def test_a_grading_may_begin_at_a_bandit_of_another_kind() -> None:
    job = plan(graded(start="distilled")).jobs[OUT]
    place = "results/smoke/tasks/cartpole/distilled/seed1/distil"
    assert job.needs == {
        "start": [f"{place}/environment.safetensors"],
        "start_progress": [f"{place}/progress.parquet"],
    }
    assert job.config([])["grade"]["start_synth"]["name"] == "table_bandit"


def test_evolution_may_begin_at_a_distilled_mdp() -> None:
    mdp = {"smoke.environments.distilled.synth": "mdp", "smoke.environments.started.synth": "mdp"}
    plan(mdp).check()


@pytest.mark.parametrize(
    ("edits", "says"),
    [
        (graded(start="mdp_dqn"), "mdp_dqn is no bandit."),
        (graded(start="graded"), "no environment to start at is named graded in the plan"),
        (graded(agents=["td3"]), "td3 needs continuous actions"),
        (graded(agents=["es"]), "lacks es, which is among grade.agents."),
        (graded(fit={"window": 41}), "cannot be longer than the shortest fit."),
        (graded(fit={"steps": [50, 40]}), "steps: must be [smallest, largest]."),
        ({**graded(), f"{GRADED}.synth": "bandit"}, "what is graded are tables"),
    ],
)
def test_what_makes_no_sense_is_refused(edits: dict[str, Any], says: str) -> None:
    assert says in refusal(edits)
