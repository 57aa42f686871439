"""Experiments: a question, arms (how environments are made), trials (who trains there), looks,
claims.

Those of a scale are files of conf/experiment/, with one of their budgets. Each resolves, checks and
lists its own jobs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from synthgym.core.settings import REAL, SEEDS
from synthgym.jobs.planned import Job
from synthgym.plan import sweeps
from synthgym.plan.claims import check_claim, planned_claims
from synthgym.plan.layers import Layers, Values, expanded
from synthgym.plan.part import Part
from synthgym.plan.schema import (
    WAYS,
    ConfigError,
    check,
    check_experiment,
    check_known,
    check_names,
    check_unique,
    definition,
    groups,
    listed,
    mapping,
)
from synthgym.plan.schema import Experiment as ExperimentSchema
from synthgym.plan.validate import check_environment, check_identifier, check_pair
from synthgym.plan.views import (
    distil_seen,
    of_agents,
    seen_by_jobs,
    task_section,
    with_level,
)

ENVIRONMENT = "environment.safetensors"
BESIDE = ("agent", "arms", "seeds", "search", "in_place_of", "tune")  # what is no section
AS_ENVIRONMENT = ("synth", "transfer")  # what those who train in an arm see of it
MAKERS = (
    "model",
    "grade",
    "distil",
)  # sections of arms that are not evolved, and stages that make these


def sections(values: Mapping[str, Any] | None) -> Values:
    """Return the sections of the configuration among what a plan says of an arm or a trial."""
    return expanded({k: v for k, v in (values or {}).items() if k not in BESIDE})


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
            config["teacher"] = task.teacher(task.composed(None)["teacher"])
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
                    needs = self.scale.tasks[self.task].teacher_files(seed)
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

    # checks

    def check(self) -> None:
        """Refuse whatever is wrong with the experiment, by a ConfigError."""
        values, where = self.values, self.where
        check_experiment(values, self.schema, where, self.complete)
        check_known(self.task, groups("task"), "task", f"{where}.task", "conf/task")
        if self.made:
            check_unique(values.get("seeds", []), f"{where}.seeds")
        if "agent" not in values and self.labels["family"] != "comparisons":
            raise ConfigError(f"{where}: lacks agent, with which its arms are made.")
        if "agent" in values:
            check_names([values["agent"]], "agent", f"{where}.agent")
            check_pair(values["agent"], definition("task", self.task), f"{where}.agent")
        for part in ("settings", "make"):
            check_sections(values.get(part), f"{where}.{part}", shared=True)
        self._check_environments()
        for arm, differences in values.get("arms", {}).items():
            self._check_arm(arm, differences)
        for trial in self.trials:
            self._check_trial(trial)
        for way in self.without:
            self._check_without(way)
        if "reward_map" in values.get("looks", []) and not task_section(self.task)["num_states"]:
            raise ConfigError(f"{where}.looks: {self.task} has no states to map rewards on.")
        every = self.values["_every"]
        names = [*every["arms"], *values.get("environments", []), *every["without"], REAL]
        self._check_along()
        for name, claim in values.get("claims", {}).items():
            check_claim(claim, f"{where}.claims.{name}", names, every["trials"])

    def _check_along(self) -> None:
        """Refuse names without a number, where returns are drawn over it."""
        place = f"{self.where}.along"
        for kind in self.values.get("along", {}):
            check_known(kind, ("arms", "trials"), "key", place, "an experiment")
            for name in self.arms if kind == "arms" else self.trials:
                if not name.rpartition("_")[2].isdigit():
                    raise ConfigError(f"{place}: {kind} end with a number; {name} does not.")

    def _check_environments(self) -> None:
        where = self.where
        if not self.arms:
            raise ConfigError(f"{where}: must have arms or environments, or both.")
        for environment in self.values.get("environments", []):
            check_known(self.task, self.scale.tasks, "task", f"{where}.task", "the plan")
            known = self.scale.environments(self.task)
            check_known(environment, known, "environment", f"{where}.environments", self.task)
            self._check_reward(environment, f"{where}.environments")

    def _check_arm(self, arm: str, differences: object) -> None:
        place = f"{self.where}.arms.{arm}"
        check_identifier(arm, place)
        if arm == "tuned" and self.without:
            raise ConfigError(f"{place}: searches for settings are in this directory; rename it.")
        if arm in self.values.get("environments", []):
            raise ConfigError(f"{place}: is the name of an environment of the scale, too.")
        check_sections(differences, place)
        check(self.seeds(arm), list[int], f"{place}.seeds", SEEDS)
        check_unique(self.seeds(arm), f"{place}.seeds")
        if self.maker(arm) == "distil":
            check_known(self.task, self.scale.tasks, "task", f"{place}.distil", "the plan")
            self._check_teachers(arm, place)
        if (found := self.made[arm].get("search")) is not None:
            known = [name for name, _ in self.scale.searches(self.task)]
            check_known(found, known, "search", f"{place}.search", f"searches of {self.task}")
        self._check_reward(arm, place)
        synth = self.composed(arm)["synth"]
        if str(synth["reward"]).endswith("_info") and not definition("task", self.task)["info"]:
            raise ConfigError(
                f"{place}: {synth['reward']} needs an info vector, which {self.task} does not "
                "have; use a kind without _info."
            )

    def _check_teachers(self, arm: str, place: str) -> None:
        """Refuse to distil from a teacher that the scale does not train."""
        there = self.scale.tasks[self.task].teacher_seeds
        if missing := [seed for seed in self.seeds(arm) if seed not in there]:
            raise ConfigError(
                f"{place}.seeds: {listed(missing)} have no teacher; {self.task} has teachers for "
                f"the seeds of its distilled environments: {listed(there)}."
            )

    def _check_reward(self, arm: str, place: str) -> None:
        """Refuse reward networks elsewhere than in rewards/, and anything else there."""
        made = self if arm in self.made else self.scale.tasks[self.task]
        synth, needed = made.composed(arm)["synth"], self.labels["family"] == "rewards"
        if needed and not synth["reward"]:
            raise ConfigError(f"{place}: must be a reward network, as the place is rewards/.")
        if synth["reward"] and not needed:
            raise ConfigError(f"{place}: {synth['name']} is for experiments in rewards/.")

    def _check_trial(self, trial: str) -> None:
        place, values = f"{self.where}.trials.{trial}", self.trials[trial]
        check_identifier(trial, place)
        check(values, dict[str, Any], place)
        if "agent" not in values:
            raise ConfigError(f"{place}: must say which agent.")
        check_names([values["agent"]], "agent", f"{place}.agent")
        check_pair(values["agent"], definition("task", self.task), f"{place}.agent")
        check_sections(values, place)
        check(values.get("arms", []), list[str], f"{place}.arms")
        for arm in values.get("arms", []):
            check_known(arm, self.arms, "arm", f"{place}.arms", "the plan")
        for arm in (None, *self.judged(trial)):
            composed = self.composed(arm, trial)
            for study in ("transfer", "baseline"):
                draws, repeats = (composed[study][count] for count in ("draws", "repeats"))
                if draws % repeats:
                    raise ConfigError(
                        f"{place}.{study}: {draws} draws for {repeats} of each setting."
                    )

    def _check_without(self, way: str) -> None:
        place, values = f"{self.where}.without.{way}", self.without[way]
        check_identifier(way, place)
        check(values, dict[str, Any], place)
        instead = values.get("in_place_of", {})
        check(instead, dict[str, str], f"{place}.in_place_of")
        agents = [trial["agent"] for trial in self.trials.values()]
        for old, new in instead.items():
            check_known(old, agents, "agent", f"{place}.in_place_of", "the trials")
            check_names([new], "agent", f"{place}.in_place_of")
            check_pair(new, definition("task", self.task), f"{place}.in_place_of")
        check_sections(values, place)
        who = {self.agent(trial, way) for trial in self.trials} - {""}
        if "tune" in values:
            if self.labels["family"] != "rewards":
                raise ConfigError(f"{place}.tune: is for experiments in rewards/.")
            sweeps.check_tuning(values["tune"], who, f"{place}.tune")
        for trial in self.trials:
            if self.agent(trial, way):
                self.composed(None, trial, way)


def _making(config: Values) -> Values:
    """Return the section that has agents in the making of an environment, if one has."""
    making: Values = config["meta"] if "meta" in config else config.get("grade") or {}
    return making


def check_sections(values: object, place: str, *, shared: bool = False) -> None:
    """Refuse differences that are no sections of the configuration, or not as these should be."""
    own = {k: v for k, v in mapping(values, place).items() if k not in BESIDE}
    check_environment(own, place, rewards=True, shared=shared)
