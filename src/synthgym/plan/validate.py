"""Do agents, tasks and synthetic environments go together? Refused before anything compiles."""

import re
from collections.abc import Iterator
from typing import Any

from synthgym.core.settings import REAL
from synthgym.jobs.codehash import module_file
from synthgym.plan.layers import Layers, Values, where_set
from synthgym.plan.schema import (
    CLIENTS,
    WAYS,
    Config,
    ConfigError,
    Task,
    check,
    check_agent,
    check_known,
    check_names,
    definition,
    groups,
    listed,
)
from synthgym.stages import FAMILIES, STAGES

EXACT = "synthgym.synth.exact"  # whose bandits can be graded
CLASSIC = "synthgym.tasks.classic"  # whose tasks are Gymnasium's, by the same IDs
RESERVED = {
    REAL: "it means the task itself",
    **{
        place.split("/")[2]: "it is a directory of results/"
        for stage in STAGES.values()
        for place in stage.places
        if place.count("/") > 1 and "{" not in place.split("/")[2]
    },
    **dict.fromkeys(("teacher", *FAMILIES, "figures"), "it is a directory of results/"),
}


def check_identifier(name: str, place: str) -> None:
    """Refuse what cannot be the name of an environment or task of a plan."""
    if name in RESERVED:
        raise ConfigError(f"{place}: nothing may be named {name}, because {RESERVED[name]}.")
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ConfigError(f"{place}: a name consists of a-z, 0-9 and _, and begins with a letter.")


def check_environment(
    values: Any, place: str, complete: bool = False, rewards: bool = False, shared: bool = False
) -> None:
    """The differences of an environment: sections; `synth` and `meta` may be names.

    shared: of several environments, which may be made in different ways.
    """
    values = {} if values is None and not complete else values
    check(values, dict[str, Any], place)
    synth = values.get("synth")
    name = synth.get("name") if isinstance(synth, dict) else synth
    if name is not None:
        check_known(name, groups("synth"), "synth", f"{place}.synth", "conf/synth")
        if definition("synth", name)["reward"] and not rewards:
            raise ConfigError(f"{place}.synth: {name} is for experiments whose place is rewards/.")
    elif complete:
        raise ConfigError(f"{place}: must say which synth, one of {listed(groups('synth'))}.")
    if len(ways := sorted(WAYS & values.keys())) > 1 and not shared:
        raise ConfigError(f"{place}: is made in one way, not by {listed(ways)}; `start` does both.")
    named = ("synth", "meta")
    sections = {k: v for k, v in values.items() if k not in named or not isinstance(v, str)}
    check(sections, Config, place)


def check_whole(config: Values, layers: Layers) -> None:
    """What the settings must be to each other."""
    if "synth" in config:
        place = where_set(layers, "synth")
        check_synth(config["synth"], config["task"], place)
    if "meta" in config:
        _check_meta(config["meta"], config["task"], layers, "objective" in config)
    if "grade" in config:
        _check_grade(config, layers)
    for name, agent in config["agents"].items():
        check_agent(agent, name, f"conf/agent/{name}.yaml")
        _check_shapes(name, agent, config, layers)
    task = config["task"]
    file = f"conf/task/{task['name']}.yaml"
    check(task, Task, file)
    names = task["observation_names"]
    if len(names) != task["observation_size"]:
        raise ConfigError(f"{file}: must have {task['observation_size']} observation_names.")
    if len(task["surface"]) not in (0, 2) or set(task["surface"]) - set(names):
        place = where_set(layers, "task", "surface")
        raise ConfigError(f"{place}: must be two of observation_names, or empty.")
    mirror, action = task["mirror"], task["action"]
    if mirror["observation"] and [len(mirror["observation"]), len(mirror["action"])] != [
        task["observation_size"],
        action["size"],
    ]:
        raise ConfigError(f"{file}: mirror must have a number for each observation and action.")
    for module in _modules(config):
        if not module_file(module):
            raise ConfigError(f"conf: there is no module {module}.")


def _check_shapes(name: str, agent: Values, config: Values, layers: Layers) -> None:
    shapes, meta = agent.get("shapes", []), config.get("meta")
    place = where_set(layers, "agents", name, "shapes")
    if any("num_envs" in shape or "num_steps" in shape for shape in shapes):
        raise ConfigError(
            f"{place}: agents that are compared are tested at the same steps, so "
            "num_envs and num_steps are for `static`."
        )
    if not shapes or not meta or name not in meta["agents"]:
        return
    if meta["hyperparameters"] == "sampled" and meta["evaluate_draws"] % len(shapes):
        place = where_set(layers, "meta", "evaluate_draws")
        raise ConfigError(f"{place}: must be a multiple of {len(shapes)}, the shapes of {name}.")


def _check_objective(meta: Values, layers: Layers) -> None:
    for name, only in (("agents", ["lpo"]), ("keep", "last"), ("stop", "never")):
        if meta[name] != only:
            place = where_set(layers, "meta", name)
            raise ConfigError(f"{place}: must be {only} where an objective is meta-trained.")


