"""Experiments in which what agents maximise is made, in place of what they train in.

A trial is a task.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

from synthgym.jobs.planned import Job
from synthgym.plan.claims import check_claim, planned_claims
from synthgym.plan.experiments import ENVIRONMENT, Experiment, Which
from synthgym.plan.layers import Layers, Values, expanded, sections
from synthgym.plan.schema import (
    WAYS,
    Config,
    ConfigError,
    check,
    check_experiment,
    check_known,
    check_unique,
    definition,
    groups,
    mapping,
)
from synthgym.plan.schema import Objectives as ObjectivesSchema
from synthgym.plan.validate import check_identifier
from synthgym.plan.views import of_agents, seen_by_jobs, with_level

PPO, LPO = "ppo", "lpo"  # whose settings all objectives have; what is meta-trained
GIVEN = (PPO, "dpo")  # objectives that are judged beside those that are learned


class Objectives(Experiment):
    """What agents maximise: drifts of PPO, meta-trained (arms) and judged in tasks (trials)."""

    schema = ObjectivesSchema
    complete = ("environment", "seeds", "arms", "trials")

    @property
    def labels(self) -> Values:
        return {"scale": self.scale.name}

    @property
    def claims(self) -> list[Values]:
        """The claims that can be judged with the objectives and tasks that there are."""
        return planned_claims(self.values.get("claims", {}), self.everyone, [], self.trials)

    @property
    def everyone(self) -> list[str]:
        """All objectives that are judged."""
        return [*GIVEN, *self.made]

    @cached_property
    def stand_in(self) -> dict[str, list[str]]:
        """The files of the environment that objectives are meta-trained in, by name."""
        file = self._file(self.task, self.values["environment"])
        return {
            "environment": [file],
            "progress": [file.replace(ENVIRONMENT, "progress.parquet")],
        }

    def beside(self, arm: str | None) -> dict[str, str]:
        """Other tasks in which an arm is meta-trained, and what stands in for each."""
        beside: dict[str, str] = self.made[str(arm)].get("beside", {})
        return beside

    def _file(self, task: str, environment: str) -> str:
        return self.scale.tasks[task].environments_of(environment)[0]

    def synthetic(self, arm: str) -> bool:
        """Whether an objective is meta-trained in a synthetic environment."""
        return "synthetic" in self.made[arm]["objective"].values()

    def _compose(self, which: Which, overrides: Sequence[str]) -> Values:
        (arm, trial, _), values, where = which, self.values, self.where
        if trial:
            place = f"{where}.trials.{trial}"
            layers: Layers = [
                (f"{where}.settings", sections(values.get("settings"))),
                (place, sections(self.trials[trial])),
            ]
            return self.scale.composer.tuned(where, trial, [PPO], place, layers, overrides)
        return self._compose_in(self.task, values["environment"], str(arm), overrides)

    def _compose_in(
        self, task: str, environment: str, arm: str, overrides: Sequence[str] = ()
    ) -> Values:
        """Return all sections for the meta-training of an arm, in one of its tasks."""
        where = self.where
        synth = self.scale.tasks[task].composed(environment)["synth"]
        start = {"synth": synth, "meta": {"name": "open_es", "agents": [LPO]}}
        layers: Layers = [
            (f"{where}.environment", expanded(start)),
            (f"{where}.settings", sections(self.values.get("settings"))),
            (f"{where}.arms.{arm}", sections(self.made[arm])),
        ]
        return self.scale.composer.compose(where, task, layers, [], overrides, WAYS - {"meta"})

    def config(self, which: Which, seed: int | None, overrides: Sequence[str]) -> Values:
        """Return the configuration of a meta-training; with a trial, of the judging in a task."""
        arm, trial, _ = which
        composed = self.composed(None if trial else arm, trial, overrides=overrides)
        config = self.seeded(seen_by_jobs(composed), seed, overrides)
        if trial:
            kind = str(arm) if arm in GIVEN else LPO
            steps = config["judge"]["steps"] or composed["task"]["tuned"][PPO]["steps"]
            return {
                **config,
                "agents": {kind: _by_drift(config["agents"][PPO], kind)},
                "judge": {**with_level(config["judge"], composed["task"]), "steps": steps},
                "objective_name": arm,
            }
        ppo = self.composed(None, self.task)["agents"][PPO]
        tuned = {kind: _by_drift(ppo, kind) for kind in (LPO, PPO)}
        objective = {**config["objective"], "tuned": tuned}
        if beside := self.beside(arm):
            objective["beside"] = {
                task: self._place(task, environment, str(arm), overrides)
                for task, environment in beside.items()
            }
        return of_agents({**config, "objective": objective}, [LPO])

    def _place(self, task: str, environment: str, arm: str, overrides: Sequence[str]) -> Values:
        """Return another task in which candidates are tried: all that is of that task."""
        config = seen_by_jobs(self._compose_in(task, environment, arm, overrides))
        seen = of_agents(config, [LPO])
        return {name: seen[name] for name in ("task", "synth", "agents")}

    def jobs(self) -> Iterator[Job]:
        """List every meta-training, and every judging in a task."""
        for arm in self.made:
            beside = [self._file(*place) for place in self.beside(arm).items()]
            files = [*self.stand_in["environment"], *beside]
            needs = {"environment": files} if self.synthetic(arm) else {}
            for seed in self.seeds():
                yield self.job("objective", f"{arm}/seed{seed}", needs, Which(arm), seed)
        for arm in self.everyone:
            seeds = self.seeds() if arm in self.made else []
            files = [f"{self.place}/{arm}/seed{seed}/objective.safetensors" for seed in seeds]
            needs = {"objective": files} if files else {}
            for trial in self.trials:
                yield self.job("judge", f"{arm}/judged/{trial}", needs, Which(arm, trial))

    def labels_of(self, which: Which) -> Values:
        """Return what says which job is meant, in words of the command line."""
        return {"objective": which.arm, "task": which.trial or self.task}

    def check(self) -> None:
        """Refuse whatever is wrong with the objectives, by a ConfigError."""
        values, where = self.values, self.where
        check_experiment(values, self.schema, where, self.complete)
        check_known(self.task, self.scale.tasks, "task", f"{where}.task", "the plan")
        known = self.scale.environments(self.task)
        place = f"{where}.environment"
        check_known(values["environment"], known, "environment", place, self.task)
        check_unique(values["seeds"], f"{where}.seeds")
        check(values.get("settings", {}), Config, f"{where}.settings")
        names = [*GIVEN, *values["_every"]["arms"]]
        for name, claim in values.get("claims", {}).items():
            check_claim(claim, f"{where}.claims.{name}", names, values["_every"]["trials"])
        if not self.made or self.task not in self.trials:
            raise ConfigError(f"{where}: must have one arm or more, and {self.task} in trials.")
        for arm, differences in self.made.items():
            place = f"{where}.arms.{arm}"
            check_identifier(arm, place)
            beside = differences.get("beside", {})
            for task, environment in mapping(beside, f"{place}.beside").items():
                at = f"{place}.beside.{task}"
                check_known(task, self.scale.tasks, "task", f"{place}.beside", "the plan")
                known = self.scale.environments(task)
                check_known(environment, known, "environment", at, task)
            check({k: v for k, v in differences.items() if k != "beside"}, Config, place)
            if arm in GIVEN:
                raise ConfigError(f"{place}: {arm} is not learned; give it another name.")
            if not {"train", "fitness"} <= differences.get("objective", {}).keys():
                raise ConfigError(f"{place}.objective: must say {{train: .., fitness: ..}}.")
            self.composed(arm)
        for task, differences in self.trials.items():
            place = f"{where}.trials.{task}"
            check_known(task, groups("task"), "task", place, "conf/task")
            check(mapping(differences, place), Config, place)
            draws, seeds = self.composed(None, task)["judge"]["draws"], len(values["seeds"])
            if draws % seeds:
                raise ConfigError(f"{place}: {draws} agents (judge.draws) for {seeds} seeds.")


def _by_drift(ppo: Values, kind: str) -> Values:
    """Return PPO's settings for an agent that differs from it in its drift only."""
    drift = {k: v for k, v in definition("agent", kind)["static"].items() if k == "drift"}
    return {**ppo, "name": kind, "static": {**ppo["static"], **drift}}
