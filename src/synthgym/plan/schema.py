"""What plans may say: meaning, unit and range of each setting. Of single jobs: core/settings.py.

A section may be given in part (layers of params.yaml are), so nothing here has a default: those
live in conf/.
"""

import dataclasses
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthgym.core.checking import (
    check,
    check_agent,
    check_known,
    check_names,
    check_unique,
    listed,
    short,
)
from synthgym.core.definitions import CONF, definition, groups
from synthgym.core.settings import (
    CLIENTS,
    HIGHEST_SEED,
    REWARD_KINDS,
    REWARDS,
    SEARCHES,
    SPACES,
    TRANSFORMS,
    Budget,
    Clients,
    Compared,
    Config,
    ConfigError,
    Hyperparameters,
    Judged,
    Mirror,
    Synth,
    Task,
    Transforms,
    fields,
    section,
    setting,
)

__all__ = [
    "CLIENTS",
    "CONF",
    "REWARDS",
    "REWARD_KINDS",
    "SEARCHES",
    "SPACES",
    "TRANSFORMS",
    "WAYS",
    "Budget",
    "Clients",
    "Compared",
    "Config",
    "ConfigError",
    "Hyperparameters",
    "Judged",
    "Mirror",
    "Synth",
    "Task",
    "Transforms",
    "check",
    "check_agent",
    "check_known",
    "check_names",
    "check_unique",
    "definition",
    "groups",
    "listed",
    "short",
]

WAYS = frozenset({"meta", "distil", "grade"})  # sections, each a way to make an environment

OF_PLANS = (
    "tuned",
    "rivals",
    "info",
    "mirror",
)  # what jobs do not see of a task, unless it is their business


@dataclasses.dataclass
class Only:
    """What a task gets of what the scale plans."""

    agents: list[str] = setting("of the scale's agents, those for this task", each_once=True)
    environments: list[str] = setting(
        "of the scale's environments, those for this task", each_once=True
    )
    seeds: list[int] = setting(
        "of the seeds of an environment, those for this task", each_once=True
    )


@dataclasses.dataclass
class Where:
    """Where something is tried that is not for every task and agent."""

    tasks: list[str] = setting("of the scale's tasks, these", each_once=True)
    agents: list[str] = setting("of the agents of each of these tasks, these", each_once=True)
    seeds: list[int] = setting(
        "of the seeds, these; all of them if not said", low=0, high=HIGHEST_SEED, each_once=True
    )


@dataclasses.dataclass
class ClientsOf:
    """Which agents of another library are trained in the environments of a task."""

    agents: list[str] = setting("these, in the real task too", among=tuple(CLIENTS), each_once=True)
    environments: list[str] = setting("of the task's environments, these", each_once=True)
    seeds: list[int] = setting(
        "of the seeds of each, these; all of them if not said",
        low=0,
        high=HIGHEST_SEED,
        each_once=True,
    )
    rivals: list[str] = setting(
        "of `rivals` of the task, these: trained in the real task only", each_once=True
    )


@dataclasses.dataclass
class Common:
    """What every file of conf/experiment/ says."""

    question: str = setting("what is asked, as a heading")
    place: str = setting("directory of its results: kind of experiment, and a name")
    task: str = setting("as in conf/task/<name>.yaml")
    claims: dict[str, Any] = setting("name -> what is expected, written before it is computed")


