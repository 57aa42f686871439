"""The main experiment, task by task: every environment of a scale made, judged, and looked into.

Its arms are the scale's environments of the task, its trials the scale's agents. Beside them:
experts, the choices in distilling, agents of other libraries, and what bandits know.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from synthgym.jobs.planned import Job
from synthgym.plan.compose import REAL_LACKS
from synthgym.plan.experiments import ENVIRONMENT
from synthgym.plan.layers import Layers, Values, expanded, settings_of
from synthgym.plan.schema import (
    REWARDS,
    WAYS,
    ClientsOf,
    Config,
    ConfigError,
    Only,
    Where,
    check,
    check_known,
    check_names,
    check_unique,
    definition,
    groups,
    listed,
    mapping,
    short,
)
from synthgym.plan.validate import EXACT, check_client, check_environment, check_identifier
from synthgym.plan.views import of_agents, seen_by_jobs, task_seen, with_level

if TYPE_CHECKING:
    from synthgym.plan.scale import ScalePlan


class TaskExperiment:
    """What a scale plans for one of its tasks."""

    def __init__(self, scale: "ScalePlan", name: str, values: object):
        self.scale, self.name = scale, name
        self.where = f"scales.{scale.name}.tasks.{name}"
        values = {} if values is None else values
        if not isinstance(values, dict):
            raise ConfigError(f"{self.where}: must be a mapping such as {{}}, not {short(values)}.")
        self.values: Values = values
        self.place = f"results/{scale.name}/tasks/{name}"

    @property
    def environments(self) -> list[str]:
        return self._chosen("environments")

    @property
    def agents(self) -> list[str]:
        """Agents that are judged in the environments of the task, and in the task itself."""
        return self._chosen("agents")

    def _chosen(self, kind: str) -> list[str]:
        every = self.scale.values[kind]
        only = self.values.get("only", {}).get(kind, every)
        return [name for name in every if name in only]

    def seeds(self, environment: str) -> list[int]:
        """Return the seeds of an environment of the task."""
        every = self.scale.seeds(environment)
        only = self.values.get("only", {}).get("seeds", every)
        return [seed for seed in every if seed in only]

    # configurations

    def composed(self, environment: str | None, overrides: Sequence[str] = ()) -> Values:
        """Return all sections for an environment of the task, or for the task itself."""
        key = (self.where, environment, *overrides)
        if key not in self.scale.composed:
            absent = REAL_LACKS
            if environment is not None:
                absent = WAYS - {self.scale.way(environment)}
            layers = self._layers(environment)
            self.scale.composed[key] = self.scale.composer.compose(
                f"scales.{self.scale.name}", self.name, layers, self.agents, overrides, absent
            )
        return self.scale.composed[key]

    def _layers(self, environment: str | None) -> Layers:
        scale = f"scales.{self.scale.name}"
        values = {k: v for k, v in self.values.items() if k != "only"}
        own = values.pop("environments", {})
        layers = [(f"{scale}.common", self.scale.values.get("common")), (self.where, values)]
        if environment is not None:
            settings = settings_of(self.scale.values["environments"][environment])
            layers.append((f"{scale}.environments.{environment}", settings))
            layers.append((f"{self.where}.environments.{environment}", own.get(environment)))
        return [(place, expanded(layer or {})) for place, layer in layers]

    def config(
        self,
        environment: str | None = None,
        agent: str | None = None,
        client: str | None = None,
        seed: int | None = None,
        overrides: Sequence[str] = (),
    ) -> Values:
        """Return the configuration of a job: about one agent, or those of meta-training."""
        composed = self.composed(environment, overrides)
        config, mirror = seen_by_jobs(composed), composed["task"]["mirror"]
        way = config.get("meta", config.get("grade"))
        names = way["agents"] if way else self.agents
        config = of_agents(config, [agent] if agent else names if environment else [])
        if client:
            check_client(client, config["task"], "client")
            config["clients"] = {**config["clients"], "agent": client}
        config["mirror"] = mirror if mirror["observation"] else None
        config["teacher"] = self._teacher(config["teacher"])
        if "grade" in config and (start := config["grade"]["start"]):
            synth = seen_by_jobs(self.composed(start))["synth"]
            config["grade"] = {**config["grade"], "start_synth": synth}
        if "distil" in config:
            config["distil"] = _distil(config["distil"], config["task"], composed["agents"])
        given = any(override.startswith("seed=") for override in overrides)
        seed = config["seed"] if seed is None or given else seed
        return {**config, "scale": self.scale.name, "seed": seed}

    def _teacher(self, teacher: Values) -> Values:
        """Return the settings of a teacher, with its algorithm as it is tuned for the task."""
        agent = teacher["agent"]
        if agent is None:
            return teacher
        place = f"{self.where}.teacher"
        key = (place, agent)
        if key not in self.scale.composed:
            self.scale.composed[key] = self.scale.composer.tuned(
                place, self.name, [agent], f"{place}.agent", layers=[]
            )
        config = self.scale.composed[key]
        steps = teacher["steps"] or config["task"]["tuned"][agent]["steps"]
        return {**teacher, "steps": steps, "agents": config["agents"]}

    # jobs

    def made(self, environment: str) -> str:
        way = self.scale.way(environment)
        return "metatrain" if way == "meta" else way

    def environments_of(self, environment: str) -> list[str]:
        """Return the files of an environment, one of each seed."""
        return [self.file(environment, seed, ENVIRONMENT) for seed in self.seeds(environment)]

    def file(self, environment: str, seed: int, name: str) -> str:
        """Return the path of a file that the making of an environment leaves."""
        return f"{self.place}/{environment}/seed{seed}/{self.made(environment)}/{name}"

    def job(
        self,
        stage: str,
        out: str,
        needs: Mapping[str, Sequence[str]] | None = None,
        environment: str | None = None,
        **which: Any,
    ) -> Job:
        """Return a job that is about an environment of the task, or about the task itself."""
        labels = {"scale": self.scale.name, "family": "tasks", "experiment": self.name}
        labels |= {"task": self.name, **({"environment": environment} if environment else {})}

        def config(overrides: Sequence[str]) -> Values:
            return self.config(environment, **which, overrides=overrides)

        return Job(stage, out, {**labels, **which}, config, needs or {})

    def jobs(self) -> Iterator[Job]:
        """List every job of the task."""
        scale, place = self.scale, self.place
        teachers: dict[int, None] = {}
        for environment in self.environments:
            for number, seed in enumerate(self.seeds(environment)):
                run = f"{place}/{environment}/seed{seed}"
                needs = self._making_needs(environment, seed)
                if scale.way(environment) == "distil":
                    teachers[seed] = None
                made = self.made(environment)
                yield self.job(made, f"{run}/{made}", needs, environment, seed=seed)
                needs = {"environment": [self.file(environment, seed, ENVIRONMENT)]}
                for agent in self.agents:
                    which = {"agent": agent, "seed": seed}
                    yield self.job(
                        "transfer", f"{run}/transfer/{agent}", needs, environment, **which
                    )
                # What agents see and get is recorded in one environment of each kind, as
                # published, and an episode of one agent there.
                if number == 0:
                    yield self.job("behaviour", f"{run}/behaviour", needs, environment, seed=seed)
                    agent = self.agents[0]
                    which = {"agent": agent, "seed": seed}
                    yield self.job("rollout", f"{run}/rollout/{agent}", needs, environment, **which)
        for seed in teachers:
            yield self.job("teacher", f"{place}/teacher/seed{seed}", seed=seed)
        for agent in self.agents:
            yield self.job("baseline", f"{place}/real/{agent}", agent=agent)
        yield from self._looks()

    def _making_needs(self, environment: str, seed: int) -> dict[str, list[str]]:
        way = self.scale.way(environment)
        if way == "distil":
            teacher = f"{self.place}/teacher/seed{seed}"
            files = {"policy": "policy.safetensors", "progress": "progress.parquet"}
            return {name: [f"{teacher}/{file}"] for name, file in files.items()}
        needs = {}
        if start := self.composed(environment)[way]["start"]:
            needs["start"] = [self.file(start, seed, ENVIRONMENT)]
            needs["start_progress"] = [self.file(start, seed, "progress.parquet")]
        if found := self.scale.search_of(environment):
            needs["settings"] = self.scale.file_of("search", f"{self.name}/{found}", "best.json")
        return needs

    def _looks(self) -> Iterator[Job]:
        scale = self.scale
        for environment in (scale.values.get("insight") or {}).get(self.name) or []:
            seed = self.seeds(environment)[0]
            out = f"results/{scale.name}/insight/{self.name}/{environment}/seed{seed}"
            needs = {"environment": [self.file(environment, seed, ENVIRONMENT)]}
            yield self.job("insight", out, needs, environment, seed=seed)
        for environment, where in (scale.values.get("choices") or {}).items():
            if self.name not in where["tasks"]:
                continue
            for agent in (agent for agent in where["agents"] if agent in self.agents):
                for seed in where.get("seeds", self.seeds(environment)):
                    out = (
                        f"results/{scale.name}/choices/{self.name}/{environment}/{agent}/seed{seed}"
                    )
                    needs = {"policy": [f"{self.place}/teacher/seed{seed}/policy.safetensors"]}
                    yield self.job("choices", out, needs, environment, agent=agent, seed=seed)
        clients = (scale.values.get("clients") or {}).get(self.name)
        if clients is None:
            return
        place = f"results/{scale.name}/clients/{self.name}"
        for client in clients["agents"]:
            for environment in clients["environments"]:
                for seed in clients.get("seeds", self.seeds(environment)):
                    out = f"{place}/{environment}/{client}/seed{seed}"
                    needs = {"environment": [self.file(environment, seed, ENVIRONMENT)]}
                    yield self.job("clients", out, needs, environment, client=client, seed=seed)
            yield self.job("client_baseline", f"{place}/real/{client}", client=client)

    # checks

    def check(self) -> None:
        """Refuse whatever is wrong with what is planned for the task, by a ConfigError."""
        self._check_values()
        for environment in (None, *self.environments):
            teacher = self.composed(environment)["teacher"]["agent"]
            if teacher is not None:
                place = f"{self.where}.teacher.agent"
                check_known(teacher, groups("agent"), "agent", place, "conf/agent")
        for environment in self.environments:
            self._check_making(environment)
        self._check_looks()

    def _check_values(self) -> None:
        where, scale = self.where, self.scale
        check_identifier(self.name, where)
        check_known(self.name, groups("task"), "task", where, "conf/task")
        values = dict(self.values)
        only, environments = values.pop("only", {}), values.pop("environments", {})
        check(only, Only, f"{where}.only")
        check(environments, dict[str, Any], f"{where}.environments")
        named = [
            (kind, only.get(kind, []), f"{where}.only.{kind}")
            for kind in ("agents", "environments")
        ]
        named.append(("environments", list(environments), f"{where}.environments"))
        for kind, names, place in named:
            for name in names:
                known = scale.values[kind]
                check_known(name, known, kind[:-1], place, f"scales.{scale.name}.{kind}")
        for name, differences in environments.items():
            check_environment(differences, f"{where}.environments.{name}")
        check(values, Config, where)
        for name in self.environments:
            if not self.seeds(name):
                raise ConfigError(f"{where}.only.seeds: {name} has none of these.")

    def _check_making(self, environment: str) -> None:
        """A distilled environment needs a teacher; one that begins there needs it to be alike."""
        config, where, scale = self.composed(environment), self.where, self.scale
        if "distil" in config:
            if config["teacher"]["agent"] is None:
                raise ConfigError(f"{where}.teacher.agent: {environment} needs one to distil from.")
            self._teacher(config["teacher"])
            self._check_reward(config, f"{where}.environments.{environment}.distil")
            self._check_students(environment)
            return
        way = scale.way(environment)
        if (start := config[way]["start"]) is not None:
            place = f"{where}.environments.{environment}.{way}.start"
            before = {"meta": ["distil"], "grade": ["distil", "meta"]}[way]
            known = [name for name in self.environments if scale.way(name) in before]
            check_known(start, known, "environment to start at", place, "the plan")
            start_synth = self.composed(start)["synth"]
            if way == "meta" and start_synth != config["synth"]:
                name = start_synth["name"]
                raise ConfigError(f"{place}: {start} has another synth ({name}, ...).")
            if way == "grade" and start_synth["horizon"] > 1:
                raise ConfigError(f"{place}: {start} is no bandit.")
            if lacking := set(self.seeds(environment)) - set(self.seeds(start)):
                raise ConfigError(f"{place}: {start} has no seed {listed(sorted(lacking))}.")

    def _check_reward(self, config: Values, place: str) -> None:
        """Tables of continuous actions hold the best ones: their reward is of one kind."""
        distil, kind = config["distil"], config["task"]["action"]["kind"]
        rewards, what = REWARDS[kind], f"{kind} actions"
        if kind == "continuous" and config["synth"]["module"] == EXACT:
            rewards, what = rewards[:1], f"{what} in an exact bandit"
            if distil["indifferent"]:
                raise ConfigError(f"{place}.indifferent: must be 0 with {what}.")
        if distil["reward"] not in (None, *rewards):
            used = listed(rewards)
            raise ConfigError(f"{place}.reward: {distil['reward']} is not for {what}; use {used}.")

    def _check_students(self, environment: str) -> None:
        config = self.composed(environment)
        where = f"{self.where}.environments.{environment}.distil.students"
        students = config["distil"]["students"]
        if (name := students["agent"]) is not None:
            plan = f"the plan for {self.name}"
            check_known(name, self.agents, "agent", f"{where}.agent", plan)
        if students["rounds"] and config["synth"]["horizon"] > 1:
            raise ConfigError(f"{where}.rounds: must be 0, as students are for bandits only.")

    def _check_looks(self) -> None:
        scale = f"scales.{self.scale.name}"
        environments = (self.scale.values.get("insight") or {}).get(self.name)
        if environments is not None:
            place = f"{scale}.insight.{self.name}"
            check(environments, list[str], place)
            check_unique(environments, place)
            for environment in environments:
                check_known(environment, self.environments, "environment", place, self.name)
                if self.composed(environment)["synth"]["horizon"] > 1:
                    raise ConfigError(
                        f"{place}: {environment} is no bandit, whose rewards say it all."
                    )
        clients = (self.scale.values.get("clients") or {}).get(self.name)
        if clients is not None:
            self._check_clients(clients, f"{scale}.clients.{self.name}")

    def _check_clients(self, clients: object, place: str) -> None:
        clients = mapping(clients, place)
        check(clients, ClientsOf, place, complete=("agents", "environments"))
        for kind in ("agents", "environments"):
            check_unique(clients[kind], f"{place}.{kind}")
        for agent in clients["agents"]:
            check_client(agent, definition("task", self.name), f"{place}.agents")
        for environment in clients["environments"]:
            where = f"{place}.environments"
            check_known(environment, self.environments, "environment", where, self.name)
            if unknown := set(clients.get("seeds", [])) - set(self.seeds(environment)):
                raise ConfigError(f"{place}.seeds: {environment} has no seed {listed(unknown)}.")


def _distil(distil: Values, task: Values, agents: Values) -> Values:
    """Return how an environment is distilled: with the reward's name, and the students' agent."""
    distil = {**distil, "reward": distil["reward"] or REWARDS[task["action"]["kind"]][0]}
    students = distil.pop("students")
    if students["rounds"]:  # without them, nothing depends on what they would be
        name = students["agent"] or next(iter(agents))
        distil["students"] = {**students, "agents": {name: agents[name]}}
    return distil


class Experts:
    """Agents trained in a task itself, with the settings tuned for it."""

    def __init__(self, scale: "ScalePlan", task: str, values: Any):
        self.scale, self.task, self.values = scale, task, values
        self.where = f"scales.{scale.name}.experts.{task}"

    def composed(self, overrides: Sequence[str] = ()) -> Values:
        """Return all sections for the experts of the task."""
        key = (self.where, *overrides)
        if key not in self.scale.composed:
            values = {k: v for k, v in self.values.items() if k != "train"}
            common = expanded(self.scale.values.get("common") or {})
            layers = [(f"scales.{self.scale.name}.common", common), (self.where, expanded(values))]
            self.scale.composed[key] = self.scale.composer.tuned(
                self.where,
                self.task,
                self.values["train"],
                f"{self.where}.train",
                layers,
                overrides,
            )
        return self.scale.composed[key]

    def config(self, agent: str, overrides: Sequence[str]) -> Values:
        """Return the configuration of the training of an expert."""
        config = self.composed(overrides)
        steps = config["expert"]["steps"] or config["task"]["tuned"][agent]["steps"]
        return {
            **of_agents(config, [agent]),
            "scale": self.scale.name,
            "task": task_seen(config["task"]),
            "expert": {**with_level(config["expert"], config["task"]), "steps": steps},
        }

    def jobs(self) -> Iterator[Job]:
        """List the training of each expert."""
        for agent in self.values["train"]:
            labels = {"scale": self.scale.name, "task": self.task, "agent": agent}
            out = f"results/{self.scale.name}/experts/{self.task}/{agent}"
            yield Job("expert", out, labels, partial(self.config, agent))

    def check(self) -> None:
        """Refuse whatever is wrong with the experts of the task, by a ConfigError."""
        check_known(self.task, groups("task"), "task", self.where, "conf/task")
        if not isinstance(self.values, dict) or not isinstance(self.values.get("train"), list):
            raise ConfigError(
                f"{self.where}: must be such as {{train: [ppo]}}, not {short(self.values)}."
            )
        check_names(self.values["train"], "agent", f"{self.where}.train")
        check({k: v for k, v in self.values.items() if k != "train"}, Config, self.where)
        self.composed()


def check_choices(scale: "ScalePlan") -> None:
    """Refuse whatever is wrong with where choices in distilling are varied, by a ConfigError."""
    for environment, where in (scale.values.get("choices") or {}).items():
        place = f"scales.{scale.name}.choices.{environment}"
        distilled = [n for n in scale.values["environments"] if scale.way(n) == "distil"]
        check_known(environment, distilled, "distilled environment", place, "the plan")
        check(where, Where, place, complete=("tasks", "agents"))
        check_names(where["agents"], "agent", f"{place}.agents")
        for task in where["tasks"]:
            check_known(task, scale.tasks, "task", f"{place}.tasks", "the plan")
            known = scale.environments(task)
            check_known(environment, known, "environment", f"{place}.tasks", task)
            seeds = scale.tasks[task].seeds(environment)
            if unknown := set(where.get("seeds", [])) - set(seeds):
                raise ConfigError(f"{place}.seeds: no seed {listed(sorted(unknown))} in {task}.")
