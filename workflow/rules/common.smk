import atexit
import importlib.util
import os
import shutil
import sys
import time
from functools import cache
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "src"))
# The jobs take this copy of the package, and the Python that runs Snakemake. The first words are
# Snakemake's own prefix, which this replaces: without them a job that fails before its pipe would pass.
shell.prefix(
    "set -euo pipefail; "
    f"export PYTHONPATH='{ROOT}/src' PATH='{Path(sys.executable).parent}':\"$PATH\"; "
)

from synthgym.plan import (
    comparison_plan,
    mdp_plan,
    reward_plan,
    search_plan,
    transform_plan,
)
from synthgym.plan.plan import Plan
from synthgym.core.io import read_json, write_json
from synthgym.jobs.provenance import Provenance
from synthgym.plan.schema import ConfigError

# Where there is a GPU, one job at a time has all of them, or with `--resources gpu=4` each of four jobs its own;
# without one they share the cores. The profile for SLURM asks itself.
GPU = int(shutil.which("nvidia-smi") is not None)
if (slots := workflow.global_resources.get("gpu")) and (slots.value or 1) > 1:
    os.environ.update(SYNTHGYM_GPU_SLOTS=str(slots.value))
SB3 = importlib.util.find_spec("stable_baselines3") is not None  # an extra
RUN = "results/{scale}/tasks/{task}/{environment}/seed{seed}"  # all that belongs to one synthetic environment
TEACHER = "results/{scale}/tasks/{task}/teacher/seed{seed}"  # an agent to distil from
REAL = "results/{scale}/tasks/{task}/real/{agent}"  # an agent trained in the real task
CHOICES = (
    "results/{scale}/choices/{task}/{environment}/{agent}/seed{seed}"  # in distilling
)
CLIENT = "results/{scale}/clients/{task}/{environment}/{client}/seed{seed}"  # an agent of another library
REAL_CLIENT = "results/{scale}/clients/{task}/real/{client}"
INSIGHT = "results/{scale}/insight/{task}/{environment}/seed{seed}"
SEARCH = "results/{scale}/search/{task}/{search}"  # for settings of a meta-training
OBJECTIVE = "results/{scale}/objectives/{objective}"
TRANSFORMS = "results/{scale}/transforms/{studied}"  # of scores, in one task
FIGURES = "results/{scale}/figures/{task}"
DRAWN = ("meta_training", "returns", "effort", "behaviour", "reward_surface")
TRANSFER_FIGURES = ("profiles", "improvement", "efficiency")


wildcard_constraints:
    scale="[a-z]+",
    task="[a-z][a-z0-9_]*",
    environment="(?!(real|teacher)/)[a-z][a-z0-9_]*",
    seed="[0-9]+",
    agent="[a-z][a-z0-9_]*",
    expert="[a-z][a-z0-9_]*",
    client="[a-z][a-z0-9_]*",
    network="(?!(real|tuned)/)[a-z][a-z0-9_]*",
    experiment="[a-z][a-z0-9_]*",
    arm="(?!real/)[a-z][a-z0-9_]*",
    trial="[a-z][a-z0-9_]*",
    baseline="[a-z][a-z0-9_]*",
    tuning="[a-z][a-z0-9_]*",
    objective="[a-z][a-z0-9_]*",
    studied="[a-z][a-z0-9_]*",
    search="[a-z][a-z0-9_]*",
    comparison="[a-z][a-z0-9_]*",


def checked_plan():
    """The plan and the scale in question; what is wrong with them is said before the first job."""
    try:
        plan = Plan(config)
        plan.check(plan.scale)
    except ConfigError as error:
        sys.exit(f"params.yaml: {error}")  # an exception would come with a traceback
    return plan, plan.scale


def forced(stage, out):
    """Whether -f, -F or -R names this job: then it computes again even if nothing changed."""
    dag = workflow.dag_settings
    names = set(dag.forcerun) | (set(dag.targets) if dag.forcetargets else set())
    return (
        dag.forceall or stage in names or any(str(Path(n).parent) == out for n in names)
    )


