rule clients:
    input:
        unpack(job("clients", CLIENT, environment=made("environment.safetensors"))),
    output:
        update(f"{CLIENT}/manifest.json"),
        update(f"{CLIENT}/curves.parquet"),
        update(f"{CLIENT}/episodes.parquet"),
    log:
        f"work/{CLIENT}/log",
    threads: 1
    resources:
        mem_mb=2000,
    message:
        title(CLIENT)
    shell:
        "python -m synthgym clients --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule client_baseline:
    input:
        unpack(job("client_baseline", REAL_CLIENT)),
    output:
        update(f"{REAL_CLIENT}/manifest.json"),
        update(f"{REAL_CLIENT}/curves.parquet"),
        update(f"{REAL_CLIENT}/episodes.parquet"),
    log:
        f"work/{REAL_CLIENT}/log",
    threads: 1
    resources:
        mem_mb=2000,
    message:
        title(REAL_CLIENT)
    shell:
        "python -m synthgym client_baseline --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule all_clients:
    input:
        [f"{place}/manifest.json" for place in jobs_of_clients(SCALE)],
    message:
        f"agents of Stable-Baselines3, scale {SCALE}"
