"""What does a scale plan of the synthetic MDPs of Ferreira et al. 2022, and what is each job given?

`mdps:` of a scale: for each task several arms, each a way in which synthetic MDPs are made (evolved
with agents of fixed or of varied settings, or fitted to what agents met in the task), one per seed;
and trials, in which agents are judged with each of them, and in the task itself.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from synthgym.plan.layers import Layers, Values, expanded
from synthgym.plan.schema import (
    OF_PLANS,
    Config,
    ConfigError,
    Mdps,
    check,
    check_known,
    check_names,
    check_unique,
    definition,
    groups,
)
from synthgym.plan.validate import check_identifier, check_pair

if TYPE_CHECKING:
    from synthgym.plan.plan import Plan

STRATEGY = "ferreira"  # where a plan names none
COMPLETE = ("arms", "seeds", "agent", "trials")
BESIDE = ("agent", "arms", "search", "seeds")  # of arms and trials: what is no section
SEARCH = "search"  # of an arm: settings of a search in its task
MODEL = "model"  # an arm with this section is fitted, not evolved
RANKING = "ranking"  # the trial that asks whether settings that are good here are good there


def planned(plan: "Plan", scale: str) -> Values:
    """What is planned, by task."""
    values: Values = plan.params["scales"][scale].get("mdps") or {}
    return values


def fitted(plan: "Plan", scale: str, task: str, arm: str) -> bool:
    """Whether the MDPs of an arm are fitted to what agents met, not evolved."""
    return MODEL in (planned(plan, scale)[task]["arms"][arm] or {})


def seeds(plan: "Plan", scale: str, task: str, arm: str) -> list[int]:
    """Of an arm: its own, where it has some, or those of all."""
    values = planned(plan, scale)[task]
    own: list[int] = (values["arms"][arm] or {}).get("seeds", values["seeds"])
    return own


def found(plan: "Plan", scale: str, task: str, arm: str) -> str | None:
    """The search whose best settings an arm is evolved with, if it is with those."""
    name: str | None = (planned(plan, scale)[task]["arms"][arm] or {}).get(SEARCH)
    return name


def summary(plan: "Plan", scale: str) -> Values:
    """What a report has to know, by task: its section, arms, trials and their agents."""
    about = {}
    for task, values in planned(plan, scale).items():
        section = {k: v for k, v in definition("task", task).items() if k not in OF_PLANS}
        about[task] = {
            **section,
            "evolved": [a for a in values["arms"] if not fitted(plan, scale, task, a)],
            "fitted": [a for a in values["arms"] if fitted(plan, scale, task, a)],
            "evolved_with": values["agent"],
            "agents": {name: trial["agent"] for name, trial in values["trials"].items()},
            "training": {
                name: {key: study["transfer"][key] for key in ("steps", "stop")}
                for name in values["trials"]
                for study in [_composed(plan, scale, task, None, name)]
            },
        }
    return about


def mdps(plan: "Plan", scale: str, made: bool = False) -> Iterator[dict[str, Any]]:
    """The wildcards of every MDP that is evolved, or (`made`) fitted."""
    for task, values in planned(plan, scale).items():
        for arm in values["arms"]:
            if fitted(plan, scale, task, arm) == made:
                for seed in seeds(plan, scale, task, arm):
                    yield {"scale": scale, "task": task, "arm": arm, "seed": seed}


def models(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every MDP that is fitted."""
    return mdps(plan, scale, made=True)


