rule insight:
    input:
        unpack(job("insight", INSIGHT, environment=made("environment.safetensors"))),
    output:
        update(f"{INSIGHT}/manifest.json"),
        update(f"{INSIGHT}/policies.parquet"),
        update(f"{INSIGHT}/importance.parquet"),
        update(f"{INSIGHT}/symmetry.parquet"),
        update(f"{INSIGHT}/states.parquet"),
    log:
        f"work/{INSIGHT}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(INSIGHT)
    shell:
        "python -m synthgym insight --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule insight_report:
    input:
        unpack(
            job(
                "insight_report",
                "results/{scale}/insight_report",
                policies=looked_into("policies"),
                importance=looked_into("importance"),
                symmetry=looked_into("symmetry"),
                states=looked_into("states"),
            )
        ),
    output:
        update("results/{scale}/insight_report/manifest.json"),
        update("results/{scale}/insight_report/summary.json"),
        report(
            update("results/{scale}/insight_report/table.md"),
            caption="../report/insight.rst",
            category="bandits",
            labels={"figure": "What bandits know (table)", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/insight_report/insight.png"),
            caption="../report/insight.rst",
            category="bandits",
            labels={"figure": "What bandits know", "scale": "{scale}"},
        ),
    log:
        "work/results/{scale}/insight_report/log",
    resources:
        mem_mb=1000,
    message:
        title("results/{scale}/insight_report")
    shell:
        "python -m synthgym insight_report --spec {input.spec} 2>&1 | tee {log}"


rule all_insight:
    input:
        f"results/{SCALE}/insight_report/summary.json" if PLAN.insights(SCALE) else [],
    message:
        f"what bandits know, scale {SCALE}"
