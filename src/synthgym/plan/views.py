"""What does a job see of a composed configuration? Only what it depends on."""

from collections.abc import Iterable

from synthgym.plan.layers import Values
from synthgym.plan.schema import OF_PLANS, REWARDS, definition
from synthgym.plan.validate import kind_of_observation

STUDIES = ("transfer", "baseline")


def seen_by_jobs(config: Values) -> Values:
    """Return a composed configuration without what none of its jobs depends on."""
    task = config["task"]
    config = {**config, "task": task_seen(task)}
    if "meta" in config:
        config["meta"] = _meta_seen(config["meta"], task)
    if "grade" in config:
        grade, names = config["grade"], config["grade"]["agents"]
        config["grade"] = {**grade, "train": {name: grade["train"][name] for name in names}}
    if "synth" in config:
        config["synth"] = _synth_seen(config["synth"], task)
    config["clients"] = clients_seen(config["clients"])
    return config | {study: with_level(config[study], task) for study in STUDIES}


def task_seen(task: Values) -> Values:
    """Return a task without settings that only a plan can see."""
    return {name: value for name, value in task.items() if name not in OF_PLANS}


def task_section(name: str) -> Values:
    """Return what conf/task/ says of a task, as reports see it."""
    return task_seen(definition("task", name))


def clients_seen(clients: Values) -> Values:
    """Return the settings of agents of another library, without those that are as usual."""
    usual = {"evaluations": 1, "settings": {}}  # nothing depends on that these could be otherwise
    return {k: v for k, v in clients.items() if k not in usual or v != usual[k]}


def with_level(study: Values, task: Values) -> Values:
    """Return the settings of a study with the return at which it stops, where it does so."""
    level = task["solved"] if study["solved"] is None else study["solved"]
    study = {**study, "solved": level if study["stop"] == "solved" else None}
    if study.get("repeats") == 1:  # nothing depends on that there could be more
        del study["repeats"]
    return study


def of_agents(config: Values, agents: Iterable[str]) -> Values:
    """Return a configuration that has no other agents than these."""
    return {**config, "agents": {name: config["agents"][name] for name in agents}}


def _meta_seen(meta: Values, task: Values) -> Values:
    """Return meta-training without what it does not depend on; with the return that solves."""
    meta = {**meta, "steps": {name: meta["steps"][name] for name in meta["agents"]}}
    if meta["stop"] == "solved":
        meta["solved"] = task["solved"]
    objective = meta.pop("objective")
    if objective["name"] != "final_return":
        level = task["solved"] if objective["name"] == "steps_to_solve" else None
        meta["objective"] = {**objective, "solved": level}
    return meta


def _synth_seen(synth: Values, task: Values) -> Values:
    """Return a synthetic environment with the kind of observation of this task only.

    Left out are settings of reward networks, if it is none, and a latent that is normal.
    """
    dropped = {"reward", "terminal_potential"} if not synth["reward"] else set()
    if synth["latent"] == "normal" or synth["initial_states"]:
        dropped.add("latent")
    kept = {k: v for k, v in synth.items() if k not in dropped}
    return kept if synth["reward"] else {**kept, "observations": [kind_of_observation(task)]}


def distil_seen(distil: Values, task: Values, agents: Values) -> Values:
    """Return how an environment is distilled: with the reward's name, and the students' agent."""
    distil = {**distil, "reward": distil["reward"] or REWARDS[task["action"]["kind"]][0]}
    students = distil.pop("students")
    if students["rounds"]:  # without them, nothing depends on what they would be
        name = students["agent"] or next(iter(agents))
        distil["students"] = {**students, "agents": {name: agents[name]}}
    return distil
