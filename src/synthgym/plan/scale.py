"""One scale of params.yaml: its tasks, experiments and sweeps, and with them all of its jobs."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

from synthgym.core.settings import SEEDS, merged
from synthgym.jobs.planned import Job
from synthgym.plan import reports
from synthgym.plan.compose import Composer, conform
from synthgym.plan.experiments import Experiment
from synthgym.plan.experts import Experts
from synthgym.plan.layers import Values, settings_of
from synthgym.plan.objectives import Objectives
from synthgym.plan.schema import (
    WAYS,
    Config,
    ConfigError,
    check,
    check_known,
    check_names,
    check_unique,
    definition,
    groups,
    mapping,
    short,
)
from synthgym.plan.sweeps import Search, Sweep, Transforms
from synthgym.plan.task_checks import check_choices, check_task
from synthgym.plan.tasks import TaskExperiment
from synthgym.plan.validate import check_environment, check_identifier
from synthgym.stages import STAGES, pattern

KINDS: Mapping[str, type[Experiment] | type[Sweep]] = {  # first part of a place -> what lies there
    "comparisons": Experiment,
    "mdps": Experiment,
    "rewards": Experiment,
    "objectives": Objectives,
    "transforms": Transforms,
    "search": Search,
}
Kind = TypeVar("Kind", Experiment, Objectives, Search, Transforms)
PLACES: Mapping[str, str] = {  # first part of a place -> all of it
    "comparisons": "comparisons/{name}",
    **{kind: f"{kind}/{{task}}" for kind in ("mdps", "rewards", "transforms")},
    "objectives": "objectives",
    "search": "search/{task}/{name}",
}
PARTS: Mapping[str, str] = {  # of which a budget may have `only` some -> what one is called
    "arms": "arm",
    "trials": "trial",
    "without": "way of training",
    "claims": "claim",
}


class ScalePlan:
    """What a scale plans."""

    def __init__(self, name: str, values: Values, composer: Composer):
        self.name, self.values, self.composer = name, values, composer
        self.composed: dict[tuple[Any, ...], Values] = {}

    # what there is

    @cached_property
    def tasks(self) -> dict[str, TaskExperiment]:
        return {name: TaskExperiment(self, name, v) for name, v in self.values["tasks"].items()}

    @cached_property
    def experts(self) -> dict[str, Experts]:
        tasks = self.values.get("experts") or {}
        return {task: Experts(self, task, values) for task, values in tasks.items()}

    @cached_property
    def experiments(self) -> dict[str, Experiment | Sweep]:
        """Experiments and sweeps by name, each with its budget."""
        found: dict[str, Experiment | Sweep] = {}
        for name, given in (self.values.get("experiments") or {}).items():
            where = f"scales.{self.name}.experiments.{name}"
            known = groups("experiment")
            check_known(name, known, "experiment", where, "conf/experiment")
            values = budgeted(name, given, self.name, where)
            if "place" not in values:
                raise ConfigError(f"experiment {name}: lacks place.")
            kind, place = str(values["place"]).split("/")[0], f"experiment {name}.place"
            check_known(kind, KINDS, "kind of experiment", place, "SynthGym")
            found[name] = KINDS[kind](self, name, conform(values, KINDS[kind].schema))
        return found

    def of_family(self, family: str) -> list[Experiment]:
        """Return the experiments whose results lie in this directory of the scale's."""
        every = self.experiments.values()
        place = f"results/{self.name}/{family}"
        return [
            one
            for one in every
            if isinstance(one, Experiment)
            and (one.place == place or one.place.startswith(f"{place}/"))
        ]

    def of_kind(self, kind: type[Kind]) -> list[Kind]:
        return [one for one in self.experiments.values() if isinstance(one, kind)]

    def environments(self, task: str) -> list[str]:
        return self.tasks[task].environments

    def seeds(self, environment: str | None = None) -> list[int]:
        """Return the seeds of the scale, or of an environment where it has its own."""
        own = self.values["environments"][environment].get("seeds") if environment else None
        seeds: list[int] = own or self.values["seeds"]
        return seeds

    def way(self, environment: str) -> str:
        """Return the section that says how an environment is made, of WAYS."""
        return next(iter(WAYS.intersection(self.values["environments"][environment])), "meta")

    def search_of(self, environment: str) -> str | None:
        """Return the search whose best settings an environment is meta-trained with, if any."""
        values = self.values["environments"][environment]
        return values.get("search") if isinstance(values, Mapping) else None

    def searches(self, task: str) -> list[tuple[str, Search]]:
        """Return (name, search) of every search for a task."""
        every = [one for one in self.of_kind(Search) if one.task == task]
        return [(search.place.split("/")[-1], search) for search in every]

    def file_of(self, *path: str) -> list[str]:
        """Return the path of a file of the scale's results, as a list of one."""
        return ["/".join(("results", self.name, *path))]

    # jobs

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """Every job of the scale by the directory of its results, reports and page included."""
        jobs = {job.out: job for job in self._jobs()}
        for job in reports.jobs(self, jobs):
            jobs[job.out] = job
        return jobs

    def _jobs(self) -> Iterator[Job]:
        for one in (*self.tasks.values(), *self.experts.values(), *self.experiments.values()):
            yield from one.jobs()

    @property
    def groups(self) -> dict[str, list[str]]:
        """Meta-trainings done side by side in one job: path of a file that says so -> outs."""
        found: dict[str, list[str]] = {}
        for task in self.tasks.values():
            for environment in task.environments:
                size = self.values["environments"][environment].get("seeds_per_job", 1)
                seeds = task.seeds(environment)
                for number, first in enumerate(range(0, len(seeds), size)):
                    together = seeds[first : first + size]
                    if len(together) > 1:
                        place = f"{task.place}/{environment}"
                        found[f"work/{place}/group{number}/done"] = [
                            f"{place}/seed{seed}/metatrain" for seed in together
                        ]
        return found

    # checks

    def check(self) -> None:
        """Refuse whatever is wrong with the scale, by a ConfigError."""
        where, values = f"scales.{self.name}", self.values
        check_names(values["agents"], "agent", f"{where}.agents")
        for part in ("environments", "tasks"):
            check_unique(list(values[part]), f"{where}.{part}")
        check(values.get("common", {}), Config, f"{where}.common")
        for one in self.experts.values():
            one.check()
        for environment, differences in values["environments"].items():
            self._check_environment(environment, differences)
        for task in self.tasks.values():
            check_task(task)
        for part in ("insight", "clients"):
            for name in values.get(part) or {}:
                check_known(name, self.tasks, "task", f"{where}.{part}.{name}", "the plan")
        check_choices(self)
        self._check_places()
        for experiment in self.experiments.values():
            experiment.check()
        self._check_searches()
        self._check_directories()

    def _check_environment(self, environment: str, differences: object) -> None:
        place = f"scales.{self.name}.environments.{environment}"
        check_identifier(environment, place)
        differences = mapping(differences, place)
        check_environment(settings_of(differences), place, complete=True)
        seeds = differences["seeds"] if "seeds" in differences else self.values["seeds"]
        check(seeds, list[int], f"{place}.seeds", SEEDS)
        check_unique(seeds, f"{place}.seeds")
        if "seeds_per_job" in differences:
            check(differences["seeds_per_job"], int, f"{place}.seeds_per_job", {"low": 1})
            if self.way(environment) != "meta":
                raise ConfigError(f"{place}.seeds_per_job: is for what is meta-trained.")

    def _check_places(self) -> None:
        places: dict[str, str] = {}
        for name, one in self.experiments.items():
            place = one.values["place"]
            kind, last = place.split("/")[0], place.split("/")[-1]
            if place != PLACES[kind].format(task=one.task, name=last):
                form = PLACES[kind].format(task=one.task, name="<name>")
                raise ConfigError(f"{one.where}.place: must be {form}, not {place}.")
            if "{name}" in PLACES[kind]:
                check_identifier(last, f"{one.where}.place")
            if one.place in places:
                where = f"scales.{self.name}.experiments.{name}"
                raise ConfigError(f"{where}: has the same place as {places[one.place]}.")
            places[one.place] = name

    def _check_directories(self) -> None:
        """Refuse names by which a directory would be none of its stage, or another's as well."""
        for out, job in self.jobs.items():
            stages = [
                name
                for name, stage in STAGES.items()
                for place in stage.places
                if pattern(place).fullmatch(out)
            ]
            if stages != [job.stage]:
                named = "names consist of a-z, 0-9 and _, and some are those of directories"
                other = ", ".join(sorted({*stages} - {job.stage})) or "no stage"
                raise ConfigError(
                    f"scales.{self.name}: {out} would be a directory of {other}, not of "
                    f"{job.stage}: {named}."
                )

    def _check_searches(self) -> None:
        """Refuse environments that cannot be meta-trained with what their search finds."""
        for environment in self.values["environments"]:
            if (name := self.search_of(environment)) is None:
                continue
            place = f"scales.{self.name}.environments.{environment}.search"
            check(name, str, place)
            if self.way(environment) != "meta":
                raise ConfigError(f"{place}: is for what is meta-trained.")
            for task in self.tasks.values():
                if environment in task.environments:
                    known = dict(self.searches(task.name))
                    check_known(name, known, "search", place, f"searches of {task.name}")
                    meta = task.composed(environment)["meta"]
                    known[name].check_use(environment, meta, place)


