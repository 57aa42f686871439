rule mdp:
    input:
        unpack(job("metatrain", f"{MDP}/metatrain", settings=settings_of_arm)),
    output:
        update(f"{MDP}/metatrain/manifest.json"),
        update(f"{MDP}/metatrain/environment.safetensors"),
        update(f"{MDP}/metatrain/progress.parquet"),
        update(f"{MDP}/metatrain/evaluations.parquet"),
    log:
        f"work/{MDP}/metatrain/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(f"{MDP}/metatrain")
    shell:
        "python -m synthgym metatrain --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule mdp_model:
    input:
        unpack(job("model", f"{MDP}/model")),
    output:
        update(f"{MDP}/model/manifest.json"),
        update(f"{MDP}/model/environment.safetensors"),
        update(f"{MDP}/model/progress.parquet"),
    log:
        f"work/{MDP}/model/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(f"{MDP}/model")
    shell:
        "python -m synthgym model --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule mdp_study:
    input:
        unpack(job("mdp_study", MDP_STUDY, environment=of_arm)),
    output:
        update(f"{MDP_STUDY}/manifest.json"),
        update(f"{MDP_STUDY}/curves.parquet"),
        update(f"{MDP_STUDY}/episodes.parquet"),
    log:
        f"work/{MDP_STUDY}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(MDP_STUDY)
    shell:
        "python -m synthgym mdp_study --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule mdp_real:
    input:
        unpack(job("baseline", MDP_REAL)),
    output:
        update(f"{MDP_REAL}/manifest.json"),
        update(f"{MDP_REAL}/curves.parquet"),
        update(f"{MDP_REAL}/episodes.parquet"),
    log:
        f"work/{MDP_REAL}/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(MDP_REAL)
    shell:
        "python -m synthgym baseline --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule mdp_behaviour:
    input:
        unpack(job("behaviour", f"{ARM}/behaviour", environment=first_of_arm)),
    output:
        update(f"{ARM}/behaviour/manifest.json"),
        update(f"{ARM}/behaviour/values.parquet"),
        update(f"{ARM}/behaviour/surface.parquet"),
    log:
        f"work/{ARM}/behaviour/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(f"{ARM}/behaviour")
    shell:
        "python -m synthgym behaviour --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule mdp_noise:
    input:
        unpack(job("noise", f"{ARM}/noise", environment=first_of_arm)),
    output:
        update(f"{ARM}/noise/manifest.json"),
        update(f"{ARM}/noise/noise.parquet"),
    log:
        f"work/{ARM}/noise/log",
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=2000,
    message:
        title(f"{ARM}/noise")
    shell:
        "python -m synthgym noise --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule mdp_report:
    input:
        unpack(
            job(
                "mdp_report",
                "results/{scale}/mdp_report",
                progress=of_family(f"{MDP}/metatrain/progress.parquet", mdp_plan.mdps),
                evaluations=of_family(
                    f"{MDP}/metatrain/evaluations.parquet", mdp_plan.mdps
                ),
                model_progress=of_family(
                    f"{MDP}/model/progress.parquet", mdp_plan.models
                ),
                curves=of_family(f"{MDP_STUDY}/curves.parquet", mdp_plan.studies),
                episodes=of_family(f"{MDP_STUDY}/episodes.parquet", mdp_plan.studies),
                real_curves=of_family(f"{MDP_REAL}/curves.parquet", mdp_plan.real),
                real_episodes=of_family(f"{MDP_REAL}/episodes.parquet", mdp_plan.real),
                values=of_family(f"{ARM}/behaviour/values.parquet", mdp_plan.arms),
                noise=of_family(f"{ARM}/noise/noise.parquet", mdp_plan.arms),
            )
        ),
    output:
        update("results/{scale}/mdp_report/manifest.json"),
        update("results/{scale}/mdp_report/summary.json"),
        report(
            update("results/{scale}/mdp_report/table.md"),
            caption="../report/mdp_returns.rst",
            category="synthetic MDPs",
            labels={"figure": "Synthetic MDPs (table)", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/mdp_report/mdp_feasibility.png"),
            caption="../report/mdp_feasibility.rst",
            category="synthetic MDPs",
            labels={"figure": "Feasibility", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/mdp_report/mdp_returns.png"),
            caption="../report/mdp_returns.rst",
            category="synthetic MDPs",
            labels={"figure": "Returns and steps", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/mdp_report/mdp_histograms.png"),
            caption="../report/mdp_histograms.rst",
            category="synthetic MDPs",
            labels={"figure": "Histograms", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/mdp_report/mdp_ranking.png"),
            caption="../report/mdp_ranking.rst",
            category="synthetic MDPs",
            labels={"figure": "Ranking of settings", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/mdp_report/mdp_noise.png"),
            caption="../report/mdp_noise.rst",
            category="synthetic MDPs",
            labels={"figure": "Noise", "scale": "{scale}"},
        ),
    log:
        "work/results/{scale}/mdp_report/log",
    resources:
        mem_mb=1000,
    message:
        title("results/{scale}/mdp_report")
    shell:
        "python -m synthgym mdp_report --spec {input.spec} 2>&1 | tee {log}"


rule all_mdps:
    input:
        f"results/{SCALE}/mdp_report/summary.json"
        if mdp_plan.planned(PLAN, SCALE)
        else [],
    message:
        f"synthetic MDPs, scale {SCALE}"
