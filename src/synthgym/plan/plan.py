"""What is each job given? params.yaml and conf/, checked and merged into one configuration.

Precedence: schema.py < conf/ groups < scales.S.common < scales.S.tasks.T
< scales.S.environments.E < scales.S.tasks.T.environments.E < command line. Experts: conf/ groups
< `tuned` in conf/task/T.yaml < scales.S.common < scales.S.experts.T < command line. Objectives:
conf/ groups < scales.S.objectives.common < .learned.O < command line; where they are judged: conf/
groups < `tuned` of PPO in conf/task/T.yaml < scales.S.objectives.common < .judged.T < command line.
A search for settings: conf/ groups < scales.S.search.T.N.settings < command line < what it tries.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf.errors import MissingMandatoryValue

from synthgym.plan import (
    comparison_plan,
    inspection,
    mdp_plan,
    reward_plan,
    search_plan,
    transform_plan,
)
from synthgym.plan.compose import Compositions
from synthgym.plan.layers import (
    Layers,
    Values,
    expanded,
    merged,
    numbers,
    settings_of,
    tidy_agents,
    where_set,
)
from synthgym.plan.schema import (
    OF_PLANS,
    REWARDS,
    ConfigError,
    Params,
    Scale,
    check,
    check_known,
    check_names,
    definition,
    groups,
    short,
)
from synthgym.plan.validate import (
    REAL,
    check_client,
    check_environment,
    check_pair,
    check_whole,
    kind_of_observation,
)

PPO, LPO = "ppo", "lpo"  # whose settings tuned for a task all objectives have; what is meta-trained
GIVEN = (PPO, "dpo")  # objectives that are judged beside those that are learned
REAL_LACKS = frozenset({"synth", "meta", "distil"})  # what makes a synthetic environment
STRATEGY = "snes"  # where a plan names none


class Plan:
    """params.yaml: what there is to do, and the configuration of each job."""

    def __init__(self, params: Mapping[str, Any]):
        self.params = numbers(params)
        if isinstance(self.params, dict) and self.params.get("accept_code") in ("true", "false"):
            self.params["accept_code"] = self.params["accept_code"] == "true"  # from `--config`
        check(self.params, Params, "", complete=("scale", "scales"))
        for scale, plan in self.params["scales"].items():
            complete = ("seeds", "agents", "environments", "tasks")
            check(plan, Scale, f"scales.{scale}", complete=complete)
        self.scale: str = self.params["scale"]
        check_known(self.scale, self.scales, "scale", "scale", "params.yaml")
        self._composed: dict[tuple[str, ...], Values] = {}
        self.compositions = Compositions()

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

    def seeds(self, scale: str, environment: str | None = None) -> list[int]:
        """Of a scale, or of an environment where it has its own."""
        plan = self.params["scales"][scale]
        own = plan["environments"][environment].get("seeds") if environment else None
        seeds: list[int] = own or plan["seeds"]
        return seeds

    def groups(self, scale: str, environment: str) -> list[list[int]]:
        """Its seeds, so many together as one job meta-trains side by side."""
        seeds = self.seeds(scale, environment)
        size = self.params["scales"][scale]["environments"][environment].get("seeds_per_job", 1)
        return [seeds[i : i + size] for i in range(0, len(seeds), size)]

    def tasks(self, scale: str) -> list[str]:
        return list(self.params["scales"][scale]["tasks"])

    def agents(self, scale: str, task: str) -> list[str]:
        """Those that are judged in the environments of a task, and in the task itself."""
        return self._of_task(scale, task, "agents")

    def environments(self, scale: str, task: str) -> list[str]:
        """The synthetic environments of a task."""
        return self._of_task(scale, task, "environments")

    def experts(self, scale: str) -> dict[str, list[str]]:
        """Task -> agents that are trained in the task itself with settings tuned for it."""
        tasks = self.params["scales"][scale].get("experts") or {}
        return {task: list(values["train"]) for task, values in tasks.items()}

    def choices(self, scale: str) -> list[tuple[str, str, str, int]]:
        """(task, distilled environment, agent, seed) where choices in distilling are varied."""
        return [
            (task, environment, agent, seed)
            for environment, where in (self.params["scales"][scale].get("choices") or {}).items()
            for task in where["tasks"]
            for agent in where["agents"]
            for seed in where.get("seeds", self.seeds(scale, environment))
            if agent in self.agents(scale, task)
        ]

    def clients(self, scale: str) -> list[tuple[str, str, str, int]]:
        """(task, environment, agent, seed) where agents of another library are trained."""
        return [
            (task, environment, agent, seed)
            for task, where in (self.params["scales"][scale].get("clients") or {}).items()
            for environment in where["environments"]
            for agent in where["agents"]
            for seed in where.get("seeds", self.seeds(scale, environment))
        ]

    def insights(self, scale: str) -> list[tuple[str, str, int]]:
        """(task, bandit, seed) that are looked into: the first seed of each."""
        return [
            (task, environment, self.seeds(scale, environment)[0])
            for task, environments in (self.params["scales"][scale].get("insight") or {}).items()
            for environment in environments
        ]

    def objectives(self, scale: str) -> Values:
        """What is planned of meta-trained objectives: nothing, or the section."""
        there = self.params["scales"][scale]
        section: Values = there.get("objectives") or {}
        return {} if "objectives" in (there.get("left_out") or []) else section

    def judged(self, scale: str) -> list[str]:
        """All objectives that are judged."""
        learned = list(self.objectives(scale).get("learned", {}))
        return [*GIVEN, *learned] if learned else []

    def stand_in(self, scale: str, objective: str) -> dict[str, Any] | None:
        """The environment that an objective is meta-trained in, as wildcards of its path."""
        plan = self.objectives(scale)
        if "synthetic" not in plan["learned"][objective]["objective"].values():
            return None
        environment = plan["environment"]
        seed = self.seeds(scale, environment)[0]
        return {"scale": scale, "task": plan["task"], "environment": environment, "seed": seed}

    def distilled(self, scale: str, environment: str) -> bool:
        """Whether an environment is made from a teacher, not by meta-training."""
        return "distil" in self.params["scales"][scale]["environments"][environment]

    def start(self, scale: str, task: str, environment: str) -> str | None:
        """The distilled environment at which a meta-training begins, if it does."""
        if environment == REAL or self.distilled(scale, environment):
            return None
        start: str | None = self.config(scale, task, environment)["meta"]["start"]
        return start

    def check(self, scale: str) -> None:
        """Refuse whatever is wrong with a scale, by a ConfigError."""
        inspection.check_scale(self, scale)
        self.compositions.save()

    def config(
        self, scale: str, task: str, environment: str = REAL, overrides: Sequence[str] = ()
    ) -> Values:
        """All settings for a task and an environment, composed by Hydra and checked as a whole."""
        key = (scale, task, environment, *overrides)
        if key not in self._composed:
            layers = self._layers(scale, task, environment)
            agents = self.agents(scale, task)
            self._composed[key] = self.compose(
                f"scales.{scale}",
                agents,
                task,
                layers,
                overrides,
                absent=REAL_LACKS
                if environment == REAL
                else {"meta" if self.distilled(scale, environment) else "distil"},
            )
        return self._composed[key]

    def expert(self, scale: str, task: str, overrides: Sequence[str] = ()) -> Values:
        """The same for the experts of a task: their settings are those tuned for it."""
        key = (scale, task, "experts", *overrides)
        if key not in self._composed:
            plan, here = self.params["scales"][scale], f"scales.{scale}.experts.{task}"
            values = dict(plan["experts"][task])
            agents = values.pop("train")
            common = f"scales.{scale}.common"
            layers = [(common, expanded(plan.get("common") or {})), (here, expanded(values))]
            self._composed[key] = self._tuned(
                here, agents, f"{here}.train", task, layers, overrides
            )
        return self._composed[key]

    def _tuned(
        self,
        here: str,
        agents: list[str],
        place: str,
        task: str,
        layers: Layers,
        overrides: Sequence[str] = (),
    ) -> Values:
        """All settings for agents that are trained in a task with those tuned for it."""
        file, tuned = f"conf/task/{task}.yaml", definition("task", task)["tuned"]
        for agent in agents:
            check_pair(agent, definition("task", task), place)
            check_known(agent, tuned, "agent", place, f"`tuned` of {file}")
        settings = {name: {k: v for k, v in tuned[name].items() if k != "steps"} for name in agents}
        layers = [(f"{file}: tuned", {"agents": settings}), *layers]
        return self.compose(here, agents, task, layers, overrides, absent=REAL_LACKS)

    def objective(self, scale: str, name: str, overrides: Sequence[str] = ()) -> Values:
        """All settings for the meta-training of an objective."""
        key = (scale, name, "objective", *overrides)
        if key not in self._composed:
            self._composed[key] = self._compose_objective(scale, name, overrides)
        return self._composed[key]

    def _compose_objective(self, scale: str, name: str, overrides: Sequence[str]) -> Values:
        plan, here = self.objectives(scale), f"scales.{scale}.objectives"
        task, environment = plan["task"], plan["environment"]
        synth = self.config(scale, task, environment)["synth"]
        start = {"synth": synth, "meta": {"name": "open_es", "agents": [LPO]}}
        layers = [
            (f"{here}.environment", expanded(start)),
            (f"{here}.common", expanded(plan.get("common") or {})),
            (f"{here}.learned.{name}", expanded(plan["learned"][name])),
        ]
        return self.compose(here, [], task, layers, overrides, absent={"distil"})

    def judge(self, scale: str, task: str, overrides: Sequence[str] = ()) -> Values:
        """All settings for agents that learn by the objectives in a task: those of PPO there."""
        key = (scale, task, "judge", *overrides)
        if key not in self._composed:
            plan, here = self.objectives(scale), f"scales.{scale}.objectives"
            place = f"{here}.judged.{task}"
            layers = [
                (f"{here}.common", expanded(plan.get("common") or {})),
                (place, expanded(plan["judged"].get(task) or {})),
            ]
            self._composed[key] = self._tuned(here, [PPO], place, task, layers, overrides)
        return self._composed[key]

    def resolve(
        self,
        scale: str,
        task: str | None = None,
        environment: str = REAL,
        seed: int | str | None = None,
        agent: str | None = None,
        expert: str | None = None,
        client: str | None = None,
        objective: str | None = None,
        studied: str | None = None,
        search: str | None = None,
        comparison: str | None = None,
        overrides: Sequence[str] = (),
        **of_family: str,
    ) -> Values:
        """The configuration of one job, from the wildcards of its path.

        A job that is about one agent sees only that one; every other, those that its environment
        is meta-trained with. A job about no task in particular sees `tasks`: name -> task; what is
        about experts, `experts`: task -> agent -> steps of training. One about an objective is its
        meta-training, or where there is a task, how it is judged in that.
        """
        if comparison is not None:
            return comparison_plan.resolve(self, scale, comparison, seed, **of_family)
        if of_family and task is not None:
            plan = mdp_plan if {"arm", "trial"} & of_family.keys() else reward_plan
            return plan.resolve(self, scale, task, seed, **of_family)
        if studied is not None:
            return transform_plan.resolve(self, scale, studied)
        if search is not None and task is not None:
            return search_plan.resolve(self, scale, task, search, seed, overrides)
        if objective is not None:
            how = self._resolve_objective if task is None else self._resolve_judged
            return how(scale, objective, task or "", seed, overrides)
        if expert is not None and task is not None:
            return self._resolve_expert(scale, task, expert, seed, overrides)
        if task is None:
            return self._resolve_scale(scale)
        whole = self.config(scale, task, environment, overrides)
        config, mirror = of_job(whole), whole["task"]["mirror"]
        config["mirror"] = mirror if mirror["observation"] else None
        both = ("transfer", "baseline")
        config |= {study: with_level(config[study], config["task"]) for study in both}
        names = config["meta"]["agents"] if "meta" in config else self.agents(scale, task)
        names = [agent] if agent else [] if environment == REAL else names
        config["agents"] = {name: config["agents"][name] for name in names}
        config["clients"] = _with_client(config["clients"], client, config["task"])
        config["teacher"] = self.teacher(scale, task, config["teacher"])
        if "distil" in config:
            every = self.config(scale, task, environment, overrides)["agents"]
            config["distil"] = self._distil(config["distil"], config["task"], every)
        return {**config, "scale": scale, "seed": config["seed"] if seed is None else int(seed)}

    def _resolve_scale(self, scale: str) -> Values:
        """What jobs about no task in particular see of the plan."""
        tasks = {name: self.resolve(scale, name)["task"] for name in self.tasks(scale)}
        expert_tasks = {
            name: as_jobs_see(self.expert(scale, name)["task"]) for name in self.experts(scale)
        }
        choice_tasks = {name: tasks[name] for name, *_ in self.choices(scale)}
        return {
            "scale": scale,
            "tasks": tasks,
            "expert_tasks": expert_tasks,
            "choice_tasks": choice_tasks,
            "insight_tasks": {name: tasks[name] for name, *_ in self.insights(scale)},
            "reward_tasks": reward_plan.summary(self, scale),
            "mdp_tasks": mdp_plan.summary(self, scale),
            "comparisons": comparison_plan.summary(self, scale),
            "objectives": self._resolve_objectives(scale),
            "transform_tasks": transform_plan.summary(self, scale),
            "searches": search_plan.summary(self, scale),
        }

    def _distil(self, distil: Values, task: Values, agents: Values) -> Values:
        """How an environment is distilled: with the reward's name, and with the students' agent."""
        kinds = REWARDS[task["action"]["kind"]]
        distil = {**distil, "reward": distil["reward"] or kinds[0]}
        students = distil.pop("students")
        if students["rounds"]:  # without them, nothing depends on what they would be
            name = students["agent"] or next(iter(agents))
            distil["students"] = {**students, "agents": {name: agents[name]}}
        return distil

    def _resolve_expert(
        self, scale: str, task: str, expert: str, seed: int | str | None, overrides: Sequence[str]
    ) -> Values:
        config = dict(self.expert(scale, task, overrides))
        steps = config["expert"]["steps"] or config["task"]["tuned"][expert]["steps"]
        return {
            **config,
            "scale": scale,
            "seed": config["seed"] if seed is None else int(seed),
            "task": as_jobs_see(config["task"]),
            "agents": {expert: config["agents"][expert]},
            "expert": {**with_level(config["expert"], config["task"]), "steps": steps},
        }

    def _resolve_objective(
        self, scale: str, name: str, _: str, seed: int | str | None, overrides: Sequence[str]
    ) -> Values:
        config = of_job(self.objective(scale, name, overrides))
        ppo = self.judge(scale, config["task"]["name"])["agents"][PPO]
        return {
            **config,
            "scale": scale,
            "seed": config["seed"] if seed is None else int(seed),
            "agents": {LPO: config["agents"][LPO]},
            "objective": {
                **config["objective"],
                "tuned": {kind: _by_drift(ppo, kind) for kind in (LPO, PPO)},
            },
        }

    def _resolve_judged(
        self, scale: str, name: str, task: str, seed: int | str | None, overrides: Sequence[str]
    ) -> Values:
        config = dict(self.judge(scale, task, overrides))
        kind = name if name in GIVEN else LPO
        steps = config["judge"]["steps"] or config["task"]["tuned"][PPO]["steps"]
        return {
            **config,
            "scale": scale,
            "seed": config["seed"] if seed is None else int(seed),
            "task": as_jobs_see(config["task"]),
            "agents": {kind: _by_drift(config["agents"][PPO], kind)},
            "judge": {**with_level(config["judge"], config["task"]), "steps": steps},
            "objective_name": name,
        }

    def _resolve_objectives(self, scale: str) -> Values:
        """What the report on objectives is to know of the plan."""
        if not (plan := self.objectives(scale)):
            return {}
        return {
            "task": plan["task"],
            "environment": plan["environment"],
            "learned": {name: self.objective(scale, name)["objective"] for name in plan["learned"]},
            "tasks": {
                task: as_jobs_see(self.judge(scale, task)["task"]) for task in plan["judged"]
            },
        }

    def searches(self, scale: str) -> dict[str, Values]:
        """What is planned of searches for settings: task -> name -> section."""
        return search_plan.planned(self, scale)

    def teacher(self, scale: str, task: str, teacher: Values) -> Values:
        """The settings of a teacher, with its algorithm as it is tuned for the task."""
        agent = teacher["agent"]
        if agent is None:
            return teacher
        here = f"scales.{scale}.tasks.{task}.teacher"
        config = self._tuned(here, [agent], f"{here}.agent", task, layers=[])
        steps = teacher["steps"] or config["task"]["tuned"][agent]["steps"]
        return {**teacher, "steps": steps, "agents": config["agents"]}

    def _of_task(self, scale: str, task: str, kind: str) -> list[str]:
        every = self.params["scales"][scale][kind]
        only = self.of_task(scale, task).get("only", {}).get(kind, every)
        return [name for name in every if name in only]

    def of_task(self, scale: str, task: str) -> Values:
        """What the plan says of a task, as it stands there."""
        values = self.params["scales"][scale]["tasks"][task] or {}
        if not isinstance(values, dict):
            place = f"scales.{scale}.tasks.{task}"
            raise ConfigError(f"{place}: must be a mapping such as {{}}, not {short(values)}.")
        return values

    def _layers(self, scale: str, task: str, environment: str) -> Layers:
        here, plan = f"scales.{scale}", self.params["scales"][scale]
        values = {k: v for k, v in self.of_task(scale, task).items() if k != "only"}
        own = values.pop("environments", {})
        layers = [(f"{here}.common", plan.get("common")), (f"{here}.tasks.{task}", values)]
        if environment != REAL:
            place = f"{here}.environments.{environment}"
            layers.append((place, settings_of(plan["environments"][environment])))
            place = f"{here}.tasks.{task}.environments.{environment}"
            layers.append((place, own.get(environment)))
        return [(place, expanded(values or {})) for place, values in layers]

    def compose(
        self,
        here: str,
        agents: list[str],
        task: str,
        layers: Layers,
        overrides: Sequence[str],
        absent: Collection[str],
    ) -> Values:
        layers = [*layers, ("command line", command_line(overrides))]
        values: Values = {}
        for _, layer in layers:
            values = merged(values, layer)
        every = [*agents, *values.get("agents", {})]
        choices = [f"task={task}"]
        if "meta" not in absent:
            strategy = values.get("meta", {}).get("name", STRATEGY)
            place = where_set(layers, "meta", "name")
            check_known(strategy, groups("meta"), "strategy", place, "conf/meta")
            every += values.get("meta", {}).get("agents", definition("meta", strategy)["agents"])
            choices.append(f"meta={strategy}")
        if "synth" not in absent:
            choices.append(f"synth={values.get('synth', {}).get('name')}")
        check_names(list(dict.fromkeys(every)), "agent", where_set(layers, "meta", "agents"))
        choices += [f"+agent@agents.{name}={name}" for name in dict.fromkeys(every)]
        try:
            absent = {*absent, *({"objective"} - values.keys())}
            config = self.compositions.compose(choices, values, absent)
        except (HydraException, MissingMandatoryValue) as error:
            where = f"{here}, task {task}"
            raise ConfigError(f"{where}: {' '.join(str(error).split())}.") from None
        tidy_agents(config["agents"])
        check_whole(config, layers)
        for agent in agents:
            check_pair(agent, config["task"], f"{here}.agents")
        return config


def of_job(config: Values) -> Values:
    """A composed configuration without what none of its jobs depends on."""
    config = {**config, "task": as_jobs_see(config["task"])}
    for name, seen in (("meta", meta_of_job), ("synth", synth_of_job)):
        if name in config:
            config[name] = seen(config[name], config["task"])
    return config


def meta_of_job(meta: Values, task: Values) -> Values:
    """Meta-training without what it does not depend on; with the return that solves, if it does."""
    meta = {**meta, "steps": {name: meta["steps"][name] for name in meta["agents"]}}
    if meta["stop"] == "solved":
        meta["solved"] = task["solved"]
    objective = meta.pop("objective")
    if objective["name"] != "final_return":
        level = task["solved"] if objective["name"] == "steps_to_solve" else None
        meta["objective"] = {**objective, "solved": level}
    return meta


def synth_of_job(synth: Values, task: Values) -> Values:
    """A synthetic environment with the kind of observation of this task only, and without what
    nothing depends on: settings of reward networks, if it is none, and a latent that is normal.
    """
    dropped = {"reward", "terminal_potential"} if not synth["reward"] else set()
    if synth["latent"] == "normal" or synth["initial_states"]:
        dropped.add("latent")
    kept = {k: v for k, v in synth.items() if k not in dropped}
    if synth["reward"]:
        return kept
    return {**kept, "observations": [kind_of_observation(task)]}


def with_level(study: Values, task: Values) -> Values:
    """The settings of a study with the return at which it stops, where it does so."""
    level = task["solved"] if study["solved"] is None else study["solved"]
    study = {**study, "solved": level if study["stop"] == "solved" else None}
    if study["repeats"] == 1:  # nothing depends on that there could be more
        del study["repeats"]
    return study


def _with_client(clients: Values, client: str | None, task: Values) -> Values:
    """The settings for agents of another library, with the one that a job is about, if it is."""
    if not client:
        return clients
    check_client(client, task, "client")
    return {**clients, "agent": client}


def _by_drift(ppo: Values, kind: str) -> Values:
    """PPO's settings for an agent that differs from it in its drift only."""
    drift = {k: v for k, v in definition("agent", kind)["static"].items() if k == "drift"}
    return {**ppo, "name": kind, "static": {**ppo["static"], **drift}}


def as_jobs_see(task: Values) -> Values:
    """A task without settings that only a plan can see."""
    return {name: value for name, value in task.items() if name not in OF_PLANS}


def command_line(overrides: Sequence[str]) -> Values:
    """Hydra overrides, by section."""
    values: Values = {}
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
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
