"""What does a scale plan of comparisons between ways of making environments, and of claims on them?

`comparisons:` of a scale: each asks one question in one task. It has several arms, each a way in
which environments are meta-trained, one per seed; names environments of the plan to be compared as
well; and has trials, in which agents are judged with each of them, and in the task itself. What is
expected of it stands in the plan, as claims: it is written before anything is computed.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from synthgym.plan.layers import Layers, Values, expanded
from synthgym.plan.schema import (
    OF_PLANS,
    Claim,
    Comparison,
    Config,
    ConfigError,
    check,
    check_known,
    check_names,
    check_unique,
    definition,
    groups,
)
from synthgym.plan.validate import REAL, check_environment, check_identifier, check_pair

if TYPE_CHECKING:
    from synthgym.plan.plan import Plan

COMPLETE = ("about", "task", "trials")
BESIDE = ("agent", "arms", "seeds")  # of arms and trials: what is no section


def planned(plan: "Plan", scale: str) -> Values:
    """What is planned, by name, without what is left out."""
    there = plan.params["scales"][scale]
    left_out = there.get("left_out") or []
    every: Values = there.get("comparisons") or {}
    return {name: values for name, values in every.items() if name not in left_out}


def arms(plan: "Plan", scale: str, name: str) -> list[str]:
    """The ways of making that are compared: those of the comparison, then those of the plan."""
    values = planned(plan, scale)[name]
    return [*values.get("arms", {}), *values.get("environments", [])]


def seeds(plan: "Plan", scale: str, name: str, arm: str) -> list[int]:
    """Of an arm: its own, where it has some, or those of all."""
    values = planned(plan, scale)[name]
    if arm in values.get("environments", []):
        return plan.seeds(scale, arm)
    own: list[int] = (values["arms"][arm] or {}).get("seeds") or values.get("seeds", [])
    return own


def summary(plan: "Plan", scale: str) -> Values:
    """What the report has to know, by name: section of the task, arms, trials and their agents."""
    about = {}
    for name, values in planned(plan, scale).items():
        task = definition("task", values["task"])
        trials = {
            trial: {
                "agent": of["agent"],
                "arms": judged(plan, scale, name, trial),
                "steps": {
                    arm: _composed(plan, scale, name, arm, trial)["transfer"]["steps"]
                    for arm in judged(plan, scale, name, trial)
                },
                "real_steps": _composed(plan, scale, name, None, trial)["baseline"]["steps"],
            }
            for trial, of in values["trials"].items()
        }
        about[name] = {
            "about": values["about"],
            "task": {k: v for k, v in task.items() if k not in OF_PLANS},
            "made": list(values.get("arms", {})),
            "arms": arms(plan, scale, name),
            "agents": {arm: _makers(plan, scale, name, arm) for arm in arms(plan, scale, name)},
            "trials": trials,
            "claims": [dict(claim) for claim in values.get("claims", [])],
        }
    return about


def made(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every environment that a comparison meta-trains."""
    for name, values in planned(plan, scale).items():
        for arm in values.get("arms", {}):
            for seed in seeds(plan, scale, name, arm):
                yield {"scale": scale, "comparison": name, "arm": arm, "seed": seed}


