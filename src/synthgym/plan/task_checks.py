"""What a scale plans for a task, checked before anything runs: a ConfigError says what is wrong."""

from typing import TYPE_CHECKING, Any

from synthgym.plan.layers import Values
from synthgym.plan.schema import (
    CLIENTS,
    REWARDS,
    Clients,
    ClientsOf,
    Config,
    ConfigError,
    Only,
    Where,
    check,
    check_known,
    check_names,
    check_unique,
    definition,
    groups,
    listed,
    mapping,
)
from synthgym.plan.validate import (
    EXACT,
    check_client,
    check_environment,
    check_identifier,
    check_name,
    check_teacher,
)

if TYPE_CHECKING:
    from synthgym.plan.scale import ScalePlan
    from synthgym.plan.tasks import TaskExperiment


def check_task(of: "TaskExperiment") -> None:
    """Refuse whatever is wrong with what is planned for the task, by a ConfigError."""
    _check_values(of)
    for environment in (None, *of.environments):
        check_teacher(of.composed(environment)["teacher"], of.name, f"{of.where}.teacher")
    for environment in of.environments:
        _check_making(of, environment)
    _check_looks(of)


def _check_values(of: "TaskExperiment") -> None:
    where, scale = of.where, of.scale
    check_identifier(of.name, where)
    check_known(of.name, groups("task"), "task", where, "conf/task")
    values = dict(of.values)
    only, environments = values.pop("only", {}), values.pop("environments", {})
    check(only, Only, f"{where}.only")
    check(environments, dict[str, Any], f"{where}.environments")
    named = [
        (kind, only.get(kind, []), f"{where}.only.{kind}") for kind in ("agents", "environments")
    ]
    named.append(("environments", list(environments), f"{where}.environments"))
    for kind, names, place in named:
        for name in names:
            known = scale.values[kind]
            check_known(name, known, kind[:-1], place, f"scales.{scale.name}.{kind}")
    for name, differences in environments.items():
        check_environment(differences, f"{where}.environments.{name}")
    check(values, Config, where)
    for name in of.environments:
        if not of.seeds(name):
            raise ConfigError(f"{where}.only.seeds: {name} has none of these.")


def _check_making(of: "TaskExperiment", environment: str) -> None:
    """A distilled environment needs a teacher; one that begins there needs it to be alike."""
    config, where, scale = of.composed(environment), of.where, of.scale
    if "distil" in config:
        if config["teacher"]["agent"] is None:
            raise ConfigError(f"{where}.teacher.agent: {environment} needs one to distil from.")
        of.teacher(config["teacher"])
        _check_reward(of, config, f"{where}.environments.{environment}.distil")
        _check_students(of, environment)
        return
    way = scale.way(environment)
    if (start := config[way]["start"]) is not None:
        place = f"{where}.environments.{environment}.{way}.start"
        before = {"meta": ["distil"], "grade": ["distil", "meta"]}[way]
        known = [name for name in of.environments if scale.way(name) in before]
        check_known(start, known, "environment to start at", place, "the plan")
        start_synth = of.composed(start)["synth"]
        if way == "meta" and start_synth != config["synth"]:
            name = start_synth["name"]
            raise ConfigError(f"{place}: {start} has another synth ({name}, ...).")
        if way == "grade" and start_synth["horizon"] > 1:
            raise ConfigError(f"{place}: {start} is no bandit.")
        if lacking := set(of.seeds(environment)) - set(of.seeds(start)):
            raise ConfigError(f"{place}: {start} has no seed {listed(sorted(lacking))}.")


def _check_reward(of: "TaskExperiment", config: Values, place: str) -> None:
    """Tables of continuous actions hold the best ones: their reward is of one kind."""
    distil, kind = config["distil"], config["task"]["action"]["kind"]
    rewards, what = REWARDS[kind], f"{kind} actions"
    if kind == "continuous" and config["synth"]["module"] == EXACT:
        rewards, what = rewards[:1], f"{what} in an exact bandit"
        if distil["indifferent"]:
            raise ConfigError(f"{place}.indifferent: must be 0 with {what}.")
    if distil["reward"] not in (None, *rewards):
        used = listed(rewards)
        raise ConfigError(f"{place}.reward: {distil['reward']} is not for {what}; use {used}.")


