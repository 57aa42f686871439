"""What jobs of a scale are given: which layer wins, what they see, and what is left to them."""

import re
import subprocess
import sys
from typing import Any

import pytest

from plans import KINDS, PARTS, ROOT, plan
from synthgym.jobs.planned import Job
from synthgym.plan.layers import USUAL
from synthgym.plan.scale import ScalePlan, budgeted
from synthgym.plan.schema import Config, ConfigError, definition, described, groups
from synthgym.plan.validate import check_pair

MADE = "results/smoke/tasks/{}/{}/seed{}/{}"


def job(
    planned: ScalePlan, task: str, environment: str, seed: int = 0, made: str = "metatrain"
) -> Job:
    return planned.jobs[MADE.format(task, environment, seed, made)]


LAYERS = {
    "smoke.common.meta.sigma": 0.1,
    "smoke.tasks.acrobot.meta": {"sigma": 0.2},
    "smoke.environments.mdp_dqn.meta.sigma": 0.3,
    "smoke.tasks.acrobot.environments": {"mdp_dqn": {"meta": {"sigma": 0.4}}},
}


@pytest.mark.parametrize(
    ("layers", "task", "environment", "overrides", "sigma"),
    [
        (0, "cartpole", "bandit_ppo", [], definition("meta", "snes")["sigma"]),
        (4, "cartpole", "bandit_ppo", [], 0.1),
        (4, "acrobot", "bandit_ppo", [], 0.2),
        (3, "acrobot", "mdp_dqn", [], 0.3),
        (4, "acrobot", "mdp_dqn", [], 0.4),
        (4, "acrobot", "mdp_dqn", ["meta.sigma=0.5"], 0.5),
    ],
)
def test_the_more_special_setting_wins(
    layers: int, task: str, environment: str, overrides: list[str], sigma: float
) -> None:
    planned = plan(dict(list(LAYERS.items())[:layers]))
    assert job(planned, task, environment).config(overrides)["meta"]["sigma"] == sigma


EXPERIMENT: dict[str, Any] = {
    "settings": {"meta": {"sigma": 1.0, "rate": 1.0, "episodes": 1, "rollouts": 1}},
    "arms": {"one": {}, "two": {}},
    "budgets": {"smoke": {"settings": {"meta": {"rate": 2.0, "episodes": 2, "rollouts": 2}}}},
}


def test_an_experiment_is_its_file_then_a_budget_then_what_the_scale_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = {
        **EXPERIMENT,
        "budgets": {**EXPERIMENT["budgets"], "large": {"only": {"arms": ["two"]}}},
    }
    monkeypatch.setattr("synthgym.plan.scale.definition", lambda kind, name: file)
    given = {"settings": {"meta": {"rollouts": 3}}, "seeds": [4]}
    values = budgeted("x", given, "smoke", "here")
    assert values["settings"]["meta"] == {"sigma": 1.0, "rate": 2.0, "episodes": 2, "rollouts": 3}
    assert (list(values["arms"]), values["seeds"]) == (["one", "two"], [4])
    large = budgeted("x", {"budget": "large"}, "smoke", "here")
    assert (list(large["arms"]), large["settings"]["meta"]["rate"]) == (["two"], 1.0)
    assert "budgets" not in values
    assert "only" not in large
    assert budgeted("x", None, "smoke", "here")["settings"]["meta"]["rollouts"] == 2


def test_a_job_sees_the_agents_that_concern_it() -> None:
    planned = plan({"smoke.environments.bandit_ppo.meta.agents": ["dqn", "ppo"]})
    config = job(planned, "cartpole", "bandit_ppo", 1).config([])
    assert (list(config["agents"]), config["seed"]) == (["dqn", "ppo"], 1)
    assert config["meta"]["steps"].keys() == {"dqn", "ppo"}
    one = job(planned, "cartpole", "mdp_dqn").config(["seed=7"])
    assert (list(one["agents"]), list(one["meta"]["steps"]), one["seed"]) == (["dqn"], ["dqn"], 7)
    transfer = planned.jobs["results/smoke/tasks/cartpole/mdp_dqn/seed0/transfer/ppo"].config([])
    assert list(transfer["agents"]) == ["ppo"]


def test_jobs_about_the_real_task_know_no_environment_and_no_plan() -> None:
    real = plan().jobs["results/smoke/tasks/cartpole/real/dqn"].config([])
    assert {"synth", "meta", "distil"}.isdisjoint(real)
    assert real["task"]["id"] == "CartPole-v1"
    assert {"tuned", "info", "mirror"}.isdisjoint(real["task"])


def test_jobs_know_nothing_of_what_they_have_none_of() -> None:
    """So that what was computed stays valid where other things become possible."""
    config = job(plan(), "cartpole", "bandit_ppo").config([])
    assert {"objective", "solved"}.isdisjoint(config["meta"])
    assert {"reward", "terminal_potential", "latent"}.isdisjoint(config["synth"])
    ppo = config["agents"]["ppo"]
    assert "shapes" not in ppo
    assert {"drift", *USUAL}.isdisjoint(ppo["static"])
    assert {"objective", "search"}.isdisjoint(config)
    assert "repeats" not in config["transfer"]


