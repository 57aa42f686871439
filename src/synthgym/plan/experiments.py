"""Experiments: a question, arms (how environments are made), trials (who trains there), looks,
claims.

Those of a scale are files of conf/experiment/, with one of their budgets. Each resolves, checks and
lists its own jobs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from synthgym.core.settings import REAL
from synthgym.jobs.planned import Job
from synthgym.plan import sweeps
from synthgym.plan.claims import planned_claims
from synthgym.plan.experiment_checks import check_planned
from synthgym.plan.layers import Layers, Values, sections
from synthgym.plan.part import Part
from synthgym.plan.schema import (
    WAYS,
    mapping,
)
from synthgym.plan.schema import Experiment as ExperimentSchema
from synthgym.plan.views import distil_seen, of_agents, seen_by_jobs, with_level

ENVIRONMENT = "environment.safetensors"
AS_ENVIRONMENT = ("synth", "transfer")  # what those who train in an arm see of it
# Sections of arms that are not evolved, and the stages that make these.
MAKERS = ("model", "grade", "distil")


class Which(NamedTuple):
    """Which job of an experiment: the making of an arm; with a trial, agents judged there.

    `way`: of training without an environment.
    """

    arm: str | None = None
    trial: str | None = None
    way: str | None = None


class Experiment(Part):
    """An experiment whose arms are environments, judged by the agents of its trials."""

    schema: type = ExperimentSchema
    complete: tuple[str, ...] = ("trials",)

    # what there is

    @property
    def arms(self) -> list[str]:
        """The arms that are made for it, then environments of the scale."""
        return [*self.made, *self.values.get("environments", [])]

    @property
    def made(self) -> dict[str, Any]:
        arms = self.values.get("arms", {}).items()
        return {name: mapping(arm, f"{self.where}.arms.{name}") for name, arm in arms}

    @property
    def trials(self) -> dict[str, Any]:
        trials: dict[str, Any] = self.values["trials"]
        return trials

    @property
    def without(self) -> dict[str, Any]:
        ways = self.values.get("without", {}).items()
        return {name: mapping(way, f"{self.where}.without.{name}") for name, way in ways}

    @property
    def labels(self) -> Values:
        _, name = self.values["place"].split("/", 1)
        family = self.values["place"].split("/")[0]
        return {
            "scale": self.scale.name,
            "family": family,
            "experiment": name,
            "task": self.task,
        }

    def seeds(self, arm: str | None = None) -> list[int]:
        """Return the seeds of an arm: its own, where it has some, or those of all."""
        if arm in self.values.get("environments", []):
            return self.scale.tasks[self.task].seeds(str(arm))
        own: Values = self.made[arm] if arm else {}
        seeds: list[int] = own["seeds"] if "seeds" in own else self.values.get("seeds", [])
        return seeds

    def judged(self, trial: str) -> list[str]:
        """Return the arms whose environments agents of a trial are trained in."""
        return [arm for arm in self.arms if arm in self.trials[trial].get("arms", self.arms)]

    def maker(self, arm: str) -> str:
        """Return the stage that makes an arm: evolution, unless the arm says otherwise."""
        return next((stage for stage in MAKERS if stage in self.made.get(arm, {})), "metatrain")

    def has_teacher(self, arm: str | None) -> bool:
        """Whether a distilled arm has teachers of its own, not those of the scale's task."""
        return "teacher" in self.made.get(str(arm), {})

    def agent(self, trial: str | None, way: str | None = None) -> str:
        """Return who trains; nobody where a way of training without has no place in the trial."""
        agent: str = self.trials[trial]["agent"] if trial else self.values.get("agent", "")
        instead = self.without[way].get("in_place_of") if way else None
        return instead.get(agent, "") if instead else agent

    def makers(self, arm: str) -> list[str]:
        """Return the algorithms that have a part in making an arm; none where it is distilled."""
        if arm in self.values.get("environments", []):
            config = self.scale.tasks[self.task].composed(arm)
        else:
            config = self.composed(arm)
        agents: list[str] = _making(config).get("agents", [])
        return agents

    @property
    def claims(self) -> list[Values]:
        """The claims that can be judged with the arms and trials that there are."""
        claims = self.values.get("claims", {})
        return planned_claims(claims, self.arms, [*self.without, REAL], self.trials)

    # configurations

    def composed(self, *which: str | None, overrides: Sequence[str] = ()) -> Values:
        """Return all sections for a job; `which` as in `Which`."""
        job = Which(*which)
        return self.once((*job, *overrides), lambda: self._compose(job, overrides))

    def _compose(self, which: Which, overrides: Sequence[str]) -> Values:
        (arm, trial, way), values, where = which, self.values, self.where
        layers: list[tuple[str, Any]] = [(f"{where}.settings", values.get("settings"))]
        agent = self.agent(trial, way)
        if agent and not trial:
            layers.insert(0, (f"{where}.agent", {"meta": {"agents": [agent]}}))
        if arm in values.get("environments", []):
            synth = self.scale.tasks[self.task].composed(arm)["synth"]
            layers.append((f"{where}.environments", {"synth": synth}))
        elif arm:
            seen = {k: v for k, v in self.made[arm].items() if not trial or k in AS_ENVIRONMENT}
            layers.append((f"{where}.arms.{arm}", seen))
        if trial:
            layers.append((f"{where}.trials.{trial}", self.trials[trial]))
        elif arm:
            layers.append((f"{where}.make", values.get("make")))
        if way:
            layers.append((f"{where}.without.{way}", self.without[way]))
        absent = set(WAYS) | (set() if arm else {"synth"})
        if not trial:
            maker = self.maker(arm) if arm else "metatrain"
            absent -= {"meta" if maker == "metatrain" else maker}
        cleaned: Layers = [(place, sections(layer)) for place, layer in layers]
        agents = [agent] if agent else []
        if "distil" not in absent:  # students are among those that are judged
            agents = list(dict.fromkeys(one["agent"] for one in self.trials.values()))
        return self.scale.composer.compose(where, self.task, cleaned, agents, overrides, absent)

    def config(self, which: Which, seed: int | None, overrides: Sequence[str]) -> Values:
        """Return the configuration of a job: a making, a look, or with a trial a study."""
        composed = self.composed(*which, overrides=overrides)
        config = seen_by_jobs(composed)
        if which.trial and not which.arm:
            config["baseline"] = self._in_task(composed)
        if "distil" in config and not which.trial:
            task = self.scale.tasks[self.task]
            config["distil"] = distil_seen(config["distil"], config["task"], composed["agents"])
            own = self.has_teacher(which.arm)
            config["teacher"] = task.teacher((composed if own else task.composed(None))["teacher"])
        agent = self.agent(which.trial, which.way)
        config = of_agents(config, [agent] if agent else _making(config).get("agents", []))
        return self.seeded(config, seed, overrides)

    def _in_task(self, config: Values) -> Values:
        """Return the study of agents in the task itself."""
        study, transfer = config["baseline"], config["transfer"]
        kind, seeds = self.values.get("real", "baseline"), len(self.seeds())
        if kind == "like_transfer":
            study = {**transfer, "draws": transfer["draws"] * seeds}
        elif kind == "as_many":
            counts = ("draws", *(["repeats"] if study["repeats"] > 1 else []))
            study = {**study, **{count: transfer[count] * seeds for count in counts}}
        return with_level(study, config["task"])

    # jobs

    def jobs(self) -> Iterator[Job]:
        """List every job of the experiment."""
        yield from self._making()
        yield from self._trials()
        yield from self._in_task_jobs()
        yield from self._looks()

    def job(
        self,
        stage: str,
        below: str,
        needs: Mapping[str, Sequence[str]],
        which: Which,
        seed: int | None = None,
    ) -> Job:
        """Return the job at a place below the experiment's."""
        labels = {**self.labels, **self.labels_of(which), "seed": seed}
        known = {name: value for name, value in labels.items() if value is not None}
        return Job(stage, f"{self.place}/{below}", known, partial(self.config, which, seed), needs)

    def labels_of(self, which: Which) -> Values:
        """Return what says which job is meant, in words of the command line."""
        arm, trial, way = which
        agent = self.agent(trial, way) if trial else None
        return {"arm": arm, "environment": arm, "baseline": way, "trial": trial, "agent": agent}

    def _making(self) -> Iterator[Job]:
        for arm, values in self.made.items():
            found = values.get("search")
            settings = self.scale.file_of("search", f"{self.task}/{found}", "best.json")
            stage = self.maker(arm)
            for seed in self.seeds(arm):
                needs = {"settings": settings} if found else {}
                if stage == "distil":
                    place = self.scale.tasks[self.task].teacher_place(seed)
                    if self.has_teacher(arm):
                        job = self.job("teacher", f"{arm}/seed{seed}/teacher", {}, Which(arm), seed)
                        place = job.out
                        yield job
                    needs = teacher_files(place)
                yield self.job(stage, f"{arm}/seed{seed}/{stage}", needs, Which(arm), seed)

    def environments_of(self, arm: str) -> list[str]:
        """Return the files of an arm's environments, one of each seed."""
        if arm in self.values.get("environments", []):
            return self.scale.tasks[self.task].environments_of(arm)
        stage = self.maker(arm)
        return [f"{self.place}/{arm}/seed{seed}/{stage}/{ENVIRONMENT}" for seed in self.seeds(arm)]

    def _trials(self) -> Iterator[Job]:
        for trial in self.trials:
            for arm in self.judged(trial):
                needs = {"environment": self.environments_of(arm)}
                yield self.job("study", f"{arm}/transfer/{trial}", needs, Which(arm, trial))

    def _in_task_jobs(self) -> Iterator[Job]:
        for trial in self.trials:
            if "without" not in self.values:
                yield self.job("baseline", f"real/{trial}", {}, Which(None, trial))
            for way in self.without:
                if self.agent(trial, way):
                    tuned = self.tuned_for(way, trial)
                    best = [f"{self.place}/tuned/{way}/{tuned}/best.json"]
                    needs = {"settings": best} if tuned else {}
                    which = Which(None, trial, way)
                    yield self.job("baseline", f"real/{way}/{trial}", needs, which)
                    if tuned == trial:
                        job = self.job("tune", f"tuned/{way}/{trial}", {}, which)
                        yield replace(job, config=partial(self._tuning, which))

    def tuned_for(self, way: str, trial: str) -> str | None:
        """Return the first trial with the same agent, for which it is tuned; None if it is not."""
        if "tune" not in self.without[way]:
            return None
        agent = self.agent(trial, way)
        return next(name for name in self.trials if self.agent(name, way) == agent)

    def _tuning(self, which: Which, overrides: Sequence[str]) -> Values:
        tune = self.without[str(which.way)]["tune"]
        return sweeps.tuning(tune, self.config(which, None, overrides))

    def _looks(self) -> Iterator[Job]:
        for arm in self.made:
            for look in self.values.get("looks", []):
                files = self.environments_of(arm)
                if look == "reward_map":
                    yield self.job(look, f"{arm}/map", {"environment": files}, Which(arm))
                elif self.maker(arm) != "model":
                    yield self.job(look, f"{arm}/{look}", {"environment": files[:1]}, Which(arm))

    def check(self) -> None:
        """Refuse whatever is wrong with the experiment, by a ConfigError."""
        check_planned(self)


def _making(config: Values) -> Values:
    """Return the section that has agents in the making of an environment, if one has."""
    making: Values = config["meta"] if "meta" in config else config.get("grade") or {}
    return making


def teacher_files(place: str) -> dict[str, list[str]]:
    """Return what distilling needs of a teacher, whose results lie at a place."""
    files = {"policy": "policy.safetensors", "progress": "progress.parquet"}
    return {name: [f"{place}/{file}"] for name, file in files.items()}
