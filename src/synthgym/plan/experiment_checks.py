"""An experiment, checked before anything runs: a ConfigError says what is wrong."""

from typing import TYPE_CHECKING, Any

from synthgym.core.settings import REAL, SEEDS
from synthgym.plan import sweeps
from synthgym.plan.claims import check_claim
from synthgym.plan.layers import BESIDE
from synthgym.plan.schema import (
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
from synthgym.plan.validate import check_environment, check_identifier, check_pair, check_teacher
from synthgym.plan.views import task_section

if TYPE_CHECKING:
    from synthgym.plan.experiments import Experiment


def check_planned(of: "Experiment") -> None:
    """Refuse whatever is wrong with the experiment, by a ConfigError."""
    values, where = of.values, of.where
    check_experiment(values, of.schema, where, of.complete)
    check_known(of.task, groups("task"), "task", f"{where}.task", "conf/task")
    if of.made:
        check_unique(values.get("seeds", []), f"{where}.seeds")
    if "agent" not in values and of.labels["family"] != "comparisons":
        raise ConfigError(f"{where}: lacks agent, with which its arms are made.")
    if "agent" in values:
        check_names([values["agent"]], "agent", f"{where}.agent")
        check_pair(values["agent"], definition("task", of.task), f"{where}.agent")
    for part in ("settings", "make"):
        check_sections(values.get(part), f"{where}.{part}", shared=True)
    _check_environments(of)
    for arm, differences in values.get("arms", {}).items():
        _check_arm(of, arm, differences)
    for trial in of.trials:
        _check_trial(of, trial)
    for way in of.without:
        _check_without(of, way)
    if "reward_map" in values.get("looks", []) and not task_section(of.task)["num_states"]:
        raise ConfigError(f"{where}.looks: {of.task} has no states to map rewards on.")
    every = of.values["_every"]
    names = [*every["arms"], *values.get("environments", []), *every["without"], REAL]
    _check_along(of)
    for name, claim in values.get("claims", {}).items():
        check_claim(claim, f"{where}.claims.{name}", names, every["trials"])


def _check_along(of: "Experiment") -> None:
    """Refuse names without a number, where returns are drawn over it."""
    place = f"{of.where}.along"
    for kind in of.values.get("along", {}):
        check_known(kind, ("arms", "trials"), "key", place, "an experiment")
        for name in of.arms if kind == "arms" else of.trials:
            if not name.rpartition("_")[2].isdigit():
                raise ConfigError(f"{place}: {kind} end with a number; {name} does not.")


def _check_environments(of: "Experiment") -> None:
    where = of.where
    if not of.arms:
        raise ConfigError(f"{where}: must have arms or environments, or both.")
    for environment in of.values.get("environments", []):
        check_known(of.task, of.scale.tasks, "task", f"{where}.task", "the plan")
        known = of.scale.environments(of.task)
        check_known(environment, known, "environment", f"{where}.environments", of.task)
        _check_reward(of, environment, f"{where}.environments")


def _check_arm(of: "Experiment", arm: str, differences: object) -> None:
    place = f"{of.where}.arms.{arm}"
    check_identifier(arm, place)
    if arm == "tuned" and of.without:
        raise ConfigError(f"{place}: searches for settings are in this directory; rename it.")
    if arm in of.values.get("environments", []):
        raise ConfigError(f"{place}: is the name of an environment of the scale, too.")
    check_sections(differences, place)
    check(of.seeds(arm), list[int], f"{place}.seeds", SEEDS)
    check_unique(of.seeds(arm), f"{place}.seeds")
    if of.maker(arm) == "distil":
        check_known(of.task, of.scale.tasks, "task", f"{place}.distil", "the plan")
        if of.has_teacher(arm):
            check_teacher(of.composed(arm)["teacher"], of.task, f"{place}.teacher")
        else:
            _check_teachers(of, arm, place)
    if (found := of.made[arm].get("search")) is not None:
        known = [name for name, _ in of.scale.searches(of.task)]
        check_known(found, known, "search", f"{place}.search", f"searches of {of.task}")
    _check_reward(of, arm, place)
    synth = of.composed(arm)["synth"]
    if str(synth["reward"]).endswith("_info") and not definition("task", of.task)["info"]:
        raise ConfigError(
            f"{place}: {synth['reward']} needs an info vector, which {of.task} does not "
            "have; use a kind without _info."
        )


def _check_teachers(of: "Experiment", arm: str, place: str) -> None:
    """Refuse to distil from a teacher that the scale does not train."""
    there = of.scale.tasks[of.task].teacher_seeds
    if missing := [seed for seed in of.seeds(arm) if seed not in there]:
        raise ConfigError(
            f"{place}.seeds: {listed(missing)} have no teacher; {of.task} has teachers for "
            f"the seeds of its distilled environments: {listed(there)}."
        )


def _check_reward(of: "Experiment", arm: str, place: str) -> None:
    """Refuse reward networks elsewhere than in rewards/, and anything else there."""
    made = of if arm in of.made else of.scale.tasks[of.task]
    synth, needed = made.composed(arm)["synth"], of.labels["family"] == "rewards"
    if needed and not synth["reward"]:
        raise ConfigError(f"{place}: must be a reward network, as the place is rewards/.")
    if synth["reward"] and not needed:
        raise ConfigError(f"{place}: {synth['name']} is for experiments in rewards/.")


def _check_trial(of: "Experiment", trial: str) -> None:
    place, values = f"{of.where}.trials.{trial}", of.trials[trial]
    check_identifier(trial, place)
    check(values, dict[str, Any], place)
    if "agent" not in values:
        raise ConfigError(f"{place}: must say which agent.")
    check_names([values["agent"]], "agent", f"{place}.agent")
    check_pair(values["agent"], definition("task", of.task), f"{place}.agent")
    check_sections(values, place)
    check(values.get("arms", []), list[str], f"{place}.arms")
    for arm in values.get("arms", []):
        check_known(arm, of.arms, "arm", f"{place}.arms", "the plan")
    for arm in (None, *of.judged(trial)):
        composed = of.composed(arm, trial)
        for study in ("transfer", "baseline"):
            draws, repeats = (composed[study][count] for count in ("draws", "repeats"))
            if draws % repeats:
                raise ConfigError(f"{place}.{study}: {draws} draws for {repeats} of each setting.")


def _check_without(of: "Experiment", way: str) -> None:
    place, values = f"{of.where}.without.{way}", of.without[way]
    check_identifier(way, place)
    check(values, dict[str, Any], place)
    instead = values.get("in_place_of", {})
    check(instead, dict[str, str], f"{place}.in_place_of")
    agents = [trial["agent"] for trial in of.trials.values()]
    for old, new in instead.items():
        check_known(old, agents, "agent", f"{place}.in_place_of", "the trials")
        check_names([new], "agent", f"{place}.in_place_of")
        check_pair(new, definition("task", of.task), f"{place}.in_place_of")
    check_sections(values, place)
    who = {of.agent(trial, way) for trial in of.trials} - {""}
    if "tune" in values:
        if of.labels["family"] != "rewards":
            raise ConfigError(f"{place}.tune: is for experiments in rewards/.")
        sweeps.check_tuning(values["tune"], who, f"{place}.tune")
    for trial in of.trials:
        if of.agent(trial, way):
            of.composed(None, trial, way)


def check_sections(values: object, place: str, *, shared: bool = False) -> None:
    """Refuse differences that are no sections of the configuration, or not as these should be."""
    own = {k: v for k, v in mapping(values, place).items() if k not in BESIDE}
    check_environment(own, place, rewards=True, shared=shared)
