rule search:
    input:
        unpack(job("search", SEARCH)),
    output:
        update(f"{SEARCH}/manifest.json"),
        update(f"{SEARCH}/trials.parquet"),
        update(f"{SEARCH}/best.json"),
        update(f"{SEARCH}/importance.json"),
    log:
        f"work/{SEARCH}/log",
    threads: workflow.cores or 1
    resources:
        gpu=GPU,
        mem_mb=4000,
    message:
        title(SEARCH)
    shell:
        "python -m synthgym search --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule search_comparison:
    input:
        unpack(
            job(
                "search_comparison",
                f"{SEARCH}/comparison",
                settings=f"{SEARCH}/best.json",
            )
        ),
    output:
        update(f"{SEARCH}/comparison/manifest.json"),
        update(f"{SEARCH}/comparison/comparison.parquet"),
    log:
        f"work/{SEARCH}/comparison/log",
    threads: workflow.cores or 1
    resources:
        gpu=GPU,
        mem_mb=4000,
    message:
        title(f"{SEARCH}/comparison")
    shell:
        "python -m synthgym search_comparison --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


rule search_report:
    input:
        unpack(
            job(
                "search_report",
                "results/{scale}/search_report",
                trials=of_searches("trials.parquet"),
                best=of_searches("best.json"),
                importance=of_searches("importance.json"),
                comparison=of_searches("comparison/comparison.parquet"),
            )
        ),
    output:
        update("results/{scale}/search_report/manifest.json"),
        update("results/{scale}/search_report/summary.json"),
        report(
            update("results/{scale}/search_report/table.md"),
            caption="../report/search.rst",
            category="search for settings",
            labels={"figure": "Settings found (table)", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/search_report/search.png"),
            caption="../report/search.rst",
            category="search for settings",
            labels={"figure": "Search for settings", "scale": "{scale}"},
        ),
    log:
        "work/results/{scale}/search_report/log",
    resources:
        mem_mb=1000,
    message:
        title("results/{scale}/search_report")
    shell:
        "python -m synthgym search_report --spec {input.spec} 2>&1 | tee {log}"


rule all_search:
    input:
        f"results/{SCALE}/search_report/summary.json" if PLAN.searches(SCALE) else [],
    message:
        f"searches for settings, scale {SCALE}"
