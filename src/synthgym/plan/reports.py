"""What do reports know of a plan, and which files do they read?"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from synthgym.jobs.planned import Job
from synthgym.plan.layers import Values
from synthgym.plan.sweeps import Search, Transforms
from synthgym.plan.views import task_section, task_seen
from synthgym.stages import STAGES

if TYPE_CHECKING:
    from synthgym.plan.experiments import Experiment, Objectives
    from synthgym.plan.scale import ScalePlan

Jobs = Mapping[str, Job]
MAKING = ("metatrain", "distil")
CAPTIONS, DESIGN = "workflow/report", "src/synthgym/analysis/page/page"
# report -> name of an input -> (family or "", stages whose jobs leave the file, file)
INPUTS: Mapping[str, Mapping[str, tuple[str, tuple[str, ...], str]]] = {
    "summary": {
        "curves": ("tasks", ("transfer", "baseline"), "curves.parquet"),
        "episodes": ("tasks", ("transfer", "baseline"), "episodes.parquet"),
        "progress": ("tasks", MAKING, "progress.parquet"),
        "evaluations": ("tasks", MAKING, "evaluations.parquet"),
        "client_curves": ("tasks", ("clients", "client_baseline"), "curves.parquet"),
        "client_episodes": ("tasks", ("clients", "client_baseline"), "episodes.parquet"),
    },
    "transfer_report": {
        "curves": ("tasks", ("transfer", "baseline"), "curves.parquet"),
        "progress": ("tasks", MAKING, "progress.parquet"),
        "expert_curves": ("", ("expert",), "curves.parquet"),
    },
    "expert_report": {
        "curves": ("", ("expert",), "curves.parquet"),
        "episodes": ("", ("expert",), "episodes.parquet"),
    },
    "choice_report": {"choices": ("", ("choices",), "choices.parquet")},
    "insight_report": {
        name: ("", ("insight",), f"{name}.parquet")
        for name in ("policies", "importance", "symmetry", "states")
    },
    "reward_report": {
        "progress": ("rewards", ("metatrain",), "progress.parquet"),
        "networks": ("rewards", ("study",), "curves.parquet"),
        "without": ("rewards", ("baseline",), "curves.parquet"),
        "maps": ("rewards", ("reward_map",), "rewards.parquet"),
        "best": ("rewards", ("tune",), "best.json"),
        "tried": ("rewards", ("tune",), "trials.parquet"),
    },
    "mdp_report": {
        "progress": ("mdps", ("metatrain",), "progress.parquet"),
        "evaluations": ("mdps", ("metatrain",), "evaluations.parquet"),
        "model_progress": ("mdps", ("model",), "progress.parquet"),
        "curves": ("mdps", ("study",), "curves.parquet"),
        "episodes": ("mdps", ("study",), "episodes.parquet"),
        "real_curves": ("mdps", ("baseline",), "curves.parquet"),
        "real_episodes": ("mdps", ("baseline",), "episodes.parquet"),
        "values": ("mdps", ("behaviour",), "values.parquet"),
        "noise": ("mdps", ("noise",), "noise.parquet"),
    },
    "objective_report": {
        "curves": ("", ("judge",), "curves.parquet"),
        "progress": ("", ("objective",), "progress.parquet"),
        "evaluations": ("", ("objective",), "evaluations.parquet"),
        "drift": ("", ("objective",), "drift.parquet"),
    },
    "transform_report": {"runs": ("", ("transform_study",), "runs.parquet")},
    "search_report": {
        "trials": ("", ("search",), "trials.parquet"),
        "best": ("", ("search",), "best.json"),
        "importance": ("", ("search",), "importance.json"),
        "comparison": ("", ("search_comparison",), "comparison.parquet"),
    },
    "comparison_report": {
        "progress": ("comparisons", ("metatrain",), "progress.parquet"),
        "evaluations": ("comparisons", ("metatrain",), "evaluations.parquet"),
        "curves": ("comparisons", ("study",), "curves.parquet"),
        "real_curves": ("comparisons", ("baseline",), "curves.parquet"),
    },
}
OF_TASK: Mapping[str, tuple[tuple[str, ...], str]] = {  # inputs of the figures of a task
    "progress": (MAKING, "progress.parquet"),
    "evaluations": (MAKING, "evaluations.parquet"),
    "curves": (("transfer", "baseline"), "curves.parquet"),
    "episodes": (("transfer", "baseline"), "episodes.parquet"),
    "values": (("behaviour",), "values.parquet"),
    "surface": (("behaviour",), "surface.parquet"),
}


def jobs(scale: "ScalePlan", planned: Jobs) -> Iterator[Job]:
    """List the reports of a scale, the figures of its tasks, and its page."""
    found = list(_reports(scale, planned))
    yield from found
    yield _page(scale, {**planned, **{job.out: job for job in found}})


def _reports(scale: "ScalePlan", planned: Jobs) -> Iterator[Job]:
    place = f"results/{scale.name}"
    for task in scale.tasks:
        needs = {
            name: list(_files(planned, "tasks", stages, file, task))
            for name, (stages, file) in OF_TASK.items()
        }
        labels = {"scale": scale.name, "task": task}
        yield Job("figures", f"{place}/figures/{task}", labels, _config(scale, task), needs)
    for name, inputs in INPUTS.items():
        needs = {
            kind: list(_files(planned, family, stages, file))
            for kind, (family, stages, file) in inputs.items()
        }
        if name == "comparison_report":
            needs["plan_progress"] = _of_plan(scale)
        if name == "objective_report":
            needs["environment"] = _stand_ins(scale)
        if any(needs.values()):
            directory = STAGES[name].places[0].format(scale=scale.name)
            yield Job(name, directory, {"scale": scale.name}, _config(scale), needs)


def _files(
    planned: Jobs, family: str, stages: Iterable[str], file: str, task: str | None = None
) -> Iterator[str]:
    """Yield a file of each job of these stages, of a family and a task where they are given."""
    for job in planned.values():
        if job.stage in stages and (not family or job.labels.get("family") == family):
            if task is None or job.labels["task"] == task:
                yield f"{job.out}/{file}"


def _of_plan(scale: "ScalePlan") -> list[str]:
    """Return what the making of the scale's environments took that are compared as well."""
    files = [
        scale.tasks[one.task].file(environment, seed, "progress.parquet")
        for one in scale.of_family("comparisons")
        for environment in one.values.get("environments", [])
        for seed in scale.seeds(environment)
    ]
    return list(dict.fromkeys(files))