PLAN, SCALE = checked_plan()
PROVENANCE = Provenance(PLAN.resolve, forced, PLAN.accept_code)
if workflow.is_main_process:
    atexit.register(PROVENANCE.checksum.save)
    atexit.register(PLAN.compositions.save)


def title(out):
    """The line by which a job is known in what Snakemake prints: its directory."""
    return out.replace("{", "{wildcards.")


def job(stage, out, **needs):
    """Input function of a rule: its spec file, and the files it needs."""
    PROVENANCE.rule(stage, out, **needs)

    def inputs(wildcards):
        this = PROVENANCE.job(out.format(**wildcards))
        # In a folder of its own: Snakemake caches the listing of a folder that it has looked into.
        spec = Path("work", this.spec["out"], "spec.json")
        if workflow.is_main_process:
            if this.why and "outdated" not in this.spec:
                # A new time and a new checksum: for Snakemake, an updated input.
                this.spec["outdated"] = f"{time.time_ns()}: {this.why}"
                if "is out of date" not in this.why:  # only the first cause
                    logger.info(f"{this.spec['out']}: {this.why}")
            if read_json(spec) != this.spec:
                write_json(spec, this.spec)
        files = {"spec": [str(spec)], **this.files}
        if this.verified:  # nothing that happens to its inputs can make this job run
            files = {
                k: ancient([f for f in v if Path(f).exists()]) for k, v in files.items()
            }
        return files

    return inputs


def made(name):
    """A file of what made an environment: meta-training, or distillation."""

    def files(wildcards):
        distilled = PLAN.distilled(wildcards["scale"], wildcards["environment"])
        return f"{RUN}/{'distil' if distilled else 'metatrain'}/{name}"

    return files


def start_of(name):
    """The same for the environment where a meta-training begins; nothing where there is none."""

    def files(wildcards):
        scale, task, environment = (
            wildcards[w] for w in ("scale", "task", "environment")
        )
        start = PLAN.start(scale, task, environment)
        return [f"{RUN}/distil/{name}".replace("{environment}", start)] if start else []

    return files


def found(wildcards):
    """The settings that an environment is meta-trained with; nothing where they are the plan's."""
    name = search_plan.whose(PLAN, wildcards["scale"], wildcards["environment"])
    return [f"{SEARCH}/best.json".replace("{search}", name)] if name else []


TOGETHER = "results/{scale}/tasks/{task}/{environment}/group{group}"  # seeds that one job meta-trains
of_one_seed = job(
    "metatrain",
    f"{RUN}/metatrain",
    start=start_of("environment.safetensors"),
    start_progress=start_of("progress.parquet"),
    settings=found,
)


def of_this_seed(wildcards):
    """What a seed's job needs: nothing of its own remains to be done once its group is done."""
    files = of_one_seed(wildcards)
    if not PROVENANCE.job(f"{RUN}/metatrain".format(**wildcards)).verified:
        groups = PLAN.groups(wildcards["scale"], wildcards["environment"])
        for number, seeds in enumerate(groups):
            if int(wildcards["seed"]) in seeds and len(seeds) > 1:
                files["group"] = f"work/{TOGETHER}/done".format(
                    **wildcards, group=number
                )
    return files


def of_group(wildcards):
    """The same of all seeds of a group that have to be meta-trained."""
    of_plan = PLAN.groups(wildcards["scale"], wildcards["environment"])
    files = {"spec": []}
    for seed in of_plan[int(wildcards["group"])]:
        one = {**wildcards, "seed": seed}
        if not PROVENANCE.job(f"{RUN}/metatrain".format(**one)).verified:
            for name, paths in of_one_seed(one).items():
                files.setdefault(name, []).extend(paths)
    return files


REWARDS = "results/{scale}/rewards/{task}"
NETWORK = f"{REWARDS}/{{network}}/seed{{seed}}"  # one reward network
STUDY = f"{REWARDS}/{{network}}/transfer/{{experiment}}"  # agents with all of a kind
MAP = f"{REWARDS}/{{network}}/map"
WITHOUT = f"{REWARDS}/real/{{baseline}}/{{experiment}}"  # agents without one
TUNED = f"{REWARDS}/tuned/{{tuning}}/{{experiment}}"  # a search for their settings