def of_plan(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every environment of the plan that a comparison takes part of."""
    for values in planned(plan, scale).values():
        for environment in values.get("environments", []):
            for seed in plan.seeds(scale, environment):
                place = {"task": values["task"], "environment": environment, "seed": seed}
                yield {"scale": scale, **place}


def judged(plan: "Plan", scale: str, name: str, trial: str) -> list[str]:
    """The arms whose environments agents of a trial are trained in."""
    every = arms(plan, scale, name)
    only = planned(plan, scale)[name]["trials"][trial].get("arms", every)
    return [arm for arm in every if arm in only]


def studies(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every study of agents with the environments of an arm."""
    for name, values in planned(plan, scale).items():
        for trial in values["trials"]:
            for arm in judged(plan, scale, name, trial):
                yield {"scale": scale, "comparison": name, "arm": arm, "trial": trial}


def real(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every study of agents in a task itself."""
    for name, values in planned(plan, scale).items():
        for trial in values["trials"]:
            yield {"scale": scale, "comparison": name, "trial": trial}


def resolve(
    plan: "Plan",
    scale: str,
    comparison: str,
    seed: int | str | None = None,
    arm: str | None = None,
    trial: str | None = None,
) -> Values:
    """The configuration of a job: of a meta-training; with a trial, of a study, in the task where
    there is no arm.
    """
    from synthgym.plan.plan import of_job, with_level

    config = of_job(_composed(plan, scale, comparison, arm, trial))
    for study in ("transfer", "baseline"):
        config[study] = with_level(config[study], config["task"])
    trials = planned(plan, scale)[comparison]["trials"]
    names = [trials[trial]["agent"]] if trial else config["meta"]["agents"]
    config["agents"] = {agent: config["agents"][agent] for agent in names}
    return {**config, "scale": scale, "seed": config["seed"] if seed is None else int(seed)}


def check_scale(plan: "Plan", scale: str) -> None:
    """Refuse whatever is wrong with the comparisons of a scale, by a ConfigError."""
    there = plan.params["scales"][scale]
    for name in there.get("left_out") or []:
        known = [*(there.get("comparisons") or {}), *(["objectives"] * ("objectives" in there))]
        check_known(name, known, "comparison", f"scales.{scale}.left_out", "the plan")
    for name, values in planned(plan, scale).items():
        here = f"scales.{scale}.comparisons.{name}"
        check_identifier(name, here)
        check(values, Comparison, here, complete=COMPLETE)
        check_known(values["task"], groups("task"), "task", f"{here}.task", "conf/task")
        check_environment(values.get("settings") or {}, f"{here}.settings")
        if not arms(plan, scale, name):
            raise ConfigError(f"{here}: must have arms or environments, or both.")
        for environment in values.get("environments", []):
            place = f"{here}.environments"
            check_known(values["task"], plan.tasks(scale), "task", f"{here}.task", "the plan")
            known = plan.environments(scale, values["task"])
            check_known(environment, known, "environment", place, values["task"])
        for arm, differences in values.get("arms", {}).items():
            place = f"{here}.arms.{arm}"
            check_identifier(arm, place)
            if arm in values.get("environments", []):
                raise ConfigError(f"{place}: that is the name of something else here.")
            check(differences or {}, dict[str, Any], place)
            sections = {k: v for k, v in (differences or {}).items() if k not in BESIDE}
            check_environment(sections, place)
            check(seeds(plan, scale, name, arm), list[int], f"{place}.seeds")
            check_unique(seeds(plan, scale, name, arm), f"{place}.seeds")
            _composed(plan, scale, name, arm)
        for trial in values["trials"]:
            _check_trial(plan, scale, name, trial)
        for i, claim in enumerate(values.get("claims", [])):
            _check_claim(plan, scale, name, claim, f"{here}.claims[{i}]")


def _check_trial(plan: "Plan", scale: str, name: str, trial: str) -> None:
    values = planned(plan, scale)[name]
    place, there = f"scales.{scale}.comparisons.{name}.trials.{trial}", values["trials"][trial]
    check_identifier(trial, place)
    check(there, dict[str, Any], place)
    if "agent" not in there:
        raise ConfigError(f"{place}: must say which agent.")
    check_names([there["agent"]], "agent", f"{place}.agent")
    check_pair(there["agent"], definition("task", values["task"]), f"{place}.agent")
    check({k: v for k, v in there.items() if k not in BESIDE}, Config, place)
    check(there.get("arms", []), list[str], f"{place}.arms")
    for arm in there.get("arms", []):
        check_known(arm, arms(plan, scale, name), "arm", f"{place}.arms", "the plan")
    for arm in (None, *judged(plan, scale, name, trial)):
        _composed(plan, scale, name, arm, trial)


def _check_claim(plan: "Plan", scale: str, name: str, claim: Any, place: str) -> None:
    check(claim, Claim, place, complete=("says", "of", "over", "expect"))
    check_unique(claim["of"], f"{place}.of")
    places = [*arms(plan, scale, name), REAL]
    for kind in ("of", "over"):
        for arm in claim[kind]:
            check_known(arm, places, "arm", f"{place}.{kind}", "the plan")
    trials = planned(plan, scale)[name]["trials"]
    for kind in ("trials", "over_trials"):
        for trial in claim.get(kind, []):
            check_known(trial, trials, "trial", f"{place}.{kind}", "the plan")


def _makers(plan: "Plan", scale: str, name: str, arm: str) -> list[str]:
    """The algorithms that an arm is meta-trained with; none where it is distilled."""
    values = planned(plan, scale)[name]
    if arm in values.get("environments", []):
        config = plan.config(scale, values["task"], arm)
    else:
        config = _composed(plan, scale, name, arm)
    agents: list[str] = config["meta"]["agents"] if "meta" in config else []
    return agents


def _composed(
    plan: "Plan", scale: str, name: str, arm: str | None = None, trial: str | None = None
) -> Values:
    here, values = f"scales.{scale}.comparisons.{name}", planned(plan, scale)[name]
    agents = [values["trials"][trial]["agent"]] if trial else []
    layers: list[tuple[str, Any]] = [
        (f"{here}.settings", {"synth": "bandit"} if arm else {}),
        (f"{here}.settings", values.get("settings")),
    ]
    if arm in values.get("environments", []):
        synth = plan.config(scale, values["task"], str(arm))["synth"]
        layers.append((f"{here}.environments", {"synth": synth}))
    elif arm:
        made = values["arms"][arm] or {}
        # How it is made is no business of those who train in it: what it is, and for how long.
        seen = {k: v for k, v in made.items() if not trial or k in ("synth", "transfer")}
        layers.append((f"{here}.arms.{arm}", seen))
    if trial:
        layers.append((f"{here}.trials.{trial}", values["trials"][trial]))
    cleaned: Layers = [
        (place, expanded({k: v for k, v in (layer or {}).items() if k not in BESIDE}))
        for place, layer in layers
    ]
    absent = {"distil", *(["meta"] if trial else []), *([] if arm else ["synth"])}
    return plan.compose(here, agents, values["task"], cleaned, (), absent=absent)
