"""What does a scale plan of reward networks, and what is each of their jobs given?

`rewards:` of a scale: for each task, networks of several kinds, evolved with one algorithm; and
experiments, in which agents are judged with every network, and without one (baselines).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synthgym.plan.layers import Layers, Values, expanded
from synthgym.plan.schema import (
    OF_PLANS,
    Budget,
    Config,
    ConfigError,
    Rewards,
    Tuning,
    check,
    check_known,
    check_names,
    check_unique,
    definition,
    groups,
)
from synthgym.plan.search_plan import possible
from synthgym.plan.validate import check_identifier, check_pair

if TYPE_CHECKING:
    from synthgym.plan.plan import Plan

NETWORK = "reward_network"  # of conf/synth/
STRATEGY = "ferreira"  # where a plan names none
COMPLETE = ("networks", "seeds", "agent", "experiments", "baselines")
OF_TUNING = ("space", "configurations", "budget", "draws", "evaluations", "seed")
BESIDE = ("agent", "in_place_of", "tune")  # of experiments and baselines, no sections


def planned(plan: "Plan", scale: str) -> Values:
    """What is planned, by task."""
    values: Values = plan.params["scales"][scale].get("rewards") or {}
    return values


def summary(plan: "Plan", scale: str) -> Values:
    """What a report has to know, by task: its section, networks, experiments and their agents."""
    about = {}
    for task, values in planned(plan, scale).items():
        section = {k: v for k, v in definition("task", task).items() if k not in OF_PLANS}
        names = values["experiments"]
        kind = values["networks"][0]
        about[task] = {
            **section,
            "repeat": {n: _repeat(plan, scale, task, kind, experiment=n) for n in names},
            "repeat_evolved": _repeat(plan, scale, task, kind),
            "networks": values["networks"],
            "evolved_with": values["agent"],
            "baselines": list(values["baselines"]),
            "tuned": {
                f"{job['tuning']}/{job['experiment']}": _defaults(plan, job)
                for job in tunings(plan, scale)
                if job["task"] == task
            },
            "agents": {name: experiment["agent"] for name, experiment in names.items()},
        }
    return about


def _repeat(plan: "Plan", scale: str, task: str, network: str, **job: Any) -> int:
    """How many steps of a task an action is (tasks/repeat.py)."""
    options = resolve(plan, scale, task, network=network, **job)["task"]["options"]
    repeat: int = options.get("repeat", 1)
    return repeat


def networks(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every network."""
    for task, values in planned(plan, scale).items():
        for network in values["networks"]:
            for seed in values["seeds"]:
                yield {"scale": scale, "task": task, "network": network, "seed": seed}