@dataclasses.dataclass
class Experiment:
    """One question: environments made in several ways (arms), and agents judged with them (trials).

    `question`, `place` and `task` are in `Common`. All may differ between budgets, and in
    params.yaml.
    """

    agent: str = setting("the algorithm that environments are made with; else meta.agents says it")
    seeds: list[int] = setting(
        "one environment of each arm each", low=0, high=HIGHEST_SEED, each_once=True
    )
    settings: dict[str, Any] = setting("sections of the configuration, for all that follows")
    make: dict[str, Any] = setting("sections that differ where environments are made")
    arms: dict[str, Any] = setting(
        "name -> sections that differ in how environments are made; of these agents are judged by "
        "`synth` and `transfer`; with `model`: fitted, not evolved; with `search`: by the best "
        "settings that this search of the task found; with `seeds`: its own"
    )
    environments: list[str] = setting(
        "of the scale's environments of the task, arms as well", each_once=True, or_none=True
    )
    trials: dict[str, Any] = setting(
        "name -> {agent, sections that differ}: agents judged with each environment (`transfer`), "
        "and in the task; `arms`: with these only"
    )
    along: dict[str, str] = setting(
        "arms, or trials -> what the number is that their names end with, such as `graded_16`: "
        "returns are drawn over it"
    )
    real: str = setting(
        "agents in the task itself: as `baseline` says; as that, but as many as with all "
        "environments of an arm; as `transfer` says, and so many",
        among=["baseline", "as_many", "like_transfer"],
    )
    without: dict[str, Any] = setting(
        "name -> {in_place_of, tune, sections that differ}: agents in the task itself, in several "
        "ways. in_place_of: agent of a trial -> that which trains in its place; trials of others "
        "are left out. tune: a search for their settings"
    )
    looks: list[str] = setting(
        "what is recorded of each evolved arm: of its first environment, or the rewards of all",
        among=["behaviour", "noise", "reward_map"],
        each_once=True,
        or_none=True,
    )


EXPECTATIONS = {  # of a claim -> the other fields that it needs
    "better": "over",
    "worse": "over",
    "equal": "over",
    "no_worse": "over",
    "more_than": "value",
    "at_least": "value",
    "at_most": "value",
    "between": "value",
    "never": "",
}


@dataclasses.dataclass
class Claim:
    """What is expected of an experiment; analysis/core/verdict.py says when it holds."""

    says: str = setting("the claim, as a sentence")
    measure: str = setting("what it is a number of, as the report calls it; `return` if not said")
    of: list[str] = setting("arms, or `all` of them, or `real`, or others that the report compares")
    over: list[str] = setting("those that they are compared with: then the number is a difference")
    trials: list[str] = setting("in which trials; all of them if not said")
    over_trials: list[str] = setting("trials of the others, where they are not the same")
    expect: str = setting(
        "of a difference: above zero, below it, within the margin, above minus the margin; of a "
        "value: beyond one number, or between two; of a level: that it is not reached",
        among=tuple(EXPECTATIONS),
    )
    value: Any = setting("a number, or two of them for `between`")
    margin: float = setting(
        "share of what is between random actions and the best agent known that counts as equal; "
        "0.1 if not said",
        low=0,
        high=1,
    )
    step: int = setting("training step at which returns are compared; its end if not said", low=1)
    steps: list[float] = setting("first and last step size that are meant")
    each: str = setting("whether all of several numbers have to fit, or one", among=["all", "any"])
    which: str = setting("all environments, or those that solved the task", among=["all", "solved"])
    settings: str = setting("of agents in the task", among=["tuned", "real"])
    cost: str = setting("what both have spent alike", among=["real_steps", "seconds"])
    parts: list[Any] = setting("the claim with other fields; it holds if all parts do")


@dataclasses.dataclass
class Objectives:
    """Objectives that are meta-trained, and tasks in which all are judged, PPO's and DPO's too."""

    environment: str = setting("of the task, what stands in for it: with the first of its seeds")
    seeds: list[int] = setting("one meta-training each", low=0, high=HIGHEST_SEED, each_once=True)
    settings: dict[str, Any] = setting("sections of the configuration, for all of them")
    arms: dict[str, Any] = setting("name -> what differs: `objective: {train, fitness}`, ..")
    trials: dict[str, Any] = setting("task, also one without environments -> what differs there")


@dataclasses.dataclass
class Tuning:
    """A search for settings of an agent that learns in the task itself (BOHB)."""

    space: dict[str, Any] = setting(
        "hyperparameter -> {choice: [..]}, {log_uniform: [low, high]}, .., "
        "{one_minus_log_uniform: [low, high]}, which draws 1 less the setting"
    )
    configurations: int = setting("how many are tried", "configurations", low=1)
    budget: Budget = section(Budget)
    draws: int = setting("whose mean return over their training counts", "agents", low=1)
    evaluations: int = setting("per training, evenly spaced, the last at its end", low=1)
    seed: int = setting("of them, none of those that are judged", low=0, high=HIGHEST_SEED)


