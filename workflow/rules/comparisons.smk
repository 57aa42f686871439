rule comparison_environment:
    input:
        unpack(job("metatrain", f"{COMPARED}/metatrain")),
    output:
        update(f"{COMPARED}/metatrain/manifest.json"),
        update(f"{COMPARED}/metatrain/environment.safetensors"),
        update(f"{COMPARED}/metatrain/progress.parquet"),
        update(f"{COMPARED}/metatrain/evaluations.parquet"),
    log:
        f"work/{COMPARED}/metatrain/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(f"{COMPARED}/metatrain")
    shell:
        "python -m synthgym metatrain --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule comparison_study:
    input:
        unpack(job("comparison_study", COMPARISON_STUDY, environment=compared)),
    output:
        update(f"{COMPARISON_STUDY}/manifest.json"),
        update(f"{COMPARISON_STUDY}/curves.parquet"),
        update(f"{COMPARISON_STUDY}/episodes.parquet"),
    log:
        f"work/{COMPARISON_STUDY}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(COMPARISON_STUDY)
    shell:
        "python -m synthgym comparison_study --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule comparison_real:
    input:
        unpack(job("baseline", COMPARISON_REAL)),
    output:
        update(f"{COMPARISON_REAL}/manifest.json"),
        update(f"{COMPARISON_REAL}/curves.parquet"),
        update(f"{COMPARISON_REAL}/episodes.parquet"),
    log:
        f"work/{COMPARISON_REAL}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(COMPARISON_REAL)
    shell:
        "python -m synthgym baseline --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule comparison_report:
    input:
        unpack(
            job(
                "comparison_report",
                "results/{scale}/comparison_report",
                progress=of_family(
                    f"{COMPARED}/metatrain/progress.parquet", comparison_plan.made
                ),
                evaluations=of_family(
                    f"{COMPARED}/metatrain/evaluations.parquet", comparison_plan.made
                ),
                plan_progress=made_for_plan,
                curves=of_family(
                    f"{COMPARISON_STUDY}/curves.parquet", comparison_plan.studies
                ),
                real_curves=of_family(
                    f"{COMPARISON_REAL}/curves.parquet", comparison_plan.real
                ),
            )
        ),
    output:
        update("results/{scale}/comparison_report/manifest.json"),
        update("results/{scale}/comparison_report/summary.json"),
        report(
            update("results/{scale}/comparison_report/table.md"),
            caption="../report/comparisons.rst",
            category="comparisons",
            labels={"figure": "Comparisons (table)", "scale": "{scale}"},
        ),
        [
            report(
                update(f"results/{{scale}}/comparison_report/{name}.png"),
                caption="../report/comparisons.rst",
                category="comparisons",
                labels={"figure": name, "scale": "{scale}"},
            )
            for name in COMPARISON_FIGURES
        ],
    log:
        "work/results/{scale}/comparison_report/log",
    resources:
        mem_mb=1000,
    message:
        title("results/{scale}/comparison_report")
    shell:
        "python -m synthgym comparison_report --spec {input.spec} 2>&1 | tee {log}"


rule all_comparisons:
    input:
        f"results/{SCALE}/comparison_report/summary.json"
        if comparison_plan.planned(PLAN, SCALE)
        else [],
    message:
        f"comparisons, scale {SCALE}"