def _check_students(of: "TaskExperiment", environment: str) -> None:
    config = of.composed(environment)
    where = f"{of.where}.environments.{environment}.distil.students"
    students = config["distil"]["students"]
    if (name := students["agent"]) is not None:
        plan = f"the plan for {of.name}"
        check_known(name, of.agents, "agent", f"{where}.agent", plan)
    if students["rounds"] and config["synth"]["horizon"] > 1:
        raise ConfigError(f"{where}.rounds: must be 0, as students are for bandits only.")


def _check_looks(of: "TaskExperiment") -> None:
    scale = f"scales.{of.scale.name}"
    environments = (of.scale.values.get("insight") or {}).get(of.name)
    if environments is not None:
        place = f"{scale}.insight.{of.name}"
        check(environments, list[str], place)
        check_unique(environments, place)
        if "image" in definition("task", of.name)["options"]:
            raise ConfigError(f"{place}: {of.name} shows images, which nothing here looks into.")
        for environment in environments:
            check_known(environment, of.environments, "environment", place, of.name)
            if of.composed(environment)["synth"]["horizon"] > 1:
                raise ConfigError(f"{place}: {environment} is no bandit, whose rewards say it all.")
    clients = (of.scale.values.get("clients") or {}).get(of.name)
    if clients is not None:
        _check_clients(of, clients, f"{scale}.clients.{of.name}")


def _check_clients(of: "TaskExperiment", clients: object, place: str) -> None:
    clients = mapping(clients, place)
    task, complete = of.composed(None)["task"], ("agents", "environments")
    check(clients, ClientsOf, place, complete=() if "rivals" in clients else complete)
    for kind in ("agents", "environments") if {"agents", "environments"} & clients.keys() else ():
        check_unique(clients.get(kind, []), f"{place}.{kind}")
    for agent in clients.get("agents", []):
        check_client(agent, task, f"{place}.agents")
    for rival in clients.get("rivals", []):
        file = f"conf/task/{of.name}.yaml"
        check_known(rival, definition("task", of.name)["rivals"], "rival", f"{place}.rivals", file)
        _check_rival(rival, definition("task", of.name)["rivals"][rival], task, file)
    for environment in clients.get("environments", []):
        where = f"{place}.environments"
        check_known(environment, of.environments, "environment", where, of.name)
        if unknown := set(clients.get("seeds", [])) - set(of.seeds(environment)):
            raise ConfigError(f"{place}.seeds: {environment} has no seed {listed(unknown)}.")


def _check_rival(rival: str, values: object, task: Values, file: str) -> None:
    place = f"{file}: rivals.{rival}"
    check_name(rival, place)
    if rival in CLIENTS:  # whose job would have this one's settings
        raise ConfigError(f"{place}: is the name of an agent; call it otherwise.")
    own = dict(mapping(values, place))
    if (agent := own.pop("agent", None)) is None:
        raise ConfigError(f"{place}: must say which agent.")
    check_known(agent, CLIENTS, "agent", f"{place}.agent", "core/settings.py")
    check_client(agent, task, f"{place}.agent")
    check(own, Clients, place)


def check_choices(scale: "ScalePlan") -> None:
    """Refuse whatever is wrong with where choices in distilling are varied, by a ConfigError."""
    for environment, where in (scale.values.get("choices") or {}).items():
        place = f"scales.{scale.name}.choices.{environment}"
        distilled = [n for n in scale.values["environments"] if scale.way(n) == "distil"]
        check_known(environment, distilled, "distilled environment", place, "the plan")
        check(where, Where, place, complete=("tasks", "agents"))
        check_names(where["agents"], "agent", f"{place}.agents")
        for task in where["tasks"]:
            check_known(task, scale.tasks, "task", f"{place}.tasks", "the plan")
            known = scale.environments(task)
            check_known(environment, known, "environment", f"{place}.tasks", task)
            seeds = scale.tasks[task].seeds(environment)
            if unknown := set(where.get("seeds", [])) - set(seeds):
                raise ConfigError(f"{place}.seeds: no seed {listed(sorted(unknown))} in {task}.")
