# Numbers, tables and figures; the name by which each is asked for with all that it needs.

stage("figures")  # of a task
stage("summary")  # all tasks
for name, report_stage in {
    "transfer": "transfer_report",
    "experts": "expert_report",
    "choices": "choice_report",
    "rewards": "reward_report",
    "insight": "insight_report",
    "mdps": "mdp_report",
    "objectives": "objective_report",
    "transforms": "transform_report",
    "search": "search_report",
    "comparisons": "comparison_report",
}.items():
    stage(report_stage)
    target(f"all_{name}", name, [f"results/{SCALE}/{report_stage}"])
stage("page")  # everything on one page
