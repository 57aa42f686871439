"""Sweeps: many settings tried, of meta-trainings (search), of agents (tune), of score transforms.

Searches and transforms are files of conf/experiment/, with one of their budgets. What a search
finds flows into the meta-training of environments that say `search: NAME`.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from synthgym.core.checking import check_hyperparameter
from synthgym.core.settings import Hyperparameters, Section
from synthgym.core.settings import Transforms as TransformsSchema
from synthgym.core.spaces import nested
from synthgym.jobs.planned import Job
from synthgym.plan.claims import check_claim, planned_claims
from synthgym.plan.layers import Layers, Values, expanded, where_set
from synthgym.plan.part import Part
from synthgym.plan.schema import (
    SPACES,
    TRANSFORMS,
    WAYS,
    Budget,
    Compared,
    Config,
    ConfigError,
    Judged,
    Tuning,
    check,
    check_experiment,
    check_known,
    check_names,
    definition,
    groups,
    listed,
    mapping,
    short,
)
from synthgym.plan.validate import check_environment, check_pair
from synthgym.plan.views import of_agents, seen_by_jobs

STRATEGY = "ferreira"  # the one that has step sizes and transforms of scores
# Of meta-training; others would change what a generation costs, or what is compared.
OF_META = ("sigma", "learning_rate", "step_size", "transform", "mirrored", "fitness")
NEVER = {"stop": "never", "keep": "last"}  # the budget is the number of generations
OF_SEARCH = (
    "space",
    "configurations",
    "budget",
    "brackets",
    "random",
    "workers",
    "seeds",
    "judged",
)
VARIED = (
    "transforms",
    "step_sizes",
    "mirrored",
    "seeds",
)  # what a study of transforms goes through
STUDIED = ("transform", "step_size", "mirrored")  # settings of `meta` that then have no one value
NEEDED = {"name": STRATEGY, "stop": "solved", "evaluate_every": 1}  # to see when it solves


class Sweep(Part, ABC):
    """Settings tried in a task: what searches and transforms share."""

    schema: type[Section]
    complete: tuple[str, ...]

    @abstractmethod
    def layers(self) -> Layers:
        """Return what differs from conf/, in order of precedence."""

    @abstractmethod
    def jobs(self) -> Iterator[Job]:
        """List every job of the sweep."""

    @property
    def claims(self) -> list[Values]:
        names = self.values.get("transforms", [])
        return planned_claims(self.values.get("claims", {}), names, [], [])

    def composed(self, overrides: Sequence[str] = ()) -> Values:
        """Return all sections for the meta-trainings."""
        key = (self.where, *overrides)
        if key not in self.scale.composed:
            agents = [self.values["agent"]] if "agent" in self.values else []
            self.scale.composed[key] = self.scale.composer.compose(
                self.where, self.task, self.layers(), agents, overrides, WAYS - {"meta"}
            )
        return self.scale.composed[key]

    def check(self) -> None:
        """Refuse whatever is wrong with the sweep, by a ConfigError."""
        check_known(self.task, groups("task"), "task", f"{self.where}.task", "conf/task")
        check_experiment(self.values, self.schema, self.where, self.complete)
        for name, claim in self.values.get("claims", {}).items():
            check_claim(claim, f"{self.where}.claims.{name}", TRANSFORMS, [])


class Search(Sweep):
    """A search for settings of a meta-training, and the comparison of what it finds."""

    schema: type[Section] = Hyperparameters
    complete = (*("space", "settings", "configurations", "budget", "seeds", "judged", "compared"),)

    @property
    def settings(self) -> Values:
        """What the search is told."""
        values = {"brackets": "full", "random": 0.3, "workers": 1, **self.values}
        return {name: values[name] for name in OF_SEARCH}

    def layers(self) -> Layers:
        """Return the budget and the settings that are not searched for."""
        generations = self.values["budget"]["max"]
        first = {"meta": {"generations": generations, **NEVER}}
        settings = expanded(self.values["settings"])
        return [(f"{self.where}.budget", expanded(first)), (f"{self.where}.settings", settings)]

    def config(self, overrides: Sequence[str] = ()) -> Values:
        """Return the configuration of the search and of the comparison."""
        config = seen_by_jobs(self.composed(overrides))
        return {
            **of_agents(config, config["meta"]["agents"]),
            "scale": self.scale.name,
            "search": self.settings,
            "comparison": self.values["compared"],
        }

    def jobs(self) -> Iterator[Job]:
        """List the search and the comparison."""
        labels = {"scale": self.scale.name, "task": self.task, "search": self.place.split("/")[-1]}
        yield Job("search", self.place, labels, self.config)
        needs = {"settings": [f"{self.place}/best.json"]}
        yield Job("search_comparison", f"{self.place}/comparison", labels, self.config, needs)

    def check(self) -> None:
        """Refuse whatever is wrong with the search, by a ConfigError."""
        super().check()
        values, where = self.values, self.where
        budget, seeds, others = values["budget"], values["seeds"], values["compared"]
        for part, kind in (("budget", Budget), ("judged", Judged), ("compared", Compared)):
            complete = [field.name for field in dataclasses.fields(kind)]
            check(values[part], kind, f"{where}.{part}", complete=complete)
        if budget["min"] > budget["max"]:
            raise ConfigError(f"{where}.budget: min must not be above max.")
        if common := sorted(set(seeds) & set(others["seeds"])):
            raise ConfigError(
                f"{where}.compared.seeds: {listed(common)} was searched with; compare with others."
            )
        check_environment(values["settings"], f"{where}.settings", complete=True)
        config = self.composed()
        for setting, only in {**NEVER, "generations": budget["max"], "start": None}.items():
            if config["meta"][setting] != only:
                raise ConfigError(f"{where}.settings.meta.{setting}: must be {only} in a search.")
        if not values["space"]:
            raise ConfigError(f"{where}.space: must have one setting or more.")
        for setting, how in values["space"].items():
            _check_space(setting, how, f"{where}.space.{setting}", config)

    def check_use(self, environment: str, meta: Values, place: str) -> None:
        """Refuse an environment that cannot be meta-trained with what the search finds."""
        strategy = self.composed()["meta"]["name"]
        if meta["name"] != strategy:
            raise ConfigError(f"{place}: {self.name} is of {strategy}, not {meta['name']}.")
        for setting in self.values["space"]:
            section, agent, *_ = setting.split(".")
            if section == "agents" and agent not in meta["agents"]:
                raise ConfigError(
                    f"{place}: {self.name} has settings of {agent}, which {environment} lacks."
                )


class Transforms(Sweep):
    """The strategy of Ferreira et al. 2022 with every transform of scores, step size, mirrored or
    not.
    """

    schema: type[Section] = TransformsSchema
    complete = (*VARIED, "agent")

    def layers(self) -> Layers:
        """Return the strategy, and the settings of all searches."""
        first = {"meta": {"agents": [self.values["agent"]]}}
        settings = expanded(self.values.get("settings", {}))
        return [(f"{self.where}.agent", first), (f"{self.where}.settings", settings)]

    def config(self, overrides: Sequence[str] = ()) -> Values:
        """Return the configuration of the study."""
        config = of_agents(seen_by_jobs(self.composed(overrides)), [self.values["agent"]])
        return {
            **config,
            "scale": self.scale.name,
            "meta": {k: v for k, v in config["meta"].items() if k not in STUDIED},
            "transforms": {name: self.values[name] for name in VARIED},
        }

    def jobs(self) -> Iterator[Job]:
        """List the study."""
        labels = {"scale": self.scale.name, "task": self.task}
        yield Job("transform_study", self.place, labels, self.config)

    def check(self) -> None:
        """Refuse whatever is wrong with the study, by a ConfigError."""
        super().check()
        values, where, layers = self.values, self.where, self.layers()
        check_names([values["agent"]], "agent", f"{where}.agent")
        check_pair(values["agent"], definition("task", self.task), f"{where}.agent")
        check(values.get("settings", {}), Config, f"{where}.settings")
        for name in STUDIED:
            if any(name in (layer.get("meta") or {}) for _, layer in layers):
                raise ConfigError(
                    f"{where_set(layers, 'meta', name)}: is what is studied; its values are beside "
                    "`settings`."
                )
        meta = self.composed()["meta"]
        for name, needed in {**NEEDED, "agents": [values["agent"]]}.items():
            if meta[name] != needed:
                place = where_set(layers, "meta", name)
                raise ConfigError(f"{place}: must be {needed} where transforms are studied.")


def tuning(tune: Values, config: Values) -> Values:
    """Return the configuration of a search for settings of the agent that `config` is about."""
    (agent,) = config["agents"]
    space = {f"agents.{agent}.hyperparameters.{name}": how for name, how in tune["space"].items()}
    search = {**tune, "space": space, "brackets": "full", "random": 0.3, "seeds": [tune["seed"]]}
    study = {**config["baseline"], "hyperparameters": "default", "stop": "never", "solved": None}
    study |= {name: tune[name] for name in ("draws", "evaluations")}
    return {**config, "search": search, "baseline": {**study, "steps": tune["budget"]["max"]}}


def check_tuning(tune: object, agents: Iterable[str], place: str) -> None:
    """Refuse a search for settings that not all these agents have."""
    complete = ("space", "configurations", "budget", "draws", "evaluations", "seed")
    tune = mapping(tune, place)
    check(tune, Tuning, place, complete=complete)
    check(tune["budget"], Budget, f"{place}.budget", complete=("min", "max", "eta"))
    if tune["budget"]["min"] > tune["budget"]["max"]:
        raise ConfigError(f"{place}.budget: min must not be above max.")
    if not tune["space"]:
        raise ConfigError(f"{place}.space: must have one setting or more.")
    for name, how in tune["space"].items():
        where = f"{place}.space.{name}"
        values = possible(how, where, static=False)
        for agent in agents:
            for value in values:
                check_hyperparameter(value, agent, name, where)


def _check_space(setting: str, how: object, place: str, config: Values) -> None:
    """Refuse a setting that may not be searched for, or values that it may not have."""
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


def possible(how: object, place: str, static: bool) -> list[Any]:
    """Return all choices of a space, or its bounds; `static`: it must be choices."""
    if not isinstance(how, dict) or len(how) != 1 or next(iter(how)) not in SPACES:
        raise ConfigError(f"{place}: must be one of {listed(SPACES)}, not {short(how)}.")
    ((kind, values),) = how.items()
    if kind == "choice":
        check(values, list[Any], f"{place}.choice")
        if len(values) < 2 or any(value in values[:i] for i, value in enumerate(values)):
            raise ConfigError(f"{place}.choice: must have two entries or more, each once.")
        return list(values)
    if static:
        raise ConfigError(f"{place}: must be a choice.")
    check(values, list[int] if kind == "int" else list[float], f"{place}.{kind}")
    if len(values) != 2 or not values[0] < values[1]:
        raise ConfigError(f"{place}.{kind}: must be [low, high] with low < high, not {values}.")
    if "log" in kind and values[0] <= 0:
        raise ConfigError(f"{place}.{kind}: must begin above 0, not at {values[0]}.")
    return [1 - value for value in values] if kind == "one_minus_log_uniform" else list(values)