def budgeted(name: str, given: object, scale: str, where: str) -> Values:
    """Return an experiment of conf/experiment/ with a budget, and with what a scale says of it."""
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise ConfigError(f"{where}: must be a mapping such as {{seeds: [0]}}, not {short(given)}.")
    values, given = dict(definition("experiment", name)), dict(given)
    budgets, budget = values.pop("budgets", None), given.pop("budget", scale)
    check(budgets, dict[str, Any] | None, f"experiment {name}.budgets")
    layers = [given]
    if budgets is not None:
        hint = f"conf/experiment/{name}.yaml"
        check_known(budget, budgets, "budget", f"{where}.budget", hint)
        layers.insert(0, mapping(budgets[budget], f"experiment {name}.budgets.{budget}"))
    elif budget != scale:
        raise ConfigError(f"{where}.budget: {name} has no budgets.")
    for layer in layers:
        values = merged(values, layer)
    for part in ("only", *PARTS):
        check(values.get(part, {}), dict[str, Any], f"experiment {name}.{part}")
    check(values.get("environments", []), list[str], f"experiment {name}.environments")
    values["_every"] = {part: list(values.get(part, {})) for part in PARTS}
    for part, names in (values.pop("only", None) or {}).items():
        check_known(part, PARTS, "part", f"{where}.only", "an experiment")
        check(names, list[str], f"{where}.only.{part}")
        for one in names:
            check_known(one, values.get(part, {}), PARTS[part], f"{where}.only.{part}", name)
        values[part] = {one: values[part][one] for one in names}
    return values
