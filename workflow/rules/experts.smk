EXPERT = "results/{scale}/experts/{task}/{expert}"  # tuned for the task, trained in it


rule expert:
    input:
        unpack(job("expert", EXPERT)),
    output:
        update(f"{EXPERT}/manifest.json"),
        update(f"{EXPERT}/curves.parquet"),
        update(f"{EXPERT}/episodes.parquet"),
    log:
        f"work/{EXPERT}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=3000,
    message:
        title(EXPERT)
    shell:
        "python -m synthgym expert --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule experts:
    input:
        unpack(
            job(
                "experts",
                "results/{scale}/expert_report",
                curves=experts_of("curves"),
                episodes=experts_of("episodes"),
            )
        ),
    output:
        update("results/{scale}/expert_report/manifest.json"),
        update("results/{scale}/expert_report/summary.json"),
        report(
            update("results/{scale}/expert_report/table.md"),
            caption="../report/experts.rst",
            category="experts",
            labels={"figure": "Table", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/expert_report/learning_curves.png"),
            caption="../report/experts.rst",
            category="experts",
            labels={"figure": "Learning curves", "scale": "{scale}"},
        ),
    log:
        "work/results/{scale}/expert_report/log",
    resources:
        mem_mb=1000,
    message:
        title("results/{scale}/expert_report")
    shell:
        "python -m synthgym experts --spec {input.spec} 2>&1 | tee {log}"


rule all_experts:
    input:
        f"results/{SCALE}/expert_report/summary.json" if PLAN.experts(SCALE) else [],
    message:
        f"the experts of scale {SCALE}"
