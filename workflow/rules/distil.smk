rule teacher:
    input:
        unpack(job("teacher", TEACHER)),
    output:
        update(f"{TEACHER}/manifest.json"),
        update(f"{TEACHER}/policy.safetensors"),
        update(f"{TEACHER}/progress.parquet"),
        update(f"{TEACHER}/episodes.parquet"),
    log:
        f"work/{TEACHER}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=3000,
    message:
        title(TEACHER)
    shell:
        "python -m synthgym teacher --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule distil:
    input:
        unpack(
            job(
                "distil",
                f"{RUN}/distil",
                policy=f"{TEACHER}/policy.safetensors",
                progress=f"{TEACHER}/progress.parquet",
            )
        ),
    output:
        update(f"{RUN}/distil/manifest.json"),
        update(f"{RUN}/distil/environment.safetensors"),
        update(f"{RUN}/distil/progress.parquet"),
        update(f"{RUN}/distil/evaluations.parquet"),
    log:
        f"work/{RUN}/distil/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(f"{RUN}/distil")
    shell:
        "python -m synthgym distil --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule choices:
    input:
        unpack(job("choices", CHOICES, policy=f"{TEACHER}/policy.safetensors")),
    output:
        update(f"{CHOICES}/manifest.json"),
        update(f"{CHOICES}/choices.parquet"),
    log:
        f"work/{CHOICES}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(CHOICES)
    shell:
        "python -m synthgym choices --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule choice_report:
    input:
        unpack(
            job("choice_report", "results/{scale}/choice_report", choices=choices_of)
        ),
    output:
        update("results/{scale}/choice_report/manifest.json"),
        update("results/{scale}/choice_report/summary.json"),
        report(
            update("results/{scale}/choice_report/table.md"),
            caption="../report/choices.rst",
            category="distillation",
            labels={"figure": "Choices (table)", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/choice_report/choices.png"),
            caption="../report/choices.rst",
            category="distillation",
            labels={"figure": "Choices", "scale": "{scale}"},
        ),
    log:
        "work/results/{scale}/choice_report/log",
    resources:
        mem_mb=1000,
    message:
        title("results/{scale}/choice_report")
    shell:
        "python -m synthgym choice_report --spec {input.spec} 2>&1 | tee {log}"


rule all_choices:
    input:
        f"results/{SCALE}/choice_report/summary.json" if PLAN.choices(SCALE) else [],
    message:
        f"choices in distilling, scale {SCALE}"
