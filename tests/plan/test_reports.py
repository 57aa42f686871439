"""Reports: which there are, which files they read, and what they know of a plan."""

from typing import Any

from plans import KINDS, plan
from synthgym.stages import STAGES


def knowledge(edits: dict[str, Any], *kinds: str) -> Any:
    return plan(edits, *kinds).jobs["results/smoke/page"].config([])


def test_a_scale_has_the_reports_of_what_it_has() -> None:
    def reports(edits: dict[str, Any], *kinds: str) -> set[str]:
        return {job.stage for job in plan(edits, *kinds).jobs.values() if STAGES[job.stage].report}

    always = {"figures", "summary", "transfer_report", "page"}
    assert reports({}) == always
    assert reports({}, *KINDS) == always | {
        *("comparison_report", "mdp_report", "reward_report", "objective_report"),
        *("search_report", "transform_report"),
    }
    bandits = {"smoke.insight": {"cartpole": ["bandit_ppo"]}}
    assert reports(bandits) == {*always, "insight_report"}
    assert reports({"smoke.experts": {"cliff": {"train": ["sarsa"]}}}) == {*always, "expert_report"}


def test_reports_read_what_concerns_them() -> None:
    planned = plan({}, "lengths", "mdps", "objectives")
    figures = planned.jobs["results/smoke/figures/acrobot"].needs
    assert {file.split("/")[3] for files in figures.values() for file in files} == {"acrobot"}
    comparison = planned.jobs["results/smoke/comparison_report"].needs
    made = "results/smoke/comparisons/lengths"
    assert comparison["real_curves"] == [f"{made}/real/{t}/curves.parquet" for t in ("dqn", "wide")]
    of_scale = comparison["plan_progress"]
    assert "results/smoke/tasks/cartpole/distilled/seed1/distil/progress.parquet" in of_scale
    assert len(of_scale) == 2 * 2  # bandit_ppo and distilled, each with two seeds
    objective = planned.jobs["results/smoke/objective_report"].needs
    place = "results/smoke/tasks/cartpole/bandit_ppo/seed0/metatrain"
    assert objective["environment"] == [f"{place}/progress.parquet"]
    page = planned.jobs["results/smoke/page"].needs
    others = [out for out in planned.jobs if not out.endswith("/page")]
    assert sorted(page["manifests"]) == sorted(f"{out}/manifest.json" for out in others)


def test_the_report_knows_who_was_seen_and_for_how_long() -> None:
    about = knowledge({}, "lengths")["comparisons"]["lengths"]
    assert about["agents"] == {
        "bandit": ["ppo", "dqn"],
        "mdp": ["dqn"],
        "bandit_ppo": ["ppo"],
        "distilled": [],
    }
    assert about["trials"]["wide"]["steps"] == {"mdp": 300, "bandit_ppo": 500}
    assert about["trials"]["wide"]["real_steps"] == 800
    assert about["task"]["id"] == "CartPole-v1"
    assert (about["made"], about["arms"][2:]) == (["bandit", "mdp"], ["bandit_ppo", "distilled"])
    assert [claim["says"] for claim in about["claims"]] == ["As good"]


def test_the_report_knows_which_mdps_are_evolved_and_how_long_agents_train() -> None:
    about = knowledge({}, "mdps")["mdp_tasks"]["cartpole_v0"]
    assert (about["evolved"], about["fitted"]) == (["varied", "fixed"], ["modelled"])
    assert (about["evolved_with"], about["agents"]["dueling"]) == ("ddqn", "dueling_ddqn")
    assert about["training"]["seen"] == {"steps": 500, "stop": "converged"}


def test_the_report_knows_how_many_steps_an_action_is() -> None:
    repeated = {"module": "synthgym.tasks.repeat"}
    twice, often = (
        {**repeated, "options": {"of": "synthgym.tasks.classic", "repeat": n}} for n in (2, 5)
    )
    edits: dict[str, Any] = {
        "rewards.task": "mountain_car_continuous",
        "rewards.place": "rewards/mountain_car_continuous",
        "rewards.agent": "td3",
        "rewards.looks": [],
        "rewards.make": {},
        "rewards.trials": {"fixed": {"agent": "td3"}, "unseen": {"agent": "ppo", "task": often}},
        "rewards.without": {"plain": {}},
        "rewards.settings.meta.steps": {"td3": 500},
    }
    for task, steps in ((twice, 2), ({}, 1)):
        everything = knowledge({**edits, "rewards.settings.task": task})
        about = everything["reward_tasks"]["mountain_car_continuous"]
        assert about["repeat"] == {"fixed": steps, "unseen": 5}
        assert about["repeat_evolved"] == steps


def test_the_report_knows_what_was_tuned_and_from_where() -> None:
    about = knowledge({}, "rewards")["reward_tasks"]["cliff"]
    default = {"agent": "q_learning", "steps": 400, "default": {"gamma": 0.8}}
    assert about["tuned"]["found/fixed"] == default
    assert about["tuned"].keys() == {"found/fixed", "found/unseen"}
    assert about["baselines"] == ["plain", "count", "other", "found"]
    assert about["networks"] == ["additive", "exclusive"]


def test_the_report_knows_the_objectives_and_their_tasks() -> None:
    about = knowledge({}, "objectives")["objectives"]
    assert (about["task"], about["environment"]) == ("cartpole", "bandit_ppo")
    assert about["learned"]["lpo_bandit"]["train"] == "synthetic"
    assert list(about["tasks"]) == ["cartpole", "pendulum"]


def test_a_page_knows_all_tasks_and_nothing_of_what_is_not_there() -> None:
    everything = knowledge({"smoke.experts": {"cliff": {"train": ["sarsa"]}}})
    assert everything["scale"] == "smoke"
    ids = {name: task["id"] for name, task in everything["tasks"].items()}
    assert ids == {"cartpole": "CartPole-v1", "acrobot": "Acrobot-v1"}
    assert list(everything["expert_tasks"]) == ["cliff"]
    empty = ("comparisons", "mdp_tasks", "reward_tasks", "objectives", "transform_tasks")
    assert not any(everything[name] for name in (*empty, "searches", "choice_tasks"))
