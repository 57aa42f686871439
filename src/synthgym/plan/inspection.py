"""Is a plan in order? Refused in one sentence, with the place, before anything is computed."""

from typing import TYPE_CHECKING, Any

from synthgym.plan import comparison_plan, mdp_plan, reward_plan, search_plan, transform_plan
from synthgym.plan.layers import settings_of
from synthgym.plan.schema import (
    REWARDS,
    ClientsOf,
    Config,
    ConfigError,
    Objectives,
    Only,
    Where,
    check,
    check_known,
    check_names,
    check_unique,
    definition,
    groups,
    listed,
    short,
)
from synthgym.plan.validate import REAL, check_client, check_environment, check_identifier

if TYPE_CHECKING:
    from synthgym.plan.plan import Plan


def check_scale(plan: "Plan", scale: str) -> None:
    """Refuse whatever is wrong with a scale, by a ConfigError."""
    here, there = f"scales.{scale}", plan.params["scales"][scale]
    check_names(there["agents"], "agent", f"{here}.agents")
    check_unique(there["seeds"], f"{here}.seeds")
    check(there.get("common") or {}, Config, f"{here}.common")
    _check_experts(plan, scale)
    for environment, values in there["environments"].items():
        place = f"{here}.environments.{environment}"
        check_identifier(environment, place)
        check_environment(settings_of(values), place, complete=True)
        seeds = plan.seeds(scale, environment)
        check(seeds, list[int], f"{place}.seeds")
        check_unique(seeds, f"{place}.seeds")
        if "seeds_per_job" in values:
            check(values["seeds_per_job"], int, f"{place}.seeds_per_job", {"low": 1})
            if plan.distilled(scale, environment):
                raise ConfigError(f"{place}.seeds_per_job: is for what is meta-trained.")
    for task in there["tasks"]:
        _check_task(plan, scale, task)
    for task in there["tasks"]:
        for environment in [REAL, *plan.environments(scale, task)]:
            plan.config(scale, task, environment)
        for environment in plan.environments(scale, task):
            _check_made(plan, scale, task, environment)
    for task in plan.experts(scale):
        plan.expert(scale, task)
    _check_choices(plan, scale)
    _check_clients(plan, scale)
    _check_insight(plan, scale)
    reward_plan.check_scale(plan, scale)
    mdp_plan.check_scale(plan, scale)
    transform_plan.check_scale(plan, scale)
    comparison_plan.check_scale(plan, scale)
    _check_objectives(plan, scale)
    search_plan.check_scale(plan, scale)


def _check_objectives(plan: "Plan", scale: str) -> None:
    if not (there := plan.objectives(scale)):
        return
    here = f"scales.{scale}.objectives"
    required = ("task", "environment", "seeds", "learned", "judged")
    check(there, Objectives, here, complete=required)
    check_known(there["task"], plan.tasks(scale), "task", f"{here}.task", "the plan")
    known = plan.environments(scale, there["task"])
    check_known(there["environment"], known, "environment", f"{here}.environment", there["task"])
    check_unique(there["seeds"], f"{here}.seeds")
    check(there.get("common") or {}, Config, f"{here}.common")
    if not there["learned"] or there["task"] not in there["judged"]:
        raise ConfigError(f"{here}: must have one learned or more, and {there['task']} in judged.")
    for name, values in there["learned"].items():
        place = f"{here}.learned.{name}"
        check_identifier(name, place)
        check(values, Config, place)
        if name in plan.judged(scale)[: -len(there["learned"])]:
            raise ConfigError(f"{place}: {name} is not learned; give it another name.")
        if not {"train", "fitness"} <= values.get("objective", {}).keys():
            raise ConfigError(f"{place}.objective: must say {{train: .., fitness: ..}}.")
        plan.objective(scale, name)
    for task, values in there["judged"].items():
        place = f"{here}.judged.{task}"
        check_known(task, groups("task"), "task", place, "conf/task")
        check(values or {}, Config, place)
        draws, seeds = plan.judge(scale, task)["judge"]["draws"], len(there["seeds"])
        if draws % seeds:
            raise ConfigError(f"{place}: {draws} agents (judge.draws) for {seeds} seeds.")


def _check_experts(plan: "Plan", scale: str) -> None:
    here = f"scales.{scale}.experts"
    for task, values in (plan.params["scales"][scale].get("experts") or {}).items():
        check_known(task, groups("task"), "task", f"{here}.{task}", "conf/task")
        if not isinstance(values, dict) or not isinstance(values.get("train"), list):
            raise ConfigError(
                f"{here}.{task}: must be such as {{train: [ppo]}}, not {short(values)}."
            )
        check_names(values["train"], "agent", f"{here}.{task}.train")
        check({k: v for k, v in values.items() if k != "train"}, Config, f"{here}.{task}")


