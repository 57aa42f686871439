rule reward_network:
    input:
        unpack(job("metatrain", f"{NETWORK}/metatrain")),
    output:
        update(f"{NETWORK}/metatrain/manifest.json"),
        update(f"{NETWORK}/metatrain/environment.safetensors"),
        update(f"{NETWORK}/metatrain/progress.parquet"),
        update(f"{NETWORK}/metatrain/evaluations.parquet"),
    log:
        f"work/{NETWORK}/metatrain/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(f"{NETWORK}/metatrain")
    shell:
        "python -m synthgym metatrain --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule reward_study:
    input:
        unpack(job("reward_study", STUDY, environment=of_kind)),
    output:
        update(f"{STUDY}/manifest.json"),
        update(f"{STUDY}/curves.parquet"),
        update(f"{STUDY}/episodes.parquet"),
    log:
        f"work/{STUDY}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(STUDY)
    shell:
        "python -m synthgym reward_study --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule without_network:
    input:
        unpack(job("baseline", WITHOUT, settings=settings_of_baseline)),
    output:
        update(f"{WITHOUT}/manifest.json"),
        update(f"{WITHOUT}/curves.parquet"),
        update(f"{WITHOUT}/episodes.parquet"),
    log:
        f"work/{WITHOUT}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(WITHOUT)
    shell:
        "python -m synthgym baseline --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule tune:
    input:
        unpack(job("tune", TUNED)),
    output:
        update(f"{TUNED}/manifest.json"),
        update(f"{TUNED}/trials.parquet"),
        update(f"{TUNED}/best.json"),
        update(f"{TUNED}/importance.json"),
    log:
        f"work/{TUNED}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(TUNED)
    shell:
        "python -m synthgym tune --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule reward_map:
    input:
        unpack(job("reward_map", MAP, environment=of_kind)),
    output:
        update(f"{MAP}/manifest.json"),
        update(f"{MAP}/rewards.parquet"),
    log:
        f"work/{MAP}/log",
    threads: 1
    resources:
        mem_mb=1000,
    message:
        title(MAP)
    shell:
        "python -m synthgym reward_map --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule reward_report:
    input:
        unpack(
            job(
                "reward_report",
                "results/{scale}/reward_report",
                progress=of_family(
                    f"{NETWORK}/metatrain/progress.parquet", reward_plan.networks
                ),
                networks=of_family(f"{STUDY}/curves.parquet", reward_plan.studies),
                without=of_family(f"{WITHOUT}/curves.parquet", reward_plan.without),
                maps=of_family(f"{MAP}/rewards.parquet", reward_plan.maps),
                best=of_family(f"{TUNED}/best.json", reward_plan.tunings),
                tried=of_family(f"{TUNED}/trials.parquet", reward_plan.tunings),
            )
        ),
    output:
        update("results/{scale}/reward_report/manifest.json"),
        update("results/{scale}/reward_report/summary.json"),
        report(
            update("results/{scale}/reward_report/table.md"),
            caption="../report/reward_curves.rst",
            category="reward networks",
            labels={"figure": "Reward networks (table)", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/reward_report/reward_curves.png"),
            caption="../report/reward_curves.rst",
            category="reward networks",
            labels={"figure": "Learning curves", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/reward_report/reward_map.png"),
            caption="../report/reward_map.rst",
            category="reward networks",
            labels={"figure": "Learned rewards", "scale": "{scale}"},
        ),
    log:
        "work/results/{scale}/reward_report/log",
    resources:
        mem_mb=1000,
    message:
        title("results/{scale}/reward_report")
    shell:
        "python -m synthgym reward_report --spec {input.spec} 2>&1 | tee {log}"


rule all_rewards:
    input:
        f"results/{SCALE}/reward_report/summary.json"
        if reward_plan.planned(PLAN, SCALE)
        else [],
    message:
        f"reward networks, scale {SCALE}"