def _check_meta(meta: Values, task: Values, layers: Layers, objective: bool) -> None:
    if objective:
        _check_objective(meta, layers)
    check_names(meta["agents"], "agent", where_set(layers, "meta", "agents"))
    check_names(list(meta["steps"]), "agent", where_set(layers, "meta", "steps"))
    for agent in meta["agents"]:
        check_pair(agent, task, where_set(layers, "meta", "agents"), objective)
        if agent not in meta["steps"]:
            place = where_set(layers, "meta", "steps")
            raise ConfigError(f"{place}: lacks {agent}, which is among meta.agents.")
    needs = (
        ("stop", meta["stop"], "solved", "never"),
        ("objective", meta["objective"]["name"], "steps_to_solve", "area_under_curve"),
    )
    for setting, value, needing, instead in needs:
        if value == needing and task["solved"] is None:
            place = where_set(layers, "meta", setting)
            raise ConfigError(
                f"{place}: {task['name']} does not say when it is solved; use {instead}."
            )
    if meta["objective"]["window"] > meta["objective"]["tests"]:
        place = where_set(layers, "meta", "objective")
        raise ConfigError(f"{place}: its window cannot be longer than all its tests.")
    if meta["name"] == "open_es" and meta["population"] % 2:
        place = where_set(layers, "meta", "population")
        raise ConfigError(f"{place}: must be even for the pairs of open_es.")
    if meta["curriculum"]["begin"] >= meta["curriculum"]["end"]:
        place = where_set(layers, "meta", "curriculum")
        raise ConfigError(f"{place}: must begin before it ends.")


def _check_grade(config: Values, layers: Layers) -> None:
    grade, task, synth = config["grade"], config["task"], config["synth"]
    check_names(grade["agents"], "agent", where_set(layers, "grade", "agents"))
    for agent in grade["agents"]:
        check_pair(agent, task, where_set(layers, "grade", "agents"))
        if agent not in grade["train"]:
            place = where_set(layers, "grade", "train")
            raise ConfigError(f"{place}: lacks {agent}, which is among grade.agents.")
    if synth["module"] != EXACT:
        place = where_set(layers, "synth")
        raise ConfigError(f"{place}: what is graded are tables, as in exact_bandit.")
    fit, place = grade["fit"], where_set(layers, "grade", "fit")
    for name in ("steps", "learning_rate"):
        if len(fit[name]) != 2 or fit[name][0] > fit[name][1]:
            raise ConfigError(f"{place}.{name}: must be [smallest, largest].")
    if fit["window"] > fit["steps"][0]:
        raise ConfigError(f"{place}.window: cannot be longer than the shortest fit.")


def check_pair(agent: str, task: Values, place: str, objective: bool = False) -> None:
    """Refuse an agent in a task whose actions or observations are not for it.

    `objective`: whether there is a learned one, which LPO needs.
    """
    if _learns_by_a_learned(agent) and not objective:
        raise ConfigError(
            f"{place}: {agent} learns by an objective that is meta-trained, which is for "
            "experiments whose place is objectives. Use ppo or dpo here."
        )
    complaint = _unfit(definition("agent", agent), task)
    if complaint:
        every = [name for name in groups("agent") if not _learns_by_a_learned(name)]
        fit = [name for name in every if not _unfit(definition("agent", name), task)]
        use = " or ".join(filter(None, [", ".join(fit[:-1]), *fit[-1:]]))
        raise ConfigError(f"{place}: {agent} {complaint}. Use {use or 'another task'}.")


def check_client(client: str, task: Values, place: str) -> None:
    """Refuse an agent of another library in a task whose actions or library are not for it."""
    kind = task["action"]["kind"]
    if kind not in CLIENTS[client]:
        fit = listed([name for name, kinds in CLIENTS.items() if kind in kinds])
        raise ConfigError(f"{place}: {client} has no {kind} actions, as {task['name']}; use {fit}.")
    if task["module"] != CLASSIC:
        raise ConfigError(
            f"{place}: {client} is judged in a task of Gymnasium's own; {task['name']} is none."
        )


def _learns_by_a_learned(agent: str) -> bool:
    """Whether an agent has an objective only where one is meta-trained."""
    return definition("agent", agent)["static"].get("drift") == "learned"


def check_synth(synth: Values, task: Values, place: str) -> None:
    """Refuse a synthetic environment that cannot stand in for a task."""
    kind = kind_of_observation(task)
    if kind not in synth["observations"]:
        raise ConfigError(
            f"{place}: {synth['name']} puts out {listed(synth['observations'])} observations; "
            f"{task['name']} has {kind} ones."
        )


def _unfit(agent: Values, task: Values) -> str | None:
    """What an agent needs and a task does not have; None where they fit."""
    action, kind = task["action"], kind_of_observation(task)
    if action["kind"] not in agent["actions"]:
        number = f"{action['size']} {action['kind']} {'one' if action['size'] == 1 else 'ones'}"
        return f"needs {' or '.join(agent['actions'])} actions; {task['name']} has {number}"
    if kind not in agent["observations"]:
        needed = " or ".join(agent["observations"])
        return f"needs {needed} observations; {task['name']} has {kind} ones"
    return None


def kind_of_observation(task: Values) -> str:
    """Of KINDS_OF_OBSERVATION, that which a task has."""
    return "one_hot" if task["num_states"] else "vector"


def _modules(config: object) -> Iterator[str]:
    if isinstance(config, dict):
        for name, value in config.items():
            if name == "module":
                yield value
            else:
                yield from _modules(value)
