"""What do reports know of a plan, and which files do they read?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from synthgym.jobs.planned import Job, experiments
from synthgym.plan.experiments import Experiment
from synthgym.plan.layers import Values
from synthgym.plan.objectives import Objectives
from synthgym.plan.schema import definition
from synthgym.plan.sweeps import Search, Transforms
from synthgym.plan.views import task_section, task_seen
from synthgym.stages import CAPTIONS, STAGES

if TYPE_CHECKING:
    from synthgym.plan.scale import ScalePlan

Jobs = Mapping[str, Job]
OF_FILES = {"insight_report": "insight", "transfer_report": "transfer"}  # whose claims they judge
DESIGN = "src/synthgym/analysis/page/page"
# report -> its inputs -> the file, and the jobs that leave it: `family/` and stages
INPUTS: Mapping[str, Mapping[str, str]] = {
    "figures": {
        "progress": "progress.parquet of tasks/ metatrain distil grade",
        "evaluations": "evaluations.parquet of tasks/ metatrain distil grade",
        "curves": "curves.parquet of tasks/ transfer baseline",
        "episodes": "episodes.parquet of tasks/ transfer baseline",
        "expert_curves": "curves.parquet of expert",
        "rival_curves": "curves.parquet of rival",
        "values": "values.parquet of tasks/ behaviour",
        "surface": "surface.parquet of tasks/ behaviour",
        "rollouts": "rollout.parquet of tasks/ rollout",
    },
    "summary": {
        "curves": "curves.parquet of tasks/ transfer baseline",
        "episodes": "episodes.parquet of tasks/ transfer baseline",
        "progress": "progress.parquet of tasks/ metatrain distil grade",
        "evaluations": "evaluations.parquet of tasks/ metatrain distil grade",
        "client_curves": "curves.parquet of clients client_baseline",
        "client_episodes": "episodes.parquet of clients client_baseline",
        "expert_curves": "curves.parquet of expert",
        "rival_curves": "curves.parquet of rival",
    },
    "transfer_report": {
        "curves": "curves.parquet of tasks/ transfer baseline",
        "progress": "progress.parquet of tasks/ metatrain distil grade",
        "evaluations": "evaluations.parquet of tasks/ metatrain distil grade",
        "expert_curves": "curves.parquet of expert",
    },
    "expert_report": {
        "curves": "curves.parquet of expert",
        "episodes": "episodes.parquet of expert",
    },
    "choice_report": {"choices": "choices.parquet of choices"},
    "insight_report": {
        "policies": "policies.parquet of insight",
        "importance": "importance.parquet of insight",
        "symmetry": "symmetry.parquet of insight",
        "states": "states.parquet of insight",
    },
    "reward_report": {
        "progress": "progress.parquet of rewards/ metatrain",
        "networks": "curves.parquet of rewards/ study",
        "without": "curves.parquet of rewards/ baseline",
        "maps": "rewards.parquet of rewards/ reward_map",
        "best": "best.json of rewards/ tune",
        "tried": "trials.parquet of rewards/ tune",
    },
    "mdp_report": {
        "progress": "progress.parquet of mdps/ metatrain",
        "evaluations": "evaluations.parquet of mdps/ metatrain",
        "model_progress": "progress.parquet of mdps/ model",
        "curves": "curves.parquet of mdps/ study",
        "episodes": "episodes.parquet of mdps/ study",
        "real_curves": "curves.parquet of mdps/ baseline",
        "real_episodes": "episodes.parquet of mdps/ baseline",
        "values": "values.parquet of mdps/ behaviour",
        "noise": "noise.parquet of mdps/ noise",
    },
    "objective_report": {
        "curves": "curves.parquet of judge",
        "progress": "progress.parquet of objective",
        "evaluations": "evaluations.parquet of objective",
        "drift": "drift.parquet of objective",
    },
    "transform_report": {"runs": "runs.parquet of transform_study"},
    "search_report": {
        "trials": "trials.parquet of search",
        "best": "best.json of search",
        "importance": "importance.json of search",
        "comparison": "comparison.parquet of search_comparison",
    },
    "comparison_report": {
        "progress": "progress.parquet of comparisons/ metatrain distil grade",
        "evaluations": "evaluations.parquet of comparisons/ metatrain distil grade",
        "environments": "environment.safetensors of comparisons/ distil grade",
        "curves": "curves.parquet of comparisons/ study",
        "real_curves": "curves.parquet of comparisons/ baseline",
    },
}


def jobs(scale: "ScalePlan", planned: Jobs) -> Iterator[Job]:
    """List the reports of a scale, the figures of its tasks, and its page."""
    found = list(_reports(scale, planned))
    yield from found
    yield _page(scale, {**planned, **{job.out: job for job in found}})


def _reports(scale: "ScalePlan", planned: Jobs) -> Iterator[Job]:
    for name, inputs in INPUTS.items():
        for task in scale.tasks if name == "figures" else [None]:
            needs = {kind: _files(planned, files, task) for kind, files in inputs.items()}
            if name == "comparison_report":
                needs["plan_progress"] = _of_plan(scale)
            if name == "objective_report":
                needs["environment"] = _stand_ins(scale)
            if any(needs.values()):
                labels = {"scale": scale.name, **({"task": task} if task else {})}
                place = STAGES[name].places[0].format(**labels)
                yield Job(name, place, labels, _config(scale, name, task), needs)


def _files(planned: Jobs, which: str, task: str | None) -> list[str]:
    """Return these files, of a task where one is given."""
    file, _, stages = which.partition(" of ")
    family, _, names = stages.rpartition("/ ")
    return [
        f"{job.out}/{file}"
        for job in planned.values()
        if job.stage in names.split()
        and (not family or job.labels.get("family") == family)
        and (task is None or job.labels["task"] == task)
    ]


def _of_plan(scale: "ScalePlan") -> list[str]:
    """Return what the making of the scale's environments took that are compared as well."""
    files = [
        scale.tasks[one.task].file(environment, seed, "progress.parquet")
        for one in scale.of_family("comparisons")
        for environment in one.values.get("environments", [])
        for seed in scale.tasks[one.task].seeds(environment)
    ]
    return list(dict.fromkeys(files))


