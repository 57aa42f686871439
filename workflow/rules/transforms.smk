rule transform_study:
    input:
        unpack(job("transform_study", TRANSFORMS)),
    output:
        update(f"{TRANSFORMS}/manifest.json"),
        update(f"{TRANSFORMS}/runs.parquet"),
    log:
        f"work/{TRANSFORMS}/log",
    threads: workflow.cores or 1
    resources:
        gpu=GPU,
        mem_mb=3000,
    message:
        title(TRANSFORMS)
    shell:
        "python -m synthgym transform_study --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule transform_report:
    input:
        unpack(
            job(
                "transform_report",
                "results/{scale}/transform_report",
                runs=transforms_of,
            )
        ),
    output:
        update("results/{scale}/transform_report/manifest.json"),
        update("results/{scale}/transform_report/summary.json"),
        report(
            update("results/{scale}/transform_report/table.md"),
            caption="../report/transforms.rst",
            category="score transforms",
            labels={"figure": "Score transforms (table)", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/transform_report/transforms.png"),
            caption="../report/transforms.rst",
            category="score transforms",
            labels={"figure": "Score over step size", "scale": "{scale}"},
        ),
    log:
        "work/results/{scale}/transform_report/log",
    resources:
        mem_mb=1000,
    message:
        title("results/{scale}/transform_report")
    shell:
        "python -m synthgym transform_report --spec {input.spec} 2>&1 | tee {log}"


rule all_transforms:
    input:
        f"results/{SCALE}/transform_report/summary.json"
        if transform_plan.planned(PLAN, SCALE)
        else [],
    message:
        f"transforms of scores, scale {SCALE}"
