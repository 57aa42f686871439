"""Do agents, tasks and synthetic environments go together? Refused before anything compiles."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from synthgym.core.settings import LARGEST, REAL
from synthgym.core.spec import num_names
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
from synthgym.stages import FAMILIES, NAME, STAGES

STUDIES = ("transfer", "baseline", "expert", "judge")
OF_A_TASK = (  # its file's
    *("id", "observation_size", "num_states", "action"),
    *("published", "tuned", "rivals"),
)
OF_AN_AGENT = ("module", "actions", "observations", "static.learner")
MULTIPLES = (  # static settings of agents: a product of some is a multiple of another one
    (("buffer_size",), "num_envs", "is no multiple of num_envs,"),
    (("num_envs", "num_steps"), "num_minibatches", "samples cannot be parted by num_minibatches,"),
)
LONGEST = 64  # characters of a name; a path of results has several
EXACT = "synthgym.synth.exact"  # whose bandits can be graded
EVOLVED = "synthgym.agents.es"  # which can go on from another agent
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
    check_name(name, place)


def check_name(name: object, place: str) -> None:
    """Refuse what cannot be part of a path of results."""
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise ConfigError(f"{place}: a name consists of a-z, 0-9 and _, and begins with a letter.")
    if len(name) > LONGEST:
        raise ConfigError(f"{place}: a name has {LONGEST} characters at most.")


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
        _check_fixed("agent", agent, OF_AN_AGENT, layers, "agents", name)
        _check_shapes(name, agent, config, layers)
        _check_counts(name, agent, layers)
    for study in STUDIES:
        evaluations, steps = config[study]["evaluations"], config[study]["steps"]
        if steps is not None and evaluations > steps:
            place = where_set(layers, study, "evaluations")
            raise ConfigError(f"{place}: {evaluations} cannot be in a training of {steps} steps.")
    _check_task(config["task"], layers)
    for module in _modules(config):
        if not module_file(module):
            raise ConfigError(f"conf: there is no module {module}.")


def _check_task(task: Values, layers: Layers) -> None:
    file = f"conf/task/{task['name']}.yaml"
    check(task, Task, file)
    _check_fixed("task", task, OF_A_TASK, layers, "task")
    names = task["observation_names"]
    if len(names) != (count := num_names(task)):
        raise ConfigError(f"{file}: must have {count} observation_names.")
    if len(task["surface"]) not in (0, 2) or set(task["surface"]) - set(names):
        place = where_set(layers, "task", "surface")
        raise ConfigError(f"{place}: must be two of observation_names, or empty.")
    mirror, action = task["mirror"], task["action"]
    if mirror["observation"] and [len(mirror["observation"]), len(mirror["action"])] != [
        task["observation_size"],
        action["size"],
    ]:
        raise ConfigError(f"{file}: mirror must have a number for each observation and action.")


def _check_fixed(
    kind: str, section: Values, settings: Sequence[str], layers: Layers, *path: str
) -> None:
    """Refuse other values of what only the file of a task or an agent may say."""
    name = section["name"]
    for setting in settings:
        own: Any = section
        defined: Any = definition(kind, name)
        for part in setting.split("."):
            own, defined = own.get(part), defined.get(part)
        if own != defined:
            place = where_set(layers, *path, *setting.split("."))
            raise ConfigError(
                f"{place}: is what conf/{kind}/{name}.yaml says; another {kind} is another file."
            )


def _check_counts(name: str, agent: Values, layers: Layers) -> None:
    """Refuse static settings of an agent, in any of its shapes, that do not go together."""
    for shape in [{}, *agent.get("shapes", [])]:
        static = {**agent["static"], **shape}
        for whole, part, meaning in MULTIPLES:
            if not {*whole, part} <= static.keys():
                continue
            if (total := math.prod(static[setting] for setting in whole)) % static[part]:
                place = where_set(layers, "agents", name, "static", part)
                raise ConfigError(f"{place}: {total} {meaning} {static[part]}.")
        if static.get("batch_size", 0) > static.get("buffer_size", LARGEST):
            place = where_set(layers, "agents", name, "static", "batch_size")
            raise ConfigError(
                f"{place}: {static['batch_size']} is more than the buffer has, "
                f"{static['buffer_size']}."
            )
        if static.get("noise_steps", 1) > 1 and static["num_envs"] > 1:
            place = where_set(layers, "agents", name, "static", "noise_steps")
            raise ConfigError(f"{place}: must be 1 where num_envs is {static['num_envs']}.")


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
    _check_scoring(meta, where_set(layers, "meta", "objective"))
    if meta["name"] == "open_es" and meta["population"] % 2:
        place = where_set(layers, "meta", "population")
        raise ConfigError(f"{place}: must be even for the pairs of open_es.")
    _check_curriculum(meta["curriculum"], task, where_set(layers, "meta", "curriculum"))


def _check_scoring(meta: Values, place: str) -> None:
    scoring = meta["objective"]
    if scoring["window"] > scoring["tests"]:
        raise ConfigError(f"{place}: its window cannot be longer than all its tests.")
    least = min(meta["steps"][agent] for agent in meta["agents"])
    if scoring["name"] != "final_return" and scoring["tests"] > least:
        raise ConfigError(f"{place}: {scoring['tests']} tests cannot be in {least} steps.")


def _check_curriculum(curriculum: Values, task: Values, place: str) -> None:
    if curriculum["begin"] >= curriculum["end"]:
        raise ConfigError(f"{place}: must begin before it ends.")
    if curriculum["kind"] == "adaptive" and curriculum["start"] > task["horizon"]:
        raise ConfigError(
            f"{place}.start: adaptive episodes become longer, up to {task['horizon']} steps."
        )


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
    check_known(agent, groups("agent"), "agent", place, "conf/agent")
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
    if task["module"] != CLASSIC or task["options"]:
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


def check_teacher(teacher: Values, task: str, place: str) -> None:
    """Refuse what no teacher of the task can be: who imitates another, or is disturbed."""
    agent, other = teacher["agent"], teacher["imitate"]["agent"]
    for name, at in [(agent, place), (other, f"{place}.imitate")]:
        if name is not None:
            check_known(name, groups("agent"), "agent", f"{at}.agent", "conf/agent")
    section = definition("task", task)
    if other is not None and (agent is None or definition("agent", agent)["module"] != EVOLVED):
        raise ConfigError(
            f"{place}.imitate.agent: only es goes on from another; its agent is {agent}."
        )
    if other is not None and "image" in section["options"]:
        raise ConfigError(
            f"{place}.imitate.agent: {task} shows images, which es does not imitate by."
        )
    if teacher["noise"] and section["action"]["kind"] == "discrete":
        raise ConfigError(
            f"{place}.noise: is for continuous actions; those of {task} are discrete."
        )
