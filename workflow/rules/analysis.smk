PAGE = "results/{scale}/page"
CAPTIONS = (
    *DRAWN,
    "rollout",
    "transfer_profiles",
    "transfer_improvement",
    "transfer_efficiency",
    "experts",
    "choices",
    "reward_curves",
    "reward_map",
    "insight",
    "mdp_feasibility",
    "mdp_returns",
    "mdp_histograms",
    "mdp_ranking",
    "mdp_noise",
    "objectives",
    "drifts",
    "transforms",
    "search",
    "comparisons",
    "workflow",
)
DESIGN = "src/synthgym/analysis/page/page"


rule figures:
    input:
        unpack(
            job(
                "figures",
                FIGURES,
                progress=tables("progress"),
                evaluations=tables("evaluations"),
                curves=tables("curves"),
                episodes=tables("episodes"),
                values=tables("values"),
                surface=tables("surface"),
            )
        ),
    output:
        update(f"{FIGURES}/manifest.json"),
        report(
            update(f"{FIGURES}/meta_training.png"),
            caption="../report/meta_training.rst",
            category="{task}",
            labels={"figure": "Meta-training", "scale": "{scale}"},
        ),
        report(
            update(f"{FIGURES}/returns.png"),
            caption="../report/returns.rst",
            category="{task}",
            labels={"figure": "Returns", "scale": "{scale}"},
        ),
        report(
            update(f"{FIGURES}/effort.png"),
            caption="../report/effort.rst",
            category="{task}",
            labels={"figure": "Effort", "scale": "{scale}"},
        ),
        report(
            update(f"{FIGURES}/behaviour.png"),
            caption="../report/behaviour.rst",
            category="{task}",
            labels={"figure": "Behaviour", "scale": "{scale}"},
        ),
        report(
            update(f"{FIGURES}/reward_surface.png"),
            caption="../report/reward_surface.rst",
            category="{task}",
            labels={"figure": "Reward surface", "scale": "{scale}"},
        ),
    log:
        f"work/{FIGURES}/log",
    resources:
        mem_mb=1000,
    message:
        title(FIGURES)
    shell:
        "python -m synthgym figures --spec {input.spec} 2>&1 | tee {log}"


rule summary:
    input:
        unpack(
            job(
                "summary",
                "results/{scale}",
                curves=tables("curves"),
                episodes=tables("episodes"),
                progress=tables("progress"),
                evaluations=tables("evaluations"),
                client_curves=clients_of("curves"),
                client_episodes=clients_of("episodes"),
            )
        ),
    output:
        update("results/{scale}/manifest.json"),
        update("results/{scale}/summary.json"),
        report(
            update("results/{scale}/summary.md"),
            caption="../report/summary.rst",
            category="numbers",
            labels={"figure": "Tables", "scale": "{scale}"},
        ),
    log:
        "work/results/{scale}/log",
    resources:
        mem_mb=1000,
    message:
        title("results/{scale}")
    shell:
        "python -m synthgym summary --spec {input.spec} 2>&1 | tee {log}"


rule page:
    input:
        unpack(
            job(
                "page",
                PAGE,
                **SHOWN,
                manifests=manifests_behind,
                captions=[f"workflow/report/{name}.rst" for name in CAPTIONS],
                design=[f"{DESIGN}.{kind}" for kind in ("html", "css", "js")],
            )
        ),
    output:
        update(f"{PAGE}/manifest.json"),
        update(f"{PAGE}/report.html"),
    log:
        f"work/{PAGE}/log",
    resources:
        mem_mb=1000,
    message:
        title(PAGE)
    shell:
        "python -m synthgym page --spec {input.spec} 2>&1 | tee {log}"
