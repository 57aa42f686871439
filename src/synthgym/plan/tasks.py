"""The main experiment, task by task: every environment of a scale made, judged, and looked into.

Its arms are the scale's environments of the task, its trials the scale's agents. Beside them:
experts, the choices in distilling, agents of other libraries, and what bandits know.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synthgym.jobs.planned import Job
from synthgym.plan.compose import REAL_LACKS
from synthgym.plan.experiments import ENVIRONMENT, teacher_files
from synthgym.plan.layers import Layers, Values, expanded, settings_of
from synthgym.plan.schema import (
    WAYS,
    ConfigError,
    definition,
    short,
)
from synthgym.plan.validate import check_client
from synthgym.plan.views import clients_seen, distil_seen, of_agents, seen_by_jobs

if TYPE_CHECKING:
    from synthgym.plan.scale import ScalePlan

USUAL = (("keep", "last"), ("noise", 0.0))  # of teachers: on what is as usual, nothing depends


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
            rival = self.rivals.get(client, {})
            clients = {**composed["clients"], "agent": client, **rival}
            check_client(clients["agent"], config["task"], "client")
            config["clients"] = clients_seen(clients)
        config["mirror"] = mirror if mirror["observation"] else None
        config["teacher"] = self.teacher(config["teacher"])
        if "grade" in config and (start := config["grade"]["start"]):
            synth = seen_by_jobs(self.composed(start))["synth"]
            config["grade"] = {**config["grade"], "start_synth": synth}
        if "distil" in config:
            config["distil"] = distil_seen(config["distil"], config["task"], composed["agents"])
        given = any(override.startswith("seed=") for override in overrides)
        seed = config["seed"] if seed is None or given else seed
        return {**config, "scale": self.scale.name, "seed": seed}

    def teacher(self, teacher: Values) -> Values:
        """Return the settings of a teacher, with its algorithm as it is tuned for the task.

        Without what it imitates, what disturbs it, and the test of what to keep, where it has none.
        """
        kept = {k: v for k, v in teacher.items() if k != "imitate" and (k, v) not in USUAL}
        if kept["agent"] is None:
            return kept
        place = f"{self.where}.teacher"
        if teacher["imitate"]["agent"]:
            kept["imitate"] = self._tuned(teacher["imitate"], f"{place}.imitate")
        return self._tuned(kept, place)

    def _tuned(self, section: Values, place: str) -> Values:
        """Return a section that names an agent, with that agent and its length of training."""
        agent = section["agent"]
        key = (place, agent)
        if key not in self.scale.composed:
            self.scale.composed[key] = self.scale.composer.tuned(
                place, self.name, [agent], f"{place}.agent", layers=[]
            )
        config = self.scale.composed[key]
        steps = section["steps"] or config["task"]["tuned"][agent]["steps"]
        return {**section, "steps": steps, "agents": config["agents"]}

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
        place = self.place
        for environment in self.environments:
            for number, seed in enumerate(self.seeds(environment)):
                run = f"{place}/{environment}/seed{seed}"
                needs = self._making_needs(environment, seed)
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
        for seed in self.teacher_seeds:
            yield self.job("teacher", self.teacher_place(seed), seed=seed)
        for agent in self.agents:
            yield self.job("baseline", f"{place}/real/{agent}", agent=agent)
        yield from self._looks()
        yield from self._clients()

    @property
    def clients(self) -> Values:
        """Return what is planned of agents of another library."""
        clients: Values = (self.scale.values.get("clients") or {}).get(self.name) or {}
        return clients

    @property
    def rivals(self) -> Values:
        """Return those of them that are trained in the real task only, by name."""
        known = definition("task", self.name)["rivals"]
        return {name: known[name] for name in self.clients.get("rivals", [])}

    @property
    def teacher_seeds(self) -> list[int]:
        """Return the seeds of the task's teachers: those of all distilled environments."""
        distilled = (name for name in self.environments if self.scale.way(name) == "distil")
        return list(dict.fromkeys(seed for name in distilled for seed in self.seeds(name)))

    def teacher_place(self, seed: int) -> str:
        return f"{self.place}/teacher/seed{seed}"

    def _making_needs(self, environment: str, seed: int) -> dict[str, list[str]]:
        way = self.scale.way(environment)
        if way == "distil":
            return teacher_files(self.teacher_place(seed))
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
                    needs = {"policy": [f"{self.teacher_place(seed)}/policy.safetensors"]}
                    yield self.job("choices", out, needs, environment, agent=agent, seed=seed)

    def _clients(self) -> Iterator[Job]:
        """List the agents of other libraries."""
        scale, clients = self.scale.name, self.clients
        place = f"results/{scale}/clients/{self.name}"
        for client in clients.get("agents", []):
            for environment in clients["environments"]:
                for seed in clients.get("seeds", self.seeds(environment)):
                    out = f"{place}/{environment}/{client}/seed{seed}"
                    needs = {"environment": [self.file(environment, seed, ENVIRONMENT)]}
                    yield self.job("clients", out, needs, environment, client=client, seed=seed)
            yield self.job("client_baseline", f"{place}/real/{client}", client=client)
        for rival in self.rivals:
            yield self.job("rival", f"{place}/rivals/{rival}", client=rival)