def settings_of_baseline(wildcards):
    """The settings that a search found for agents without a network; nothing where there is none."""
    scale, task, baseline, experiment = (
        wildcards[w] for w in ("scale", "task", "baseline", "experiment")
    )
    where = reward_plan.tuned_in(PLAN, scale, task, baseline, experiment)
    names = {"tuning": baseline, "experiment": where}
    return (
        [f"{TUNED}/best.json".format(scale=scale, task=task, **names)] if where else []
    )


def of_family(path, jobs):
    """A file of each of these jobs that a scale plans."""

    def files(wildcards):
        return [path.format(**job) for job in jobs(PLAN, wildcards["scale"])]

    return files


def of_kind(wildcards):
    """The networks of a kind, one of each seed."""
    seeds = reward_plan.planned(PLAN, wildcards["scale"])[wildcards["task"]]["seeds"]
    return [
        f"{NETWORK}/metatrain/environment.safetensors".format(**wildcards, seed=seed)
        for seed in seeds
    ]


MDPS = "results/{scale}/mdps/{task}"
ARM = f"{MDPS}/{{arm}}"  # synthetic MDPs that were made in the same way
MDP = f"{ARM}/seed{{seed}}"
MDP_STUDY = f"{ARM}/transfer/{{trial}}"  # agents with all of an arm
MDP_REAL = f"{MDPS}/real/{{trial}}"  # agents in the task itself


MDP_FIGURES = ("feasibility", "returns", "histograms", "ranking", "noise")


def of_arm(wildcards):
    """The MDPs of an arm, one of each seed."""
    scale, task, arm = (wildcards[w] for w in ("scale", "task", "arm"))
    stage = "model" if mdp_plan.fitted(PLAN, scale, task, arm) else "metatrain"
    seeds = mdp_plan.seeds(PLAN, scale, task, arm)
    return [
        f"{MDP}/{stage}/environment.safetensors".format(**wildcards, seed=seed)
        for seed in seeds
    ]


def settings_of_arm(wildcards):
    """The settings that an arm is evolved with, where a search is to find them."""
    scale, task, arm = (wildcards[w] for w in ("scale", "task", "arm"))
    name = mdp_plan.found(PLAN, scale, task, arm)
    return [f"{SEARCH}/best.json".replace("{search}", name)] if name else []


def first_of_arm(wildcards):
    return of_arm(wildcards)[:1]


COMPARISON = "results/{scale}/comparisons/{comparison}"
COMPARED = f"{COMPARISON}/{{arm}}/seed{{seed}}"  # one environment that is made for it
COMPARISON_STUDY = (
    f"{COMPARISON}/{{arm}}/transfer/{{trial}}"  # agents with all of an arm
)
COMPARISON_REAL = f"{COMPARISON}/real/{{trial}}"  # agents in the task itself
COMPARISON_FIGURES = [
    f"comparison_{name}" for name in comparison_plan.planned(PLAN, SCALE)
]


def compared(wildcards):
    """The environments of an arm, one of each seed: made for it, or of the plan."""
    scale, name, arm = (wildcards[w] for w in ("scale", "comparison", "arm"))
    of_plan = arm in comparison_plan.planned(PLAN, scale)[name].get("environments", [])
    place = dict(scale=scale, comparison=name, arm=arm, environment=arm)
    place["task"] = comparison_plan.planned(PLAN, scale)[name]["task"]
    path = (
        made("environment.safetensors")(place)
        if of_plan
        else f"{COMPARED}/metatrain/environment.safetensors"
    )
    return [
        path.format(**place, seed=seed)
        for seed in comparison_plan.seeds(PLAN, scale, name, arm)
    ]


def made_for_plan(wildcards):
    """What the making of the plan's environments took that are compared as well."""
    return list(
        dict.fromkeys(
            made("progress.parquet")(job).format(**job)
            for job in comparison_plan.of_plan(PLAN, wildcards["scale"])
        )
    )


