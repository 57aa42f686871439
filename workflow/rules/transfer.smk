rule transfer_report:
    input:
        unpack(
            job(
                "transfer_report",
                "results/{scale}/transfer_report",
                curves=tables("curves"),
                progress=tables("progress"),
                expert_curves=experts_of("curves"),
            )
        ),
    output:
        update("results/{scale}/transfer_report/manifest.json"),
        update("results/{scale}/transfer_report/summary.json"),
        report(
            update("results/{scale}/transfer_report/table.md"),
            caption="../report/transfer.rst",
            category="transfer",
            labels={"figure": "Table", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/transfer_report/transfer_profiles.png"),
            caption="../report/transfer_profiles.rst",
            category="transfer",
            labels={"figure": "Performance profiles", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/transfer_report/transfer_improvement.png"),
            caption="../report/transfer_improvement.rst",
            category="transfer",
            labels={"figure": "Probability of improvement", "scale": "{scale}"},
        ),
        report(
            update("results/{scale}/transfer_report/transfer_efficiency.png"),
            caption="../report/transfer_efficiency.rst",
            category="transfer",
            labels={"figure": "Steps for the same return", "scale": "{scale}"},
        ),
    log:
        "work/results/{scale}/transfer_report/log",
    resources:
        mem_mb=2000,
    message:
        title("results/{scale}/transfer_report")
    shell:
        "python -m synthgym transfer_report --spec {input.spec} 2>&1 | tee {log}"


rule all_transfer:
    input:
        f"results/{SCALE}/transfer_report/summary.json" if PLAN.tasks(SCALE) else [],
    message:
        f"transfer, scale {SCALE}"