def arms(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every arm that is evolved."""
    for task, section in summary(plan, scale).items():
        for arm in section["evolved"]:
            yield {"scale": scale, "task": task, "arm": arm}


def studies(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every study of agents with the MDPs of an arm."""
    for task, values in planned(plan, scale).items():
        for arm in values["arms"]:
            for name, trial in values["trials"].items():
                if arm in trial.get("arms", values["arms"]):
                    yield {"scale": scale, "task": task, "arm": arm, "trial": name}


def real(plan: "Plan", scale: str) -> Iterator[dict[str, Any]]:
    """The wildcards of every study of agents in a task itself."""
    for task, values in planned(plan, scale).items():
        for trial in values["trials"]:
            yield {"scale": scale, "task": task, "trial": trial}


def resolve(
    plan: "Plan",
    scale: str,
    task: str,
    seed: int | str | None = None,
    arm: str | None = None,
    trial: str | None = None,
) -> Values:
    """The configuration of a job: an MDP's; with a trial, a study's, in the task if no arm."""
    from synthgym.plan.plan import of_job, with_level

    values = planned(plan, scale)[task]
    agent = values["trials"][trial]["agent"] if trial else values["agent"]
    config = of_job(_composed(plan, scale, task, arm, trial))
    if trial and not arm:  # as many agents as with all MDPs of an arm
        baseline = dict(config["baseline"])
        for count in ("draws", *(["repeats"] if baseline["repeats"] > 1 else [])):
            baseline[count] = config["transfer"][count] * len(values["seeds"])
        config["baseline"] = with_level(baseline, config["task"])
    config["transfer"] = with_level(config["transfer"], config["task"])
    config["agents"] = {agent: config["agents"][agent]}
    return {**config, "scale": scale, "seed": config["seed"] if seed is None else int(seed)}


def check_scale(plan: "Plan", scale: str) -> None:
    """Refuse whatever is wrong with the synthetic MDPs of a scale, by a ConfigError."""
    for task, values in planned(plan, scale).items():
        here = f"scales.{scale}.mdps.{task}"
        check_known(task, groups("task"), "task", here, "conf/task")
        check(values, Mdps, here, complete=COMPLETE)
        check_unique(values["seeds"], f"{here}.seeds")
        check_names([values["agent"]], "agent", f"{here}.agent")
        check_pair(values["agent"], definition("task", task), f"{here}.agent")
        check(values.get("settings") or {}, Config, f"{here}.settings")
        for arm, differences in values["arms"].items():
            check_identifier(arm, f"{here}.arms.{arm}")
            place = f"{here}.arms.{arm}"
            check({k: v for k, v in (differences or {}).items() if k not in BESIDE}, Config, place)
            check(seeds(plan, scale, task, arm), list[int], f"{place}.seeds")
            check_unique(seeds(plan, scale, task, arm), f"{place}.seeds")
            if (name := found(plan, scale, task, arm)) is not None:
                known = (plan.params["scales"][scale].get("search") or {}).get(task, {})
                check_known(name, known, "search", f"{place}.search", f"scales.{scale}.search")
            _composed(plan, scale, task, arm)
        for name, trial in values["trials"].items():
            _check_trial(plan, scale, task, name, trial)


def _check_trial(plan: "Plan", scale: str, task: str, name: str, trial: Any) -> None:
    place = f"scales.{scale}.mdps.{task}.trials.{name}"
    check_identifier(name, place)
    check(trial, dict[str, Any], place)
    if "agent" not in trial:
        raise ConfigError(f"{place}: must say which agent.")
    check_names([trial["agent"]], "agent", f"{place}.agent")
    check_pair(trial["agent"], definition("task", task), f"{place}.agent")
    check({k: v for k, v in trial.items() if k not in BESIDE}, Config, place)
    check(trial.get("arms", []), list[str], f"{place}.arms")
    for arm in trial.get("arms", []):
        check_known(arm, planned(plan, scale)[task]["arms"], "arm", f"{place}.arms", "the plan")
    settings = _composed(plan, scale, task, None, name)
    for study in ("transfer", "baseline"):
        draws, repeats = (settings[study][count] for count in ("draws", "repeats"))
        if draws % repeats:
            raise ConfigError(f"{place}.{study}: {draws} draws for {repeats} of each setting.")


def _composed(
    plan: "Plan", scale: str, task: str, arm: str | None = None, trial: str | None = None
) -> Values:
    here, values = f"scales.{scale}.mdps.{task}", planned(plan, scale)[task]
    agent = values["trials"][trial]["agent"] if trial else values["agent"]
    meta = {"meta": {"name": STRATEGY, "agents": [agent]}}
    start = {"synth": {"name": "mdp"}, **({} if trial else meta)}
    layers: list[tuple[str, Any]] = [(f"{here}.agent", start)]
    layers.append((f"{here}.settings", values.get("settings")))
    if arm:
        made = values["arms"][arm] or {}
        # How it is made is no business of those who train in it: only what it is.
        seen = {k: v for k, v in made.items() if not trial or k == "synth"}
        layers.append((f"{here}.arms.{arm}", seen))
    if trial:
        layers.append((f"{here}.trials.{trial}", values["trials"][trial]))
    cleaned: Layers = [
        (place, expanded({k: v for k, v in (layer or {}).items() if k not in BESIDE}))
        for place, layer in layers
    ]
    absent = {"distil", *(["meta"] if trial else []), *([] if arm else ["synth"])}
    if arm and not trial and MODEL in (values["arms"][arm] or {}):
        absent |= {"meta"}
    return plan.compose(here, [agent], task, cleaned, (), absent=absent)
