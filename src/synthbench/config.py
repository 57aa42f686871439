"""What is each job given? params.yaml and conf/, checked and merged into one configuration.

Precedence: schema.py < conf/ groups < scales.S.common < scales.S.tasks.T
< scales.S.environments.E < scales.S.tasks.T.environments.E < command line.
"""

import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue

from synthbench.codehash import module_file
from synthbench.schema import (
    CONF,
    SEARCHES,
    Config,
    ConfigError,
    Only,
    Params,
    Scale,
    Task,
    check,
    check_agent,
    check_known,
    check_names,
    check_unique,
    definition,
    groups,
    listed,
    short,
)

REAL = "real"  # stands where the name of a synthetic environment would: the task itself
RESERVED = {REAL: "it means the task itself", "figures": "it is a directory of results/"}
Values = dict[str, Any]
Layers = list[tuple[str, Values]]  # (place, sections of the configuration), in order of precedence


class Plan:
    """params.yaml: what there is to do, and the configuration of each job."""

    def __init__(self, params: Mapping[str, Any]):
        self.params = _numbers(params)
        if isinstance(self.params, dict) and self.params.get("accept_code") in ("true", "false"):
            self.params["accept_code"] = self.params["accept_code"] == "true"  # from `--config`
        check(self.params, Params, "", complete=("scale", "scales"))
        for scale, plan in self.params["scales"].items():
            complete = ("seeds", "agents", "environments", "tasks")
            check(plan, Scale, f"scales.{scale}", complete=complete)
        self.scale: str = self.params["scale"]
        check_known(self.scale, self.scales, "scale", "scale", "params.yaml")
        self._composed: dict[tuple[str, ...], Values] = {}

    @classmethod
    def load(cls, path: Path | str = "params.yaml") -> "Plan":
        """Read the file. Raises ConfigError where it is not there, or nonsense."""
        try:
            return cls(yaml.safe_load(Path(path).read_text()))
        except FileNotFoundError:
            raise ConfigError(f"{path} is not here; start at the top of the repository.") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}.") from None

    @property
    def accept_code(self) -> bool:
        """Whether the present code is to be adopted in the manifests of what was computed."""
        return self.params.get("accept_code", False)

    @property
    def scales(self) -> list[str]:
        return list(self.params["scales"])

    def seeds(self, scale: str) -> list[int]:
        return self.params["scales"][scale]["seeds"]

    def tasks(self, scale: str) -> list[str]:
        return list(self.params["scales"][scale]["tasks"])

    def agents(self, scale: str, task: str) -> list[str]:
        """Those that are judged in the environments of a task, and in the task itself."""
        return self._of_task(scale, task, "agents")

    def environments(self, scale: str, task: str) -> list[str]:
        """The synthetic environments of a task."""
        return self._of_task(scale, task, "environments")

    def check(self, scale: str) -> None:
        """Refuse whatever is wrong with a scale, by a ConfigError."""
        here, plan = f"scales.{scale}", self.params["scales"][scale]
        check_names(plan["agents"], "agent", f"{here}.agents")
        check_unique(plan["seeds"], f"{here}.seeds")
        check(plan.get("common") or {}, Config, f"{here}.common")
        for environment, values in plan["environments"].items():
            _check_identifier(environment, f"{here}.environments.{environment}")
            _check_environment(values, f"{here}.environments.{environment}", complete=True)
        for task in plan["tasks"]:
            self._check_task(scale, task)
        for task in plan["tasks"]:
            for environment in [REAL, *self.environments(scale, task)]:
                self.config(scale, task, environment)

    def config(
        self, scale: str, task: str, environment: str = REAL, overrides: Sequence[str] = ()
    ) -> Values:
        """All settings for a task and an environment, composed by Hydra and checked as a whole."""
        key = (scale, task, environment, *overrides)
        if key not in self._composed:
            layers = self._layers(scale, task, environment)
            choices, values = _command_line(overrides)
            layers.append(("command line", values))
            self._composed[key] = self._compose(scale, task, environment, layers, choices)
        return self._composed[key]

    def resolve(
        self,
        scale: str,
        task: str | None = None,
        environment: str = REAL,
        seed: int | str | None = None,
        agent: str | None = None,
        overrides: Sequence[str] = (),
    ) -> Values:
        """The configuration of one job, from the wildcards of its path.

        A job that is about one agent sees only that one; every other, those that its environment
        is meta-trained with. A job about no task in particular sees `tasks`: name -> task.
        """
        if task is None:
            tasks = {name: self.resolve(scale, name)["task"] for name in self.tasks(scale)}
            return {"scale": scale, "tasks": tasks}
        config = dict(self.config(scale, task, environment, overrides))
        config["task"] = {k: v for k, v in config["task"].items() if k != "tuned"}
        if "meta" in config:
            steps = {name: config["meta"]["steps"][name] for name in config["meta"]["agents"]}
            config["meta"] = {**config["meta"], "steps": steps}
        names = [agent] if agent else config.get("meta", {}).get("agents", [])
        config["agents"] = {name: config["agents"][name] for name in names}
        return {**config, "scale": scale, "seed": config["seed"] if seed is None else int(seed)}

    def _of_task(self, scale: str, task: str, kind: str) -> list[str]:
        every = self.params["scales"][scale][kind]
        only = self._task(scale, task).get("only", {}).get(kind, every)
        return [name for name in every if name in only]

    def _task(self, scale: str, task: str) -> Values:
        values = self.params["scales"][scale]["tasks"][task] or {}
        if not isinstance(values, dict):
            place = f"scales.{scale}.tasks.{task}"
            raise ConfigError(f"{place}: must be a mapping such as {{}}, not {short(values)}.")
        return values

    def _check_task(self, scale: str, task: str) -> None:
        here, plan = f"scales.{scale}.tasks.{task}", self.params["scales"][scale]
        _check_identifier(task, here)
        check_known(task, groups("task"), "task", here, "conf/task")
        values = dict(self._task(scale, task))
        only, environments = values.pop("only", {}), values.pop("environments", {})
        check(only, Only, f"{here}.only")
        check(environments, dict[str, Any], f"{here}.environments")
        named = [("agents", only.get("agents", []), f"{here}.only.agents")]
        named += [("environments", only.get("environments", []), f"{here}.only.environments")]
        named += [("environments", list(environments), f"{here}.environments")]
        for kind, names, place in named:
            for name in names:
                check_known(name, plan[kind], kind[:-1], place, f"scales.{scale}.{kind}")
        for name, differences in environments.items():
            _check_environment(differences, f"{here}.environments.{name}")
        check(values, Config, here)

    def _layers(self, scale: str, task: str, environment: str) -> Layers:
        here, plan = f"scales.{scale}", self.params["scales"][scale]
        values = {k: v for k, v in self._task(scale, task).items() if k != "only"}
        own = values.pop("environments", {})
        layers = [(f"{here}.common", plan.get("common")), (f"{here}.tasks.{task}", values)]
        if environment != REAL:
            place = f"{here}.environments.{environment}"
            layers.append((place, plan["environments"][environment]))
            place = f"{here}.tasks.{task}.environments.{environment}"
            layers.append((place, own.get(environment)))
        return [(place, _expanded(values or {})) for place, values in layers]

    def _compose(
        self, scale: str, task: str, environment: str, layers: Layers, choices: list[str]
    ) -> Values:
        values: Values = {}
        for _, layer in layers:
            values = _merged(values, layer)
        synth = values.get("synth", {}).pop("name", None)
        agents = [*self.agents(scale, task), *values.get("agents", {})]
        if environment != REAL:
            agents += values.get("meta", {}).get("agents", definition("meta", "snes")["agents"])
            choices = [f"synth={synth}", *choices]
        check_names(list(dict.fromkeys(agents)), "agent", f"{_place(layers, 'meta', 'agents')}")
        store = ConfigStore.instance()
        store.store(name="schema", node=Config)
        store.store(group="plan", name="chosen", node=values, package="_global_")
        choices = [f"task={task}", *choices]
        choices += [f"+agent@agents.{name}={name}" for name in dict.fromkeys(agents)]
        try:
            with initialize_config_dir(str(CONF), version_base="1.3"):
                composed = compose("config", overrides=[*choices, "+plan=chosen"])
            config = _plain(composed, absent={"synth", "meta"} if environment == REAL else set())
        except (HydraException, MissingMandatoryValue) as error:
            where = f"scales.{scale}, task {task}, environment {environment}"
            raise ConfigError(f"{where}: {' '.join(str(error).split())}.") from None
        _tidy_agents(config["agents"])
        _check_whole(config, layers)
        for agent in self.agents(scale, task):
            _check_pair(agent, config["task"], f"scales.{scale}.agents")
        return config


