"""What is the configuration of a job? Groups of conf/, composed by Hydra, under the layers of a
plan.

Hydra composes choices: a task, a synthetic environment, a strategy, an agent. That takes a tenth of
a second each, so what it made of them is kept in work/compositions.json. Values of a plan are
merged over it.
"""

import copy
import dataclasses
import hashlib
import json
import typing
from collections.abc import Collection, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from synthgym.core import settings
from synthgym.core.settings import merged
from synthgym.jobs import kept
from synthgym.plan.layers import Layers, Values, expanded, plain, tidy_agents, where_set
from synthgym.plan.schema import (
    CONF,
    WAYS,
    Config,
    ConfigError,
    Tuning,
    check_known,
    check_names,
    definition,
    groups,
    listed,
)
from synthgym.plan.validate import check_environment, check_pair, check_whole

KEPT = Path("work/compositions.json")
STRATEGY = "snes"  # where a plan names none
BESIDE: dict[str, Any] = {"seeds": list[int], "seeds_per_job": int, "tune": Tuning, "step": int}
REAL_LACKS = WAYS | {"synth"}


class Composer:
    """Compositions of choices: those of a file, and new ones."""

    def __init__(self, path: Path = KEPT):
        self.path, self.new = path, False
        file = kept.remembered(path)
        self.choices: dict[str, Values] = file["choices"] if file.get("ground") == _ground() else {}

    def section(self, task: str, group: str = "", name: str = "") -> Values:
        """Return the section of a group's option; without one, all sections of a task."""
        overrides = [f"task={task}"]
        if group == "agent":
            overrides.append(f"+agent@agents.{name}={name}")
        elif group:
            overrides.append(f"{group}={name}")
        key = overrides[-1]
        if key not in self.choices:
            composed = _composed(overrides)
            if group == "agent":
                composed = composed["agents"][name]
            elif group:
                composed = composed[group]
            self.choices[key], self.new = composed, True
        return copy.deepcopy(self.choices[key])  # nobody changes what is remembered

    def save(self) -> None:
        """Keep the compositions for the next time, where the workflow has its directory."""
        if self.new and self.path.parent.is_dir():
            kept.cache(self.path, {"ground": _ground(), "choices": self.choices})
            self.new = False

    def compose(
        self,
        place: str,
        task: str,
        layers: Layers,
        agents: Sequence[str] = (),
        overrides: Sequence[str] = (),
        absent: Collection[str] = (),
    ) -> Values:
        """Return all sections for a task under `layers` and the command line, checked as a whole.

        `agents`: those that train, besides those of meta-training; `absent`: sections left out.
        """
        layers = [*layers, ("command line", command_line(overrides))]
        values: Values = {}
        for _, layer in layers:
            values = merged(values, layer)
        every = [*agents, *values.get("agents", {})]
        absent = {*absent, *({"objective"} - values.keys())}
        try:
            config = self.section(task)
            if "meta" not in absent:
                strategy = values.get("meta", {}).get("name", STRATEGY)
                where = where_set(layers, "meta", "name")
                check_known(strategy, groups("meta"), "strategy", where, "conf/meta")
                config["meta"] = self.section(task, "meta", strategy)
            for way in ("meta", "grade"):
                if way not in absent:
                    every += values.get(way, {}).get("agents", config[way]["agents"])
            if "synth" not in absent:
                synth = values.get("synth", {}).get("name")
                if synth is None:
                    every_synth = listed(groups("synth"))
                    raise ConfigError(f"{place}: must say which synth, one of {every_synth}.")
                config["synth"] = self.section(task, "synth", synth)
            every = list(dict.fromkeys(every))
            check_names(every, "agent", where_set(layers, "meta", "agents"))
            config["agents"] = {name: self.section(task, "agent", name) for name in every}
        except (HydraException, OmegaConfBaseException, MissingMandatoryValue) as error:
            raise ConfigError(f"{place}, task {task}: {' '.join(str(error).split())}.") from None
        config = {name: part for name, part in config.items() if name not in absent}
        own = {name: part for name, part in values.items() if name in config}
        config = conform(merged(config, own), Config)
        tidy_agents(config["agents"])
        if config["task"]["name"] != task:
            where = where_set(layers, "task", "name")
            raise ConfigError(f"{where}: must be {task}, the task that these settings are for.")
        check_whole(config, layers)
        for agent in agents:
            check_pair(agent, config["task"], f"{place}.agents")
        return config

    def tuned(
        self,
        place: str,
        task: str,
        agents: Sequence[str],
        where: str,
        layers: Layers,
        overrides: Sequence[str] = (),
    ) -> Values:
        """Return all sections for agents in a task itself, with the settings tuned for it."""
        file, tuned = f"conf/task/{task}.yaml", definition("task", task)["tuned"]
        for agent in agents:
            check_pair(agent, definition("task", task), where)
            check_known(agent, tuned, "agent", where, f"`tuned` of {file}")
        settings = {name: {k: v for k, v in tuned[name].items() if k != "steps"} for name in agents}
        layers = [(f"{file}: tuned", {"agents": settings}), *layers]
        return self.compose(place, task, layers, agents, overrides, REAL_LACKS)