def test_only_takes_some_agents_and_environments_for_a_task() -> None:
    less = plan({"smoke.tasks.acrobot.only": {"agents": ["ppo"], "environments": ["bandit_ppo"]}})
    acrobot, cartpole = less.tasks["acrobot"], less.tasks["cartpole"]
    assert (acrobot.agents, acrobot.environments) == (["ppo"], ["bandit_ppo"])
    assert cartpole.environments == list(PARTS["smoke"]["environments"])
    trained = {found.labels["agent"] for found in acrobot.jobs() if "agent" in found.labels}
    assert trained == {"ppo"}


def agents(value: dict[str, Any]) -> Any:
    planned = plan({"smoke.common.agents": {"ppo": value}})
    planned.check()
    return job(planned, "cartpole", "bandit_ppo").config([])["agents"]["ppo"]


def test_a_search_replaces_one_of_another_kind_and_null_ends_it() -> None:
    search = agents({"search": {"gamma": {"uniform": [0.8, 1.0]}, "clip": None}})["search"]
    assert search["gamma"] == {"uniform": [0.8, 1.0]}
    assert "clip" not in search
    assert "learning_rate" in search


def test_an_environment_may_have_seeds_of_its_own() -> None:
    planned = plan({"smoke.environments.bandit_ppo.seeds": [5]})
    planned.check()
    seeds = {name: planned.seeds(name) for name in (None, "bandit_ppo", "mdp_dqn")}
    assert seeds == {None: [0, 1], "bandit_ppo": [5], "mdp_dqn": [0, 1]}
    assert job(planned, "cartpole", "bandit_ppo", 5).config([])["seed"] == 5


def test_seeds_are_made_in_groups_and_no_job_of_one_seed_knows_of_that() -> None:
    assert plan().groups == {}
    bandit = {"synth": "bandit", "seeds": [3, 1, 7], "seeds_per_job": 2}
    planned = plan(
        {
            "smoke.environments.bandit_ppo": bandit,
            "smoke.tasks.acrobot": {"only": {"environments": ["mdp_dqn"]}},
        }
    )
    place = "results/smoke/tasks/cartpole/bandit_ppo"
    assert planned.groups == {
        f"work/{place}/group0/done": [f"{place}/seed3/metatrain", f"{place}/seed1/metatrain"]
    }
    assert "seeds_per_job" not in str(job(planned, "cartpole", "bandit_ppo", 3).config([]))


def test_the_command_line_may_choose_another_synth() -> None:
    overrides = ["synth=mdp", "synth.hidden=[8]", "meta=open_es"]
    config = job(plan(), "cartpole", "bandit_ppo").config(overrides)
    chosen = (config["synth"]["name"], config["synth"]["hidden"], config["meta"]["name"])
    assert chosen == ("mdp", [8], "open_es")


def test_every_setting_has_a_meaning() -> None:
    settings = list(described(Config))
    assert ("meta.sigma", "float") in [setting[:2] for setting in settings]
    assert all(meaning for _, _, meaning, _ in settings)


def test_a_reader_may_stop_reading() -> None:
    command = f"{sys.executable} -m synthgym settings"
    with subprocess.Popen(command.split(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout
        assert run.stderr
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 0


def test_a_plan_is_checked_without_jax() -> None:
    code = (
        "import sys; from synthgym.plan.plan import Plan; plan = Plan.load(); "
        "plan.check('smoke'); assert plan.jobs('smoke'); "
        "sys.exit(any(name in sys.modules for name in ('jax', 'flax', 'pandas')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def goes_with(task: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return agents and synthetic environments that fit a task, by what their files say."""
    action, seen = task["action"]["kind"], "one_hot" if task["num_states"] else "vector"
    every = {name: definition("agent", name) for name in groups("agent") if name != "lpo"}
    synths = {name: definition("synth", name) for name in groups("synth")}
    return (
        [n for n, a in every.items() if action in a["actions"] and seen in a["observations"]],
        [n for n, s in synths.items() if seen in s["observations"] and not s["reward"]],
    )


@pytest.mark.parametrize("task", groups("task"))
def test_every_pair_is_accepted_or_refused_with_its_reason(task: str) -> None:
    section = definition("task", task)
    fitting, synths = goes_with(section)
    environments: dict[str, Any] = {
        name: {"synth": name, "meta": {"agents": fitting}} for name in synths
    }
    edits = {"smoke.agents": fitting, "smoke.tasks": {task: {}}}
    plan({**edits, "smoke.environments": environments}).check()
    for agent in {*groups("agent")} - {"lpo", *fitting}:
        with pytest.raises(ConfigError) as error:
            check_pair(agent, section, "here")
        assert re.fullmatch(
            rf"here: {agent} needs \w+ (or \w+ )?(actions|observations); {task} has "
            r"(\d+ (discrete|continuous) ones?|one_hot ones|vector ones)\. Use [\w, ]+\.",
            str(error.value),
        )
    for synth in {*groups("synth")} - {"reward_network", *synths}:
        refused = plan({**edits, "smoke.environments": {"e": {"synth": synth}}})
        words = f"{synth} puts out vector observations; {task} has one_hot ones"
        with pytest.raises(ConfigError, match=words):
            refused.check()


def test_info_vectors_are_for_tasks_of_brax() -> None:
    for name in groups("task"):
        task = definition("task", name)
        assert bool(task["info"]) == task["module"].endswith("brax")


def test_every_kind_of_experiment_is_in_the_small_plan() -> None:
    assert set(plan({}, *KINDS).experiments) == set(KINDS)
