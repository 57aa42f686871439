report: "workflow/report/workflow.rst"


# The method, step by step. A line per stage, whose row is in src/synthgym/stages.yaml; the jobs are in the plan.
include: "workflow/rules/common.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/make.smk"
include: "workflow/rules/judge.smk"
include: "workflow/rules/look.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        [
            f"{out}/manifest.json"
            for out, job in JOBS.items()
            if STAGES[job.stage].report
        ],
    message:
        f"all of scale {SCALE}"


target(
    "all_tasks",
    "tasks",
    jobs_below("tasks") + jobs_below("figures") + [f"results/{SCALE}"],
)
target("all_clients", "agents of Stable-Baselines3", jobs_below("clients"))
for task in dict.fromkeys(JOBS[out].labels["task"] for out in jobs_below("tasks")):
    target(f"task_{task}", task, jobs_below(f"tasks/{task}"))  # for dvc.yaml
for name, experiment in PLAN[SCALE].experiments.items():
    place = experiment.place.removeprefix(f"results/{SCALE}/")
    target(f"experiment_{name}", name, jobs_below(place))

refuse_unknown_targets()
