"""What does a scale plan of searches for settings, and what is each of their jobs given?

`search:` of a scale: for each task, searches by name. What is found flows into the meta-training
of environments that say `search: NAME`.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synthgym.plan.layers import Layers, Values, expanded
from synthgym.plan.schema import (
    SPACES,
    Budget,
    Compared,
    Config,
    ConfigError,
    Hyperparameters,
    Judged,
    check,
    check_known,
    check_unique,
    groups,
    listed,
    short,
)
from synthgym.plan.validate import check_environment, check_identifier

if TYPE_CHECKING:
    from synthgym.plan.plan import Plan

STRATEGY = "ferreira"  # where a plan names none
COMPLETE = ("space", "settings", "configurations", "budget", "seeds", "judged", "compared")
DEFAULTS = {"brackets": "full", "random": 0.3, "workers": 1}
# Of meta-training; others would change what a generation costs, or what is compared.
OF_META = ("sigma", "learning_rate", "step_size", "transform", "mirrored", "fitness")
NEVER = {"stop": "never", "keep": "last"}  # the budget is the number of generations


def planned(plan: "Plan", scale: str) -> dict[str, Values]:
    """What is planned, by task and name."""
    values: dict[str, Values] = plan.params["scales"][scale].get("search") or {}
    return values


def searches(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every search."""
    for task, names in planned(plan, scale).items():
        for name in names:
            yield {"scale": scale, "task": task, "search": name}


def whose(plan: "Plan", scale: str, environment: str) -> str | None:
    """The search whose best settings an environment is meta-trained with, if it says so."""
    values = plan.params["scales"][scale]["environments"].get(environment)
    return values.get("search") if isinstance(values, Mapping) else None


def resolve(
    plan: "Plan",
    scale: str,
    task: str,
    name: str,
    seed: int | str | None = None,
    overrides: Sequence[str] = (),
) -> Values:
    """The configuration of a search, and of the comparison of what it finds."""
    from synthgym.plan.plan import of_job

    values = {**DEFAULTS, **planned(plan, scale)[task][name]}
    config = of_job(_composed(plan, scale, task, name, overrides))
    compared = values.pop("compared")
    values = {name: value for name, value in values.items() if name != "settings"}
    agents = {agent: config["agents"][agent] for agent in config["meta"]["agents"]}
    return {
        **config,
        "scale": scale,
        "seed": config["seed"] if seed is None else int(seed),
        "agents": agents,
        "search": values,
        "comparison": compared,
    }


def summary(plan: "Plan", scale: str) -> dict[str, Any]:
    """What a report has to know, by task and name."""
    about: dict[str, Any] = {}
    for job in searches(plan, scale):
        config = resolve(plan, scale, job["task"], job["search"])
        parts = {part: config[part] for part in ("task", "meta", "agents", "search", "comparison")}
        about.setdefault(job["task"], {})[job["search"]] = parts
    return about


def check_scale(plan: "Plan", scale: str) -> None:
    """Refuse whatever is wrong with the searches of a scale, by a ConfigError."""
    for task, names in planned(plan, scale).items():
        here = f"scales.{scale}.search.{task}"
        check_known(task, groups("task"), "task", here, "conf/task")
        check(names, dict[str, Hyperparameters], here)
        for name, values in names.items():
            check_identifier(name, f"{here}.{name}")
            check(values, Hyperparameters, f"{here}.{name}", complete=COMPLETE)
            _check_search(plan, scale, task, name)
    for environment in plan.params["scales"][scale]["environments"]:
        if (used := whose(plan, scale, environment)) is not None:
            _check_use(plan, scale, environment, used)


def _check_search(plan: "Plan", scale: str, task: str, name: str) -> None:
    values, here = planned(plan, scale)[task][name], f"scales.{scale}.search.{task}.{name}"
    budget, seeds, others = values["budget"], values["seeds"], values["compared"]
    for part, kind in (("budget", Budget), ("judged", Judged), ("compared", Compared)):
        complete = [field.name for field in dataclasses.fields(kind)]
        check(values[part], kind, f"{here}.{part}", complete=complete)
    if budget["min"] > budget["max"]:
        raise ConfigError(f"{here}.budget: min must not be above max.")
    if values.get("random", 0) > 1:
        raise ConfigError(f"{here}.random: must be at most 1, not {values['random']}.")
    check_unique(seeds, f"{here}.seeds")
    check_unique(others["seeds"], f"{here}.compared.seeds")
    if common := sorted(set(seeds) & set(others["seeds"])):
        raise ConfigError(
            f"{here}.compared.seeds: {listed(common)} was searched with; compare with others."
        )
    check_environment(values["settings"], f"{here}.settings", complete=True)
    config = _composed(plan, scale, task, name)
    for setting, only in {**NEVER, "generations": budget["max"], "start": None}.items():
        if config["meta"][setting] != only:
            raise ConfigError(f"{here}.settings.meta.{setting}: must be {only} in a search.")
    if not values["space"]:
        raise ConfigError(f"{here}.space: must have one setting or more.")
    for setting, how in values["space"].items():
        _check_space(setting, how, f"{here}.space.{setting}", config)


