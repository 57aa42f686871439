rule transfer:
    input:
        unpack(
            job(
                "transfer",
                f"{RUN}/transfer/{{agent}}",
                environment=made("environment.safetensors"),
            )
        ),
    output:
        update(f"{RUN}/transfer/{{agent}}/manifest.json"),
        update(f"{RUN}/transfer/{{agent}}/curves.parquet"),
        update(f"{RUN}/transfer/{{agent}}/episodes.parquet"),
    log:
        f"work/{RUN}/transfer/{{agent}}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(f"{RUN}/transfer/{{agent}}")
    shell:
        "python -m synthgym transfer --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule baseline:
    input:
        unpack(job("baseline", REAL)),
    output:
        update(f"{REAL}/manifest.json"),
        update(f"{REAL}/curves.parquet"),
        update(f"{REAL}/episodes.parquet"),
    log:
        f"work/{REAL}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(REAL)
    shell:
        "python -m synthgym baseline --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule behaviour:
    input:
        unpack(
            job(
                "behaviour",
                f"{RUN}/behaviour",
                environment=made("environment.safetensors"),
            )
        ),
    output:
        update(f"{RUN}/behaviour/manifest.json"),
        update(f"{RUN}/behaviour/values.parquet"),
        update(f"{RUN}/behaviour/surface.parquet"),
    log:
        f"work/{RUN}/behaviour/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(f"{RUN}/behaviour")
    shell:
        "python -m synthgym behaviour --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule rollout:
    input:
        unpack(
            job(
                "rollout",
                f"{RUN}/rollout/{{agent}}",
                environment=made("environment.safetensors"),
            )
        ),
    output:
        update(f"{RUN}/rollout/{{agent}}/manifest.json"),
        update(f"{RUN}/rollout/{{agent}}/rollout.parquet"),
    log:
        f"work/{RUN}/rollout/{{agent}}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(f"{RUN}/rollout/{{agent}}")
    shell:
        "python -m synthgym rollout --threads {threads} --spec {input.spec} 2>&1 | tee {log}"