TABLES = {  # name -> where its files are
    "progress": [made("progress.parquet")],
    "evaluations": [made("evaluations.parquet")],
    "curves": [f"{RUN}/transfer/{{agent}}/curves.parquet", f"{REAL}/curves.parquet"],
    "episodes": [
        f"{RUN}/transfer/{{agent}}/episodes.parquet",
        f"{REAL}/episodes.parquet",
    ],
    "values": [f"{RUN}/behaviour/values.parquet"],
    "surface": [f"{RUN}/behaviour/surface.parquet"],
    "rollouts": [f"{RUN}/rollout/{{agent}}/rollout.parquet"],
}


def files_of(name, scale, task):
    """All files of a table that a task has at a scale."""
    # What agents see and get is recorded in one environment of each kind, as published, and an
    # episode of one agent there.
    first = slice(1 if name in ("values", "surface", "rollouts") else None)
    one = slice(1 if name == "rollouts" else None)
    jobs = [
        dict(scale=scale, task=task, environment=environment, seed=seed, agent=agent)
        for environment in PLAN.environments(scale, task)
        for seed in PLAN.seeds(scale, environment)[first]
        for agent in PLAN.agents(scale, task)[one]
    ]
    files = [
        (pattern(job) if callable(pattern) else pattern).format(**job)
        for pattern in TABLES[name]
        for job in jobs
    ]
    return list(dict.fromkeys(files))


def tables(name):
    """The same for the wildcards of a job: those of its task, or of all."""

    def files(wildcards):
        scale = wildcards["scale"]
        tasks = [wildcards["task"]] if "task" in wildcards else PLAN.tasks(scale)
        return [file for task in tasks for file in files_of(name, scale, task)]

    return files


def choices_of(wildcards):
    """All tables of the choices in distilling that a scale varies."""
    scale = wildcards["scale"]
    return [
        f"{CHOICES}/choices.parquet".format(
            scale=scale, task=task, environment=environment, agent=agent, seed=seed
        )
        for task, environment, agent, seed in PLAN.choices(scale)
    ]


def looked_into(table):
    """All files of a table of the bandits that a scale looks into."""

    def files(wildcards):
        scale = wildcards["scale"]
        return [
            f"{INSIGHT}/{table}.parquet".format(
                scale=scale, task=task, environment=environment, seed=seed
            )
            for task, environment, seed in PLAN.insights(scale)
        ]

    return files


def stand_in(name):
    """A file of the environment that objectives are meta-trained in; nothing where they are not."""

    def files(wildcards):
        where = PLAN.stand_in(wildcards["scale"], wildcards["objective"])
        return [made(name)(where).format(**where)] if where else []

    return files


def learned(name):
    """A file of the meta-training of an objective, or of all of a scale: one per seed."""

    def files(wildcards):
        plan = PLAN.objectives(wildcards["scale"])
        every = plan.get("learned", {})
        chosen = [wildcards["objective"]] if "objective" in wildcards else every
        return [
            f"{OBJECTIVE}/seed{seed}/{name}".format(
                scale=wildcards["scale"], objective=objective
            )
            for objective in chosen
            if objective in every
            for seed in plan["seeds"]
        ]

    return files


def judged(name):
    """A table of all objectives in all tasks where they are judged."""

    def files(wildcards):
        scale = wildcards["scale"]
        return [
            f"{OBJECTIVE}/judged/{task}/{name}".format(scale=scale, objective=objective)
            for objective in PLAN.judged(scale)
            for task in PLAN.objectives(scale)["judged"]
        ]

    return files


def made_before(wildcards):
    """What the making of the environment took that objectives are meta-trained in."""
    scale = wildcards["scale"]
    everywhere = [
        PLAN.stand_in(scale, name) for name in PLAN.objectives(scale).get("learned", {})
    ]
    paths = [made("progress.parquet")(w).format(**w) for w in everywhere if w]
    return list(dict.fromkeys(paths))


def transforms_of(wildcards):
    """The tables of all tasks in which a scale studies transforms of scores."""
    scale = wildcards["scale"]
    return [
        f"{TRANSFORMS}/runs.parquet".format(scale=scale, studied=task)
        for task in transform_plan.planned(PLAN, scale)
    ]


def of_searches(*names):
    """These files of all searches that a scale plans."""

    def files(wildcards):
        return [
            f"{SEARCH}/{name}".format(**job)
            for job in search_plan.searches(PLAN, wildcards["scale"])
            for name in names
        ]

    return files


