rule metatrain:
    input:
        unpack(
            job(
                "metatrain",
                f"{RUN}/metatrain",
                start=start_of("environment.safetensors"),
                start_progress=start_of("progress.parquet"),
            )
        ),
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
        "python -m synthbench metatrain --threads {threads} --spec {input.spec} 2>&1 | tee {log}"