@dataclasses.dataclass
class Scale:
    """A plan: what there is to compute."""

    seeds: list[int] = setting("one meta-training each", low=0, high=HIGHEST_SEED, each_once=True)
    agents: list[str] = setting("judged in every environment, and in the real task", each_once=True)
    common: dict[str, Any] = setting("sections of the configuration, for all tasks")
    environments: dict[str, Any] = setting(
        "name -> what differs in this environment; its `seeds`, and `seeds_per_job`: how many of "
        "them one process meta-trains side by side; `search`: whose best settings it is "
        "meta-trained with"
    )
    tasks: dict[str, Any] = setting("name -> what differs for this task; `only`; `environments`")
    choices: dict[str, Any] = setting(
        "distilled environment -> {tasks, agents}: where choices in distilling are varied"
    )
    clients: dict[str, Any] = setting(
        "task -> {agents, environments}: where agents of Stable-Baselines3 are trained"
    )
    insight: dict[str, Any] = setting("task -> bandits of its plan that are looked into")
    experts: dict[str, Any] = setting(
        "task -> `train`: agents trained in the task itself, with settings tuned for it"
    )
    experiments: dict[str, Any] = setting(
        "name of conf/experiment/<name>.yaml -> {budget, seeds, what differs}; budget: one of the "
        "experiment's, that which is called as the scale if not said"
    )


@dataclasses.dataclass
class Params:
    """params.yaml."""

    scale: str = setting("what is computed where no scale is named")
    scales: dict[str, Any] = setting("name -> plan")
    accept_code: bool = setting("adopt the present code in the manifests, compute nothing for it")


def mapping(value: object, place: str) -> dict[str, Any]:
    """Return a value that is a mapping, an empty one where nothing is said; refuse any other."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{place}: must be a mapping, not {short(value)}.")
    return value


def check_experiment(
    values: dict[str, Any], kind: type, place: str, complete: Sequence[str]
) -> None:
    """Refuse an experiment that is not as the schema of its kind says."""
    shared = [field.name for field in dataclasses.fields(Common)]
    own = {name: value for name, value in values.items() if name not in (*shared, "_every")}
    common = {name: value for name, value in values.items() if name in shared}
    check(common, Common, place, complete=("question", "place", "task"))
    check(own, kind, place, complete=complete)


def described(kind: Any = Config, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """(name, type, meaning, range and unit) of every setting."""
    for field in fields(kind).values():
        name, limits = f"{prefix}{field.name}", field.metadata
        arguments = [kind for kind in typing.get_args(field.type) if kind is not ...]
        generic = typing.get_origin(field.type) in (dict, list, tuple)
        inner, named = arguments[-1] if generic else field.type, int(generic)
        while typing.get_origin(inner) is dict:
            inner, named = typing.get_args(inner)[-1], named + 1
        if dataclasses.is_dataclass(inner):
            yield from described(inner, f"{name}{'.<name>' * named}.")
            continue
        text = str(field.type) if arguments else getattr(field.type, "__name__", "")
        for jargon, word in (("typing.", ""), ("tuple[", "list["), (", ...]", "]")):
            text = text.replace(jargon, word)
        yield name, text, limits["meaning"], _range(limits)
        if limits["entries"] and typing.get_origin(field.type) is dict:
            yield from described(limits["entries"], f"{name}.")


def _range(limits: Mapping[str, Any]) -> str:
    """What a setting may be, and in which unit."""
    among = limits["among"]
    words = [among] if not isinstance(among, Mapping) else among.values()
    said = [", ".join(dict.fromkeys(word for some in words for word in some))]
    if limits["provided_by"]:
        said.append(f"a module in synthgym.{limits['provided_by']}")
    signs = {"low": ">=", "above": ">", "high": "<=", "below": "<"}
    bounds = [f"{sign} {limits[k]}" for k, sign in signs.items() if limits[k] is not None]
    once = "" if limits["or_none"] else "one or more, "
    once = f"{once}each once" if limits["each_once"] else ""
    return " ".join(filter(None, [*said, ", ".join(bounds), limits["unit"], once]))