def _stand_ins(scale: "ScalePlan") -> list[str]:
    """Return what the making of the environment took that objectives are meta-trained in."""
    every = [one for one in scale.of_kind(Objectives) if any(map(one.synthetic, one.made))]
    return [file for one in every for file in one.stand_in["progress"]]


def _page(scale: "ScalePlan", planned: Jobs) -> Job:
    """Return the page: it shows every report and figure, and says where they come from."""
    shown = [
        f"{job.out}/{file}"
        for job in planned.values()
        if STAGES[job.stage].report
        for file in (
            *(name for name in STAGES[job.stage].outputs if name != "summary.json"),
            *(["summary.json"] if job.stage == "summary" else []),
            *(name for name, _ in STAGES[job.stage].drawn(experiments(planned))),
        )
    ]
    needs = {
        "reports": shown,
        "manifests": [f"{out}/manifest.json" for out in sorted(planned)],
        "captions": [f"workflow/report/{name}.rst" for name in CAPTIONS],
        "design": [f"{DESIGN}.{kind}" for kind in ("html", "css", "js")],
        "stages": ["src/synthgym/stages.yaml"],  # titles of figures, what each job is called
    }
    labels = {"scale": scale.name}
    return Job("page", f"results/{scale.name}/page", labels, _config(scale, "page"), needs)


def _config(
    scale: "ScalePlan", report: str, task: str | None = None
) -> Callable[[Sequence[str]], Values]:
    def config(overrides: Sequence[str]) -> Values:
        if task is not None:
            return {"scale": scale.name, "task": scale.tasks[task].config()["task"]}
        return {**knowledge(scale), "claims": _claims(scale, report)}

    return config


def _claims(scale: "ScalePlan", report: str) -> list[Values]:
    """Return the claims of a report that is about no experiment in particular."""
    if report in OF_FILES:
        return list(definition("experiment", OF_FILES[report])["claims"].values())
    return [claim for search in scale.of_kind(Search) for claim in search.claims][:1]


def knowledge(scale: "ScalePlan") -> Values:
    """Return what reports about no task in particular are told of a scale."""
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


def _comparison(one: Experiment) -> Values:
    trials = {}
    for trial, values in one.trials.items():
        steps = {arm: one.composed(arm, trial)["transfer"]["steps"] for arm in one.judged(trial)}
        in_task = one.composed(None, trial)["baseline"]
        trials[trial] = {
            "agent": values["agent"],
            "arms": one.judged(trial),
            "steps": steps,
            "real_steps": in_task["steps"],
            **({"repeats": in_task["repeats"]} if in_task["repeats"] > 1 else {}),
        }
    return {
        "about": one.values["question"],
        "task": task_section(one.task),
        "made": list(one.made),
        "arms": one.arms,
        "agents": {arm: one.makers(arm) for arm in one.arms},
        "trials": trials,
        "claims": one.claims,
        **({"along": one.values["along"]} if "along" in one.values else {}),
    }


def _mdps(one: Experiment) -> Values:
    training = {}
    for trial in one.trials:
        study = one.composed(None, trial)["transfer"]
        training[trial] = {key: study[key] for key in ("steps", "stop")}
    return {
        **task_section(one.task),
        "evolved": [arm for arm in one.made if one.maker(arm) == "metatrain"],
        "fitted": [arm for arm in one.made if one.maker(arm) == "model"],
        "evolved_with": one.values["agent"],
        "agents": {name: trial["agent"] for name, trial in one.trials.items()},
        "training": training,
        "claims": one.claims,
    }


def _rewards(one: Experiment) -> Values:
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


def _objectives(one: Objectives) -> Values:
    tasks = {task: task_seen(one.composed(None, task)["task"]) for task in one.trials}
    return {
        "task": one.task,
        "environment": one.values["environment"],
        "learned": {
            arm: one.composed(arm)["objective"] | ({"beside": beside} if beside else {})
            for arm, beside in ((arm, one.beside(arm)) for arm in one.made)
        },
        "tasks": tasks,
        "claims": one.claims,
    }


def _transforms(one: Transforms) -> Values:
    meta = one.composed()["meta"]
    of_meta = {name: meta[name] for name in ("generations", "population", "sigma")}
    return {
        **task_section(one.task),
        **of_meta,
        "agent": one.values["agent"],
        "claims": one.claims,
    }