def _stand_ins(scale: "ScalePlan") -> list[str]:
    """Return what the making of the environment took that objectives are meta-trained in."""
    from synthgym.plan.experiments import Objectives

    every = [one for one in scale.of_kind(Objectives) if any(map(one.synthetic, one.made))]
    return [file for one in every for file in one.stand_in["progress"]]


def _page(scale: "ScalePlan", planned: Jobs) -> Job:
    """Return the page: it shows every report, figure and rollout, and says where they come from."""
    shown = {
        job.out: [
            f"{job.out}/{file}"
            for file in (*STAGES[job.stage].outputs, *_figures(scale, job))
            if job.stage == "summary" or not file.endswith("summary.json")
        ]
        for job in planned.values()
        if STAGES[job.stage].report
    }
    rollouts = [f"{job.out}/rollout.parquet" for job in planned.values() if job.stage == "rollout"]
    needs = {
        "reports": [file for files in shown.values() for file in files],
        "rollouts": rollouts,
        "manifests": [f"{out}/manifest.json" for out in sorted(planned)],
        "captions": [f"{CAPTIONS}/{name}.rst" for name in captions()],
        "design": [f"{DESIGN}.{kind}" for kind in ("html", "css", "js")],
    }
    labels = {"scale": scale.name}
    return Job("page", f"results/{scale.name}/page", labels, _config(scale), needs)


def _figures(scale: "ScalePlan", job: Job) -> list[str]:
    names = [figure.file for figure in STAGES[job.stage].figures]
    experiments = [one.place.split("/")[-1] for one in scale.of_family("comparisons")]
    return [
        name.replace("{experiment}", experiment)
        for name in names
        for experiment in (experiments if "{experiment}" in name else [""])
    ]


def captions() -> list[str]:
    """Return the names of all captions, each once."""
    figures = [figure for stage in STAGES.values() for figure in stage.figures]
    return sorted({figure.caption or figure.name for figure in figures})


def _config(scale: "ScalePlan", task: str | None = None) -> Callable[[Any], Values]:
    def config(overrides: Any) -> Values:
        if task is not None:
            return {"scale": scale.name, "task": scale.tasks[task].config()["task"]}
        return knowledge(scale)

    return config