def _check_task(plan: "Plan", scale: str, task: str) -> None:
    here, there = f"scales.{scale}.tasks.{task}", plan.params["scales"][scale]
    check_identifier(task, here)
    check_known(task, groups("task"), "task", here, "conf/task")
    values = dict(plan.of_task(scale, task))
    only, environments = values.pop("only", {}), values.pop("environments", {})
    check(only, Only, f"{here}.only")
    check(environments, dict[str, Any], f"{here}.environments")
    named = [("agents", only.get("agents", []), f"{here}.only.agents")]
    named += [("environments", only.get("environments", []), f"{here}.only.environments")]
    named += [("environments", list(environments), f"{here}.environments")]
    for kind, names, place in named:
        for name in names:
            check_known(name, there[kind], kind[:-1], place, f"scales.{scale}.{kind}")
    for name, differences in environments.items():
        check_environment(differences, f"{here}.environments.{name}")
    check(values, Config, here)


def _check_made(plan: "Plan", scale: str, task: str, environment: str) -> None:
    """A distilled environment needs a teacher, one that begins there needs it to be alike."""
    config, here = plan.config(scale, task, environment), f"scales.{scale}.tasks.{task}"
    if "distil" in config:
        if config["teacher"]["agent"] is None:
            raise ConfigError(f"{here}.teacher.agent: {environment} needs one to distil from.")
        plan.teacher(scale, task, config["teacher"])
        reward, kind = config["distil"]["reward"], config["task"]["action"]["kind"]
        if reward not in (None, *REWARDS[kind]):
            place = f"{here}.environments.{environment}.distil.reward"
            there = listed(REWARDS[kind])
            raise ConfigError(f"{place}: {reward} is not for {kind} actions; use {there}.")
        _check_students(plan, scale, task, environment)
    elif (start := config["meta"]["start"]) is not None:
        place = f"{here}.environments.{environment}.meta.start"
        distilled = [name for name in plan.environments(scale, task) if plan.distilled(scale, name)]
        check_known(start, distilled, "distilled environment", place, "the plan")
        theirs = plan.config(scale, task, start)["synth"]
        if theirs != config["synth"]:
            raise ConfigError(f"{place}: {start} has another synth ({theirs['name']}, ...).")
        if lacking := set(plan.seeds(scale, environment)) - set(plan.seeds(scale, start)):
            raise ConfigError(f"{place}: {start} has no seed {listed(sorted(lacking))}.")


def _check_students(plan: "Plan", scale: str, task: str, environment: str) -> None:
    config = plan.config(scale, task, environment)
    here = f"scales.{scale}.tasks.{task}.environments.{environment}.distil.students"
    students = config["distil"]["students"]
    if (name := students["agent"]) is not None:
        check_known(
            name, plan.agents(scale, task), "agent", f"{here}.agent", f"the plan for {task}"
        )
    if students["rounds"] and config["synth"]["horizon"] > 1:
        raise ConfigError(f"{here}.rounds: must be 0, as students are for bandits only.")


def _check_choices(plan: "Plan", scale: str) -> None:
    here, there = f"scales.{scale}.choices", plan.params["scales"][scale]
    for environment, where in (there.get("choices") or {}).items():
        place = f"{here}.{environment}"
        distilled = [name for name in there["environments"] if plan.distilled(scale, name)]
        check_known(environment, distilled, "distilled environment", place, "the plan")
        check(where, Where, place, complete=("tasks", "agents"))
        check_names(where["agents"], "agent", f"{place}.agents")
        if unknown := set(where.get("seeds", [])) - set(plan.seeds(scale, environment)):
            raise ConfigError(f"{place}.seeds: no seed {listed(sorted(unknown))} there.")
        for task in where["tasks"]:
            check_known(task, there["tasks"], "task", f"{place}.tasks", "the plan")
            known = plan.environments(scale, task)
            check_known(environment, known, "environment", f"{place}.tasks", task)


def _check_insight(plan: "Plan", scale: str) -> None:
    for task, environments in (plan.params["scales"][scale].get("insight") or {}).items():
        place = f"scales.{scale}.insight.{task}"
        check_known(task, plan.tasks(scale), "task", place, "the plan")
        check(environments, list[str], place)
        check_unique(environments, place)
        for environment in environments:
            known = plan.environments(scale, task)
            check_known(environment, known, "environment", place, task)
            if plan.config(scale, task, environment)["synth"]["horizon"] > 1:
                raise ConfigError(f"{place}: {environment} is no bandit, whose rewards say it all.")


def _check_clients(plan: "Plan", scale: str) -> None:
    here, there = f"scales.{scale}.clients", plan.params["scales"][scale]
    for task, where in (there.get("clients") or {}).items():
        place = f"{here}.{task}"
        check_known(task, there["tasks"], "task", place, "the plan")
        check(where, ClientsOf, place, complete=("agents", "environments"))
        for kind in ("agents", "environments"):
            check_unique(where[kind], f"{place}.{kind}")
        for agent in where["agents"]:
            check_client(agent, definition("task", task), f"{place}.agents")
        for environment in where["environments"]:
            known = plan.environments(scale, task)
            check_known(environment, known, "environment", f"{place}.environments", task)
            if unknown := set(where.get("seeds", [])) - set(plan.seeds(scale, environment)):
                raise ConfigError(f"{place}.seeds: {environment} has no seed {listed(unknown)}.")
