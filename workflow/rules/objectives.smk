rule objective:
    input:
        unpack(
            job(
                "objective",
                f"{OBJECTIVE}/seed{{seed}}",
                environment=stand_in("environment.safetensors"),
            )
        ),
    output:
        update(f"{OBJECTIVE}/seed{{seed}}/manifest.json"),
        update(f"{OBJECTIVE}/seed{{seed}}/objective.safetensors"),
        update(f"{OBJECTIVE}/seed{{seed}}/progress.parquet"),
        update(f"{OBJECTIVE}/seed{{seed}}/evaluations.parquet"),
        update(f"{OBJECTIVE}/seed{{seed}}/drift.parquet"),
    log:
        f"work/{OBJECTIVE}/seed{{seed}}/log",
    threads: workflow.cores or 1
    resources:
        gpu=GPU,
        mem_mb=3000,
    message:
        title(f"{OBJECTIVE}/seed{{seed}}")
    shell:
        "python -m synthgym objective --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule judge:
    input:
        unpack(
            job(
                "judge",
                f"{OBJECTIVE}/judged/{{task}}",
                objective=learned("objective.safetensors"),
            )
        ),
    output:
        update(f"{OBJECTIVE}/judged/{{task}}/manifest.json"),
        update(f"{OBJECTIVE}/judged/{{task}}/curves.parquet"),
        update(f"{OBJECTIVE}/judged/{{task}}/episodes.parquet"),
    log:
        f"work/{OBJECTIVE}/judged/{{task}}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(f"{OBJECTIVE}/judged/{{task}}")
    shell:
        "python -m synthgym judge --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule objective_report:
    input:
        unpack(
            job(
                "objective_report",
                "results/{scale}/objective_report",
                curves=judged("curves.parquet"),
                progress=learned("progress.parquet"),
                evaluations=learned("evaluations.parquet"),
                drift=learned("drift.parquet"),
                environment=made_before,
            )
        ),
    output:
        update("results/{scale}/objective_report/manifest.json"),
        update("results/{scale}/objective_report/summary.json"),
        report(
            update("results/{scale}/objective_report/table.md"),
            caption="../report/objectives.rst",
            category="objectives",
            labels={"figure": "Objectives (table)", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/objective_report/objective_learning.png"),
            caption="../report/objectives.rst",
            category="objectives",
            labels={"figure": "Learning by each objective", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/objective_report/drifts.png"),
            caption="../report/drifts.rst",
            category="objectives",
            labels={"figure": "Drift functions", "scale": "{scale}"},
        ),
    log:
        "work/results/{scale}/objective_report/log",
    resources:
        mem_mb=1000,
    message:
        title("results/{scale}/objective_report")
    shell:
        "python -m synthgym objective_report --spec {input.spec} 2>&1 | tee {log}"


rule all_objectives:
    input:
        f"results/{SCALE}/objective_report/summary.json"
        if PLAN.objectives(SCALE)
        else [],
    message:
        f"meta-trained objectives, scale {SCALE}"