class Section(dict[str, Any]):
    """A frozen part of a job's configuration; `config.meta.sigma` is `config["meta"]["sigma"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            there = listed(self)
            raise AttributeError(f"no {name} in this configuration, only {there}") from None

    def _refuse(self, *_: Any, **__: Any) -> typing.NoReturn:
        raise TypeError("the configuration of a job is frozen")

    __setattr__ = __delattr__ = __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = clear = setdefault = _refuse


def typed(config: Any) -> Any:
    """A job's configuration as a frozen object with attribute access; its lists become tuples."""
    if isinstance(config, Mapping):
        return Section({name: typed(value) for name, value in config.items()})
    return tuple(typed(item) for item in config) if isinstance(config, list | tuple) else config


def _numbers(value: Any) -> Any:
    """Numbers such as 1e-3, which Snakemake's YAML 1.1 takes for words, unlike Hydra and DVC."""
    if isinstance(value, Mapping):
        return {str(key): _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if isinstance(value, str) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", value):
        return float(value)
    return value


def _expanded(layer: Values) -> Values:
    """`synth: bandit` is short for `synth: {name: bandit}`; a search replaces one of other kind."""
    layer = dict(layer)
    if isinstance(layer.get("synth"), str):
        layer["synth"] = {"name": layer["synth"]}
    for name, agent in (layer.get("agents") or {}).items():
        nothing = dict.fromkeys(SEARCHES)
        search = {key: {**nothing, **(how or {})} for key, how in agent.get("search", {}).items()}
        layer["agents"] = {
            **layer["agents"],
            name: {**agent, **({"search": search} if search else {})},
        }
    return layer


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    return new


def _command_line(overrides: Sequence[str]) -> tuple[list[str], Values]:
    """Hydra overrides -> (choices of groups, values by section)."""
    choices: list[str] = []
    values: Values = {}
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:
        raise ConfigError(f"command line: {' '.join(str(error).split())}.") from None
    for override in parsed:
        path, value = override.key_or_group.split("."), override.value()
        if override.is_delete() or override.is_sweep_override():
            raise ConfigError(f"command line: {override.input_line} is not for a single job.")
        if path == ["meta"] and isinstance(value, str):
            check_known(value, groups("meta"), "meta", "command line", "conf/meta")
            choices.append(f"meta={value}")
            continue
        for name in reversed(path[1:]):
            value = {name: value}
        if path == ["synth"] and isinstance(value, str):
            value = {"name": value}
        values = _merged(values, {path[0]: value})
    _check_environment(values, "command line")
    return choices, _expanded(values)


def _plain(composed: Any, absent: set[str]) -> Values:
    """What Hydra composed, as plain dictionaries, without the sections that are `absent`."""
    return {
        str(name): OmegaConf.to_container(part, resolve=True, throw_on_missing=True)
        if OmegaConf.is_config(part)
        else part
        for name, part in composed.items_ex(resolve=True)
        if name not in absent
    }


def _tidy_agents(agents: Values) -> None:
    """Numbers of the type of their default (1 -> 1.0); no trace of searches that were replaced."""
    for name, agent in agents.items():
        for key, default in definition("agent", name)["hyperparameters"].items():
            value = agent["hyperparameters"][key]
            if (
                isinstance(default, float)
                and isinstance(value, int)
                and not isinstance(value, bool)
            ):
                agent["hyperparameters"][key] = float(value)
        kept = {
            key: {kind: values for kind, values in (how or {}).items() if values is not None}
            for key, how in agent["search"].items()
        }
        agent["search"] = {key: how for key, how in kept.items() if how}


def _check_identifier(name: str, place: str) -> None:
    if name in RESERVED:
        raise ConfigError(f"{place}: nothing may be named {name}, because {RESERVED[name]}.")
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ConfigError(f"{place}: a name consists of a-z, 0-9 and _, and begins with a letter.")


def _check_environment(values: Any, place: str, complete: bool = False) -> None:
    """The differences of an environment: sections of the configuration; `synth` may be a name."""
    values = {} if values is None and not complete else values
    check(values, dict[str, Any], place)
    synth = values.get("synth")
    name = synth.get("name") if isinstance(synth, dict) else synth
    if name is not None:
        check_known(name, groups("synth"), "synth", f"{place}.synth", "conf/synth")
    elif complete:
        raise ConfigError(f"{place}: must say which synth, one of {listed(groups('synth'))}.")
    check({k: v for k, v in values.items() if k != "synth" or isinstance(v, dict)}, Config, place)


def _check_whole(config: Values, layers: Layers) -> None:
    """What the settings must be to each other."""
    if "meta" in config:
        _check_meta(config["meta"], config["task"], layers)
    for name, agent in config["agents"].items():
        check_agent(agent, name, f"conf/agent/{name}.yaml")
    task = config["task"]
    file = f"conf/task/{task['name']}.yaml"
    check(task, Task, file)
    names = task["observation_names"]
    if len(names) != task["observation_size"]:
        raise ConfigError(f"{file}: must have {task['observation_size']} observation_names.")
    if len(task["surface"]) not in (0, 2) or set(task["surface"]) - set(names):
        place = _place(layers, "task", "surface")
        raise ConfigError(f"{place}: must be two of observation_names, or empty.")
    for module in _modules(config):
        if not module_file(module):
            raise ConfigError(f"conf: there is no module {module}.")


def _check_meta(meta: Values, task: Values, layers: Layers) -> None:
    check_names(meta["agents"], "agent", _place(layers, "meta", "agents"))
    check_names(list(meta["steps"]), "agent", _place(layers, "meta", "steps"))
    for agent in meta["agents"]:
        _check_pair(agent, task, _place(layers, "meta", "agents"))
        if agent not in meta["steps"]:
            place = _place(layers, "meta", "steps")
            raise ConfigError(f"{place}: lacks {agent}, which is among meta.agents.")


def _check_pair(agent: str, task: Values, place: str) -> None:
    """Refuse an agent in a task with actions that are not for it."""
    action, can = task["action"], definition("agent", agent)["actions"]
    if action["kind"] not in can:
        number = f"{action['size']} {action['kind']} {'one' if action['size'] == 1 else 'ones'}"
        needs = f"{agent} needs {' or '.join(can)} actions; {task['name']} has {number}"
        fit = [n for n in groups("agent") if action["kind"] in definition("agent", n)["actions"]]
        use = " or ".join(filter(None, [", ".join(fit[:-1]), *fit[-1:]]))
        raise ConfigError(f"{place}: {needs}. Use {use or 'another task'}.")


def _place(layers: Layers, *path: str) -> str:
    """Where a setting was made: in the last layer that has it, or else in conf/."""
    for place, layer in reversed(layers):
        found: Any = layer
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if found is not None:
            return ".".join([place, *path])
    return ".".join(["conf", *path])


def _modules(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        for name, value in config.items():
            if name == "module":
                yield value
            else:
                yield from _modules(value)