def conform(value: Any, kind: Any) -> Any:
    """Give numbers the type of their setting: 1 -> 1.0 where it is a float, 1e3 -> 1000."""
    if dataclasses.is_dataclass(kind):
        if isinstance(value, list):  # of such sections
            return [conform(item, kind) for item in value]
        if not isinstance(value, dict):
            return value
        fields = dataclasses.fields(kind)
        kinds = {field.name: field.metadata.get("entries") or field.type for field in fields}
        return {name: conform(item, kinds.get(name, Any)) for name, item in value.items()}
    if kind is Any and isinstance(value, dict):
        return {name: conform(item, BESIDE.get(name, Any)) for name, item in value.items()}
    options = [option for option in typing.get_args(kind) if option is not type(None)]
    origin = typing.get_origin(kind)
    if origin is dict and isinstance(value, dict):
        return {name: conform(item, options[1]) for name, item in value.items()}
    if origin in (list, tuple) and isinstance(value, list):
        return [conform(item, options[0]) for item in value]
    if (kind is float or float in options) and type(value) is int:
        return float(value) if abs(value) < 2**128 else value  # which is refused
    if (kind is int or int in options) and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def command_line(overrides: Sequence[str]) -> Values:
    """Return Hydra overrides, by section."""
    values: Values = {}
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides)) if overrides else []
    except HydraException as error:
        raise ConfigError(f"command line: {' '.join(str(error).split())}.") from None
    for override in parsed:
        path, value = override.key_or_group.split("."), override.value()
        if override.is_delete() or override.is_sweep_override():
            raise ConfigError(f"command line: {override.input_line} is not for a single job.")
        for name in reversed(path[1:]):
            value = {name: value}
        if path in (["synth"], ["meta"]) and isinstance(value, str):
            value = {"name": value}
        values = merged(values, {path[0]: value})
    check_environment(values, "command line")
    return expanded(values)


def _composed(overrides: Sequence[str]) -> Values:
    ConfigStore.instance().store(name="schema", node=Config)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return plain(
            compose("config", overrides=list(overrides)), absent={"synth"} - _set(overrides)
        )


def _set(overrides: Sequence[str]) -> set[str]:
    return {override.partition("=")[0] for override in overrides}


@cache
def _ground() -> str:
    """Return a digest of all that compositions come from but their choices."""
    files = [Path(settings.__file__), *sorted(CONF.rglob("*.yaml"))]
    versions = [version(name) for name in ("hydra-core", "omegaconf")]
    texts = [path.read_text("utf-8") for path in files]
    return hashlib.sha256(json.dumps([texts, versions]).encode()).hexdigest()[:32]