def _check_space(setting: str, how: Any, place: str, config: Values) -> None:
    """A setting that may be searched for, and values that it may have."""
    section, *path = setting.split(".")
    static = path in (["mirrored"], ["transform"], ["fitness"])
    if section == "meta" and len(path) == 1:
        check_known(path[0], OF_META, "setting to search for", place, "meta")
    elif section == "agents" and len(path) == 3 and path[1] in ("hyperparameters", "static"):
        agent, part, key = path
        check_known(agent, config["meta"]["agents"], "agent", place, "meta.agents")
        check_known(key, config["agents"][agent][part], f"{part} setting", place, agent)
        static = part == "static"
        drawn = config["meta"]["hyperparameters"] == "sampled"
        if not static and drawn and key in config["agents"][agent]["search"]:
            raise ConfigError(
                f"{place}: each agent draws its own; say meta.hyperparameters: default."
            )
    else:
        raise ConfigError(
            f"{place}: must be such as meta.sigma, agents.ddqn.hyperparameters.tau or "
            "agents.ddqn.static.hidden."
        )
    for value in possible(how, place, static):
        check(nested(setting, value), Config, place.removesuffix(setting).removesuffix("."))


def possible(how: Any, place: str, static: bool) -> list[Any]:
    """All choices of a space, or its bounds; `static`: it must be choices."""
    if not isinstance(how, dict) or len(how) != 1 or next(iter(how)) not in SPACES:
        raise ConfigError(f"{place}: must be one of {listed(SPACES)}, not {short(how)}.")
    ((kind, said),) = how.items()
    if kind == "choice":
        check(said, list[Any], f"{place}.choice")
        if len(said) < 2 or any(value in said[:i] for i, value in enumerate(said)):
            raise ConfigError(f"{place}.choice: must have two entries or more, each once.")
        return list(said)
    if static:
        raise ConfigError(f"{place}: must be a choice.")
    check(said, list[int] if kind == "int" else list[float], f"{place}.{kind}")
    if len(said) != 2 or not said[0] < said[1]:
        raise ConfigError(f"{place}.{kind}: must be [low, high] with low < high, not {said}.")
    if "log" in kind and said[0] <= 0:
        raise ConfigError(f"{place}.{kind}: must begin above 0, not at {said[0]}.")
    return [1 - value for value in said] if kind == "one_minus_log_uniform" else list(said)


def _check_use(plan: "Plan", scale: str, environment: str, name: str) -> None:
    """An environment that is meta-trained with what a search finds."""
    place = f"scales.{scale}.environments.{environment}.search"
    check(name, str, place)
    if plan.distilled(scale, environment):
        raise ConfigError(f"{place}: is for what is meta-trained.")
    for task in plan.tasks(scale):
        if environment in plan.environments(scale, task):
            names = planned(plan, scale).get(task, {})
            check_known(name, names, "search", place, f"search of {task}")
            theirs = _composed(plan, scale, task, name)["meta"]
            ours = plan.config(scale, task, environment)["meta"]
            if ours["name"] != theirs["name"]:
                raise ConfigError(f"{place}: {name} is of {theirs['name']}, not {ours['name']}.")
            for setting in names[name]["space"]:
                section, agent, *_ = setting.split(".")
                if section == "agents" and agent not in ours["agents"]:
                    raise ConfigError(f"{place}: {name} has settings of {agent}, who is not here.")


def nested(setting: str, value: Any) -> Values:
    """Sections in which a setting such as meta.sigma has this value."""
    tree: Any = value
    for part in reversed(setting.split(".")):
        tree = {part: tree}
    sections: Values = tree
    return sections


def setting(sections: Mapping[str, Any], name: str) -> Any:
    """The value that sections of a configuration give a setting such as meta.sigma."""
    value: Any = sections
    for part in name.split("."):
        value = value[part]
    return value


def contains(how: Mapping[str, Any], value: Any) -> bool:
    """Whether a space such as {log_uniform: [0.01, 1.0]} has a value."""
    ((kind, values),) = how.items()
    if kind == "choice":
        return any(value == choice for choice in values)
    low, high = values
    inside: bool = low <= (1 - value if kind == "one_minus_log_uniform" else value) <= high
    return inside


def _composed(
    plan: "Plan", scale: str, task: str, name: str, overrides: Sequence[str] = ()
) -> Values:
    values, here = planned(plan, scale)[task][name], f"scales.{scale}.search.{task}.{name}"
    first = {"meta": {"name": STRATEGY, "generations": values["budget"]["max"], **NEVER}}
    layers: Layers = [
        (f"{here}.budget", expanded(first)),
        (f"{here}.settings", expanded(values["settings"])),
    ]
    return plan.compose(here, [], task, layers, overrides, absent={"distil"})
