rule metatrain_together:
    input:
        unpack(of_group),
    output:
        touch(f"work/{TOGETHER}/done"),
    log:
        f"work/{TOGETHER}/log",
    threads: workflow.cores or 1
    resources:
        gpu=GPU,
        mem_mb=4000,
    message:
        title(TOGETHER)
    shell:
        "python -m synthgym metatrain --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule metatrain:
    input:
        unpack(of_this_seed),
    output:
        update(f"{RUN}/metatrain/manifest.json"),
        update(f"{RUN}/metatrain/environment.safetensors"),
        update(f"{RUN}/metatrain/progress.parquet"),
        update(f"{RUN}/metatrain/evaluations.parquet"),
    log:
        f"work/{RUN}/metatrain/log",
    threads: workflow.cores or 1
    resources:
        gpu=GPU,
        mem_mb=4000,
    message:
        title(f"{RUN}/metatrain")
    shell:
        "python -m synthgym metatrain --threads {threads} --spec {input.spec} 2>&1 | tee {log}"