def knowledge(scale: "ScalePlan") -> Values:
    """Return what reports about no task in particular are told of a scale."""
    from synthgym.plan.experiments import Objectives

    tasks = {name: task.config()["task"] for name, task in scale.tasks.items()}
    choices = (scale.values.get("choices") or {}).values()
    varied = {task for where in choices for task in where["tasks"]}
    insight = scale.values.get("insight") or {}
    searches: Values = {}
    for search in scale.of_kind(Search):
        config = search.config()
        parts = ("task", "meta", "agents", "search", "comparison")
        name = search.place.split("/")[-1]
        searches.setdefault(search.task, {})[name] = {part: config[part] for part in parts}
    objectives = [_objectives(one) for one in scale.of_kind(Objectives)]
    return {
        "scale": scale.name,
        "tasks": tasks,
        "expert_tasks": {
            name: task_seen(one.composed()["task"]) for name, one in scale.experts.items()
        },
        "choice_tasks": {name: task for name, task in tasks.items() if name in varied},
        "insight_tasks": {name: tasks[name] for name in insight},
        "reward_tasks": {one.task: _rewards(one) for one in scale.of_family("rewards")},
        "mdp_tasks": {one.task: _mdps(one) for one in scale.of_family("mdps")},
        "comparisons": {
            one.place.split("/")[-1]: _comparison(one) for one in scale.of_family("comparisons")
        },
        "objectives": objectives[0] if objectives else {},
        "transform_tasks": {one.task: _transforms(one) for one in scale.of_kind(Transforms)},
        "searches": searches,
    }


def _comparison(one: "Experiment") -> Values:
    trials = {}
    for trial, values in one.trials.items():
        steps = {arm: one.composed(arm, trial)["transfer"]["steps"] for arm in one.judged(trial)}
        trials[trial] = {
            "agent": values["agent"],
            "arms": one.judged(trial),
            "steps": steps,
            "real_steps": one.composed(None, trial)["baseline"]["steps"],
        }
    return {
        "about": one.values["question"],
        "task": task_section(one.task),
        "made": list(one.made),
        "arms": one.arms,
        "agents": {arm: one.makers(arm) for arm in one.arms},
        "trials": trials,
        "claims": one.claims,
    }


def _mdps(one: "Experiment") -> Values:
    training = {}
    for trial in one.trials:
        study = one.composed(None, trial)["transfer"]
        training[trial] = {key: study[key] for key in ("steps", "stop")}
    return {
        **task_section(one.task),
        "evolved": [arm for arm in one.made if not one.fitted(arm)],
        "fitted": [arm for arm in one.made if one.fitted(arm)],
        "evolved_with": one.values["agent"],
        "agents": {name: trial["agent"] for name, trial in one.trials.items()},
        "training": training,
        "claims": one.claims,
    }


def _rewards(one: "Experiment") -> Values:
    kind = next(iter(one.made))
    tuned = {}
    for job in one.jobs():
        if job.stage == "tune":
            config = job.config([])
            ((agent, section),) = config["agents"].items()
            names = [name.rpartition(".")[2] for name in config["search"]["space"]]
            tuned["{baseline}/{trial}".format(**job.labels)] = {
                "agent": agent,
                "steps": config["search"]["budget"]["max"],
                "default": {name: section["hyperparameters"][name] for name in names},
            }

    def repeat(trial: str | None) -> int:
        """Return how many steps of the task an action is (tasks/repeat.py)."""
        steps: int = one.composed(kind, trial)["task"]["options"].get("repeat", 1)
        return steps

    return {
        **task_section(one.task),
        "repeat": {trial: repeat(trial) for trial in one.trials},
        "repeat_evolved": repeat(None),
        "networks": list(one.made),
        "evolved_with": one.values["agent"],
        "baselines": list(one.without),
        "tuned": tuned,
        "agents": {name: trial["agent"] for name, trial in one.trials.items()},
        "claims": one.claims,
    }


def _objectives(one: "Objectives") -> Values:
    tasks = {task: task_seen(one.composed(None, task)["task"]) for task in one.trials}
    return {
        "task": one.task,
        "environment": one.values["environment"],
        "learned": {arm: one.composed(arm)["objective"] for arm in one.made},
        "tasks": tasks,
        "claims": one.claims,
    }


def _transforms(one: Transforms) -> Values:
    meta = one.composed()["meta"]
    of_meta = {name: meta[name] for name in ("generations", "population", "sigma")}
    claims = list(one.values.get("claims", {}).values())
    return {
        **task_section(one.task),
        **of_meta,
        "agent": one.values["agent"],
        "claims": claims,
    }