def experts_of(table):
    """All files of a table that the experts of a scale have."""

    def files(wildcards):
        return [
            f"results/{wildcards['scale']}/experts/{task}/{agent}/{table}.parquet"
            for task, agents in PLAN.experts(wildcards["scale"]).items()
            for agent in agents
        ]

    return files


def jobs_of_clients(scale):
    """The directories of all agents of Stable-Baselines3 that a scale plans."""
    jobs = [
        dict(scale=scale, task=task, environment=environment, client=client, seed=seed)
        for task, environment, client, seed in PLAN.clients(scale)
    ]
    places = [place.format(**job) for place in (CLIENT, REAL_CLIENT) for job in jobs]
    return list(dict.fromkeys(places))


@cache
def clients_here(scale):
    """Those of them that can be trained here, or are up to date.

    So the rest of a scale is computed where Stable-Baselines3 is not, and shows no old number.
    """
    places = jobs_of_clients(scale)
    here = [place for place in places if SB3 or PROVENANCE.job(place).verified]
    if len(here) < len(places) and workflow.is_main_process:
        logger.warning(
            f"{len(places) - len(here)} jobs of scale {scale} are left out: they train agents of Stable-Baselines3, "
            f"which is not here. `make clients SCALE={scale}` installs it and trains them."
        )
    return here


def clients_of(table):
    """All files of a table of these agents."""

    def files(wildcards):
        return [
            f"{place}/{table}.parquet" for place in clients_here(wildcards["scale"])
        ]

    return files


def results_of(task):
    """All that is computed for a task at the chosen scale, but no figures."""
    return [file for name in TABLES for file in files_of(name, SCALE, task)]


def figures_of(task):
    return f"results/{SCALE}/figures/{task}/manifest.json"


def figures_shown(wildcards):
    """All figures of the tasks of a scale."""
    scale = wildcards["scale"]
    return [
        f"{FIGURES}/{name}.png".format(scale=scale, task=task)
        for task in PLAN.tasks(scale)
        for name in DRAWN
    ]


def report_of(directory, figures, planned):
    """Table and figures of a report that not every scale has."""

    def files(wildcards):
        names = ["table.md", *figures] if planned(wildcards["scale"]) else []
        return [f"results/{wildcards['scale']}/{directory}/{name}" for name in names]

    return files


SHOWN = {  # on the page of a scale
    "summary": "results/{scale}/summary.json",
    "figures": figures_shown,
    "transfers": report_of(
        "transfer_report",
        [f"transfer_{name}.png" for name in TRANSFER_FIGURES],
        PLAN.tasks,
    ),
    "experts": report_of("expert_report", ["learning_curves.png"], PLAN.experts),
    "choices": report_of("choice_report", ["choices.png"], PLAN.choices),
    "rewards": report_of(
        "reward_report",
        ["reward_curves.png", "reward_map.png"],
        lambda scale: reward_plan.planned(PLAN, scale),
    ),
    "insight": report_of("insight_report", ["insight.png"], PLAN.insights),
    "mdps": report_of(
        "mdp_report",
        [f"mdp_{name}.png" for name in MDP_FIGURES],
        lambda scale: mdp_plan.planned(PLAN, scale),
    ),
    "objectives": report_of(
        "objective_report", ["objective_learning.png", "drifts.png"], PLAN.objectives
    ),
    "transforms": report_of(
        "transform_report",
        ["transforms.png"],
        lambda scale: transform_plan.planned(PLAN, scale),
    ),
    "comparisons": report_of(
        "comparison_report",
        [f"{name}.png" for name in COMPARISON_FIGURES],
        lambda scale: comparison_plan.planned(PLAN, scale),
    ),
    "searches": report_of("search_report", ["search.png"], PLAN.searches),
    "rollouts": tables("rollouts"),
}


def manifests_behind(wildcards):
    """The manifest of every job that something on the page comes from, however far back."""
    shown = [
        path.format(**wildcards)
        for need in SHOWN.values()
        for path in ([need] if isinstance(need, str) else need(wildcards))
    ]
    return [f"{place}/manifest.json" for place in PROVENANCE.behind(shown)]
