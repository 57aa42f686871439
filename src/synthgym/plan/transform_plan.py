"""What does a scale plan of score transforms, and what is a job about them given?

`transforms:` of a scale: for each task, the strategy of Ferreira et al. 2022 with every transform
of scores, step size, and with or without mirrored perturbations.
"""

from typing import TYPE_CHECKING, Any

from synthgym.plan.layers import Layers, Values, expanded, where_set
from synthgym.plan.schema import (
    OF_PLANS,
    Config,
    ConfigError,
    Transforms,
    check,
    check_known,
    check_names,
    check_unique,
    definition,
    groups,
)
from synthgym.plan.validate import check_pair

if TYPE_CHECKING:
    from synthgym.plan.plan import Plan

STRATEGY, SYNTH = "ferreira", "mdp"
VARIED = ("transforms", "step_sizes", "mirrored", "seeds")  # what a job goes through
STUDIED = ("transform", "step_size", "mirrored")  # settings of `meta` that have no one value
COMPLETE = (*VARIED, "agent")
NEEDED = {"name": STRATEGY, "stop": "solved", "evaluate_every": 1}  # of meta: to see when it solves


def planned(plan: "Plan", scale: str) -> Values:
    """What is planned, by task."""
    values: Values = plan.params["scales"][scale].get("transforms") or {}
    return values


def summary(plan: "Plan", scale: str) -> Values:
    """What a report has to know, by task: its section, who trains in it, how long searches are."""
    about = {}
    for task, values in planned(plan, scale).items():
        section = {k: v for k, v in definition("task", task).items() if k not in OF_PLANS}
        meta = _composed(plan, scale, task)["meta"]
        of_meta = {name: meta[name] for name in ("generations", "population", "sigma")}
        about[task] = {**section, **of_meta, "agent": values["agent"]}
    return about


def resolve(plan: "Plan", scale: str, task: str) -> Values:
    """The configuration of the job that studies transforms in a task."""
    from synthgym.plan.plan import of_job

    config, values = of_job(_composed(plan, scale, task)), planned(plan, scale)[task]
    return {
        **config,
        "scale": scale,
        "meta": {name: value for name, value in config["meta"].items() if name not in STUDIED},
        "agents": {values["agent"]: config["agents"][values["agent"]]},
        "transforms": {name: values[name] for name in VARIED},
    }


def check_scale(plan: "Plan", scale: str) -> None:
    """Refuse whatever is wrong with the transforms of a scale, by a ConfigError."""
    for task, values in planned(plan, scale).items():
        here = f"scales.{scale}.transforms.{task}"
        check_known(task, groups("task"), "task", here, "conf/task")
        check(values, Transforms, here, complete=COMPLETE)
        for name in VARIED:
            check_unique(values[name], f"{here}.{name}")
        check_names([values["agent"]], "agent", f"{here}.agent")
        check_pair(values["agent"], definition("task", task), f"{here}.agent")
        check(values.get("settings") or {}, Config, f"{here}.settings")
        _check_meta(_composed(plan, scale, task)["meta"], _layers(here, values), values["agent"])


def _check_meta(meta: Values, layers: Layers, agent: str) -> None:
    for name in STUDIED:
        if any(name in (layer.get("meta") or {}) for _, layer in layers):
            raise ConfigError(
                f"{where_set(layers, 'meta', name)}: is what is studied; its values are beside "
                "`settings`."
            )
    for name, needed in {**NEEDED, "agents": [agent]}.items():
        if meta[name] != needed:
            place = where_set(layers, "meta", name)
            raise ConfigError(f"{place}: must be {needed} where transforms are studied.")


def _layers(here: str, values: Values) -> Layers:
    who: dict[str, Any] = {"synth": {"name": SYNTH}}
    who["meta"] = {"name": STRATEGY, "agents": [values["agent"]]}
    settings = expanded(values.get("settings") or {})
    return [(f"{here}.agent", who), (f"{here}.settings", settings)]


def _composed(plan: "Plan", scale: str, task: str) -> Values:
    here, values = f"scales.{scale}.transforms.{task}", planned(plan, scale)[task]
    layers = _layers(here, values)
    return plan.compose(here, [values["agent"]], task, layers, (), absent={"distil"})
