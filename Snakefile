configfile: "params.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/metatrain.smk"
include: "workflow/rules/distil.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/rewards.smk"
include: "workflow/rules/insight.smk"
include: "workflow/rules/mdps.smk"
include: "workflow/rules/objectives.smk"
include: "workflow/rules/transforms.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/comparisons.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/experts.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/clients.smk"


rule all_tasks:
    input:
        f"results/{SCALE}/summary.json",
        [results_of(task) for task in PLAN.tasks(SCALE)],
        [figures_of(task) for task in PLAN.tasks(SCALE)],
    message:
        f"the tasks of scale {SCALE}"


rule all:
    default_target: True
    input:
        rules.all_tasks.input,
        rules.all_transfer.input,
        rules.all_experts.input,
        rules.all_choices.input,
        rules.all_rewards.input,
        rules.all_insight.input,
        rules.all_mdps.input,
        rules.all_objectives.input,
        rules.all_transforms.input,
        rules.all_search.input,
        rules.all_comparisons.input,
        f"results/{SCALE}/page/report.html",
    message:
        f"all of scale {SCALE}"


for task in PLAN.tasks(SCALE):  # `snakemake task_cartpole`, for dvc.yaml

    rule:
        name:
            f"task_{task}"
        input:
            results_of(task),
        message:
            f"{task}, scale {SCALE}"