def studies(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every study of agents with the networks of a kind."""
    for task, values in planned(plan, scale).items():
        for network in values["networks"]:
            for experiment in values["experiments"]:
                job = {"scale": scale, "task": task}
                yield {**job, "network": network, "experiment": experiment}


def without(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every study of agents without one."""
    for task, values in planned(plan, scale).items():
        for baseline in values["baselines"]:
            for experiment in values["experiments"]:
                if _agent(values, experiment, baseline):
                    job = {"scale": scale, "task": task}
                    yield {**job, "baseline": baseline, "experiment": experiment}


def tunings(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every search for the settings of a baseline: one for each of its agents."""
    for job in without(plan, scale):
        baseline, experiment = job.pop("baseline"), job["experiment"]
        if tuned_in(plan, scale, job["task"], baseline, experiment) == experiment:
            yield {**job, "tuning": baseline}


def tuned_in(plan: "Plan", scale: str, task: str, baseline: str, experiment: str) -> str | None:
    """The experiment for which the agents of a baseline are tuned; None where they are not.

    It is the first that has the same agent.
    """
    values = planned(plan, scale)[task]
    if "tune" not in values["baselines"][baseline]:
        return None
    agent = _agent(values, experiment, baseline)
    every = values["experiments"]
    return next(name for name in every if _agent(values, name, baseline) == agent)


def _defaults(plan: "Plan", job: Mapping[str, Any]) -> dict[str, Any]:
    """Of a search for settings: whose, how long, and what the plan says of them."""
    config = resolve(plan, **job)
    ((agent, section),) = config["agents"].items()
    names = [name.rpartition(".")[2] for name in config["search"]["space"]]
    return {
        "agent": agent,
        "steps": config["search"]["budget"]["max"],
        "default": {name: section["hyperparameters"][name] for name in names},
    }


def maps(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every kind whose rewards can be drawn on a map of states."""
    for task, values in planned(plan, scale).items():
        for network in values["networks"]:
            if definition("task", task)["num_states"] and "_info" not in network:
                yield {"scale": scale, "task": task, "network": network}


def resolve(
    plan: "Plan",
    scale: str,
    task: str,
    seed: int | str | None = None,
    network: str | None = None,
    experiment: str | None = None,
    baseline: str | None = None,
    tuning: str | None = None,
) -> Values:
    """The configuration of a job: a network's; with an experiment, a study's; else a map's.

    `tuning`: of the search for the settings of that baseline.
    """
    from synthgym.plan.plan import of_job, with_level

    values, baseline = planned(plan, scale)[task], baseline or tuning
    agent = _agent(values, experiment, baseline)
    config = of_job(_composed(plan, scale, task, network, experiment, baseline))
    if "synth" not in config:  # as many agents as with all networks of a kind
        draws = config["transfer"]["draws"] * len(values["seeds"])
        config["baseline"] = with_level({**config["transfer"], "draws": draws}, config["task"])
    config["transfer"] = with_level(config["transfer"], config["task"])
    config["agents"] = {agent: config["agents"][agent]}
    if tuning:
        tune = values["baselines"][tuning]["tune"]
        config["search"] = _tuning(tune, agent)
        how = {"hyperparameters": "default", "stop": "never", "solved": None}
        number = {name: tune[name] for name in ("draws", "evaluations")}
        length = {"steps": tune["budget"]["max"]}
        config["baseline"] = {**config["baseline"], **how, **number, **length}
    return {**config, "scale": scale, "seed": config["seed"] if seed is None else int(seed)}


def check_scale(plan: "Plan", scale: str) -> None:
    """Refuse whatever is wrong with the reward networks of a scale, by a ConfigError."""
    for task, values in planned(plan, scale).items():
        here = f"scales.{scale}.rewards.{task}"
        check_known(task, groups("task"), "task", here, "conf/task")
        check(values, Rewards, here, complete=COMPLETE)
        check_unique(values["networks"], f"{here}.networks")
        check_unique(values["seeds"], f"{here}.seeds")
        for network in values["networks"]:
            _check_info(network, task, f"{here}.networks")
        check_names([values["agent"]], "agent", f"{here}.agent")
        check_pair(values["agent"], definition("task", task), f"{here}.agent")
        for part in ("settings", "evolve"):
            check(values.get(part) or {}, Config, f"{here}.{part}")
        for kind, differences in (values.get("kinds") or {}).items():
            check_known(kind, values["networks"], "network", f"{here}.kinds", f"{here}.networks")
            check(differences, Config, f"{here}.kinds.{kind}")
        _check_studies(values, task, here)
        for network in values["networks"]:
            _composed(plan, scale, task, network)
        for experiment in values["experiments"]:
            _composed(plan, scale, task, values["networks"][0], experiment)
        for job in without(plan, scale):
            if job["task"] == task:
                _composed(plan, scale, task, None, job["experiment"], job["baseline"])


def _check_info(network: str, task: str, place: str) -> None:
    if network.endswith("_info") and not definition("task", task)["info"]:
        raise ConfigError(
            f"{place}: {network} needs an info vector, which {task} does not have; use a kind "
            "without _info."
        )


def _check_studies(values: Values, task: str, here: str) -> None:
    """Experiments and baselines: names, agents, sections."""
    agents = []
    for name, experiment in values["experiments"].items():
        place = f"{here}.experiments.{name}"
        check_identifier(name, place)
        check(experiment, dict[str, Any], place)
        if "agent" not in experiment:
            raise ConfigError(f"{place}: must say which agent.")
        check_names([experiment["agent"]], "agent", f"{place}.agent")
        check_pair(experiment["agent"], definition("task", task), f"{place}.agent")
        check({k: v for k, v in experiment.items() if k != "agent"}, Config, place)
        agents.append(experiment["agent"])
    for name, baseline in values["baselines"].items():
        place = f"{here}.baselines.{name}"
        check_identifier(name, place)
        check(baseline, dict[str, Any], place)
        instead = baseline.get("in_place_of", {})
        check(instead, dict[str, str], f"{place}.in_place_of")
        for old, new in instead.items():
            check_known(old, agents, "agent", f"{place}.in_place_of", "the experiments")
            check_names([new], "agent", f"{place}.in_place_of")
            check_pair(new, definition("task", task), f"{place}.in_place_of")
        check({k: v for k, v in baseline.items() if k not in BESIDE}, Config, place)
        if "tune" in baseline:
            theirs = {_agent(values, experiment, name) for experiment in values["experiments"]}
            _check_tuning(baseline["tune"], theirs - {""}, f"{place}.tune")


def _check_tuning(tune: Any, agents: Iterable[str], place: str) -> None:
    """A search for settings that all these agents have."""
    check(tune, Tuning, place, complete=OF_TUNING)
    check(tune["budget"], Budget, f"{place}.budget", complete=("min", "max", "eta"))
    if tune["budget"]["min"] > tune["budget"]["max"]:
        raise ConfigError(f"{place}.budget: min must not be above max.")
    if not tune["space"]:
        raise ConfigError(f"{place}.space: must have one setting or more.")
    for name, how in tune["space"].items():
        here = f"{place}.space.{name}"
        possible(how, here, static=False)
        for agent in agents:
            there = definition("agent", agent)["hyperparameters"]
            check_known(name, there, "hyperparameter", here, f"conf/agent/{agent}.yaml")


def _tuning(tune: Values, agent: str) -> Values:
    """What the search is told: with the whole names of what it is to find."""
    space = {f"agents.{agent}.hyperparameters.{name}": how for name, how in tune["space"].items()}
    return {**tune, "space": space, "brackets": "full", "random": 0.3, "seeds": [tune["seed"]]}


def _agent(values: Mapping[str, Any], experiment: str | None, baseline: str | None) -> str:
    """Who trains in a job; nobody where the baseline has no place in the experiment."""
    agent: str = values["experiments"][experiment]["agent"] if experiment else values["agent"]
    instead = values["baselines"][baseline].get("in_place_of") if baseline else None
    return instead.get(agent, "") if instead else agent


def _composed(
    plan: "Plan",
    scale: str,
    task: str,
    network: str | None = None,
    experiment: str | None = None,
    baseline: str | None = None,
) -> Values:
    here, values = f"scales.{scale}.rewards.{task}", planned(plan, scale)[task]
    agent = _agent(values, experiment, baseline)
    layers: Sequence[tuple[str, Any]] = [(f"{here}.settings", values.get("settings"))]
    if network:
        synth = {"synth": {"name": NETWORK, "reward": network}}
        layers = [*layers, (f"{here}.networks", synth)]
        layers = [*layers, (f"{here}.kinds.{network}", (values.get("kinds") or {}).get(network))]
    if experiment is not None:
        layers = [*layers, (f"{here}.experiments.{experiment}", values["experiments"][experiment])]
    elif network:
        meta = {"meta": {"name": STRATEGY, "agents": [agent]}}
        layers = [(f"{here}.agent", meta), *layers, (f"{here}.evolve", values.get("evolve"))]
    if baseline:
        layers = [*layers, (f"{here}.baselines.{baseline}", values["baselines"][baseline])]
    cleaned: Layers = [
        (place, expanded({k: v for k, v in (layer or {}).items() if k not in BESIDE}))
        for place, layer in layers
    ]
    absent = {"distil", *(["meta"] if experiment else []), *([] if network else ["synth"])}
    return plan.compose(here, [agent], task, cleaned, (), absent=absent)
