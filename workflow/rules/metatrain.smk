TOGETHER = "results/{scale}/tasks/{task}/{environment}/group{group}"  # seeds that one job meta-trains
of_one_seed = job(
    "metatrain",
    f"{RUN}/metatrain",
    start=start_of("environment.safetensors"),
    start_progress=start_of("progress.parquet"),
)


def of_this_seed(wildcards):
    """What a seed's job needs: nothing of its own remains to be done once its group is done."""
    files = of_one_seed(wildcards)
    if not PROVENANCE.job(f"{RUN}/metatrain".format(**wildcards)).verified:
        groups = PLAN.groups(wildcards["scale"], wildcards["environment"])
        for number, seeds in enumerate(groups):
            if int(wildcards["seed"]) in seeds and len(seeds) > 1:
                files["group"] = f"work/{TOGETHER}/done".format(
                    **wildcards, group=number
                )
    return files


def of_group(wildcards):
    """The same of all seeds of a group that have to be meta-trained."""
    of_plan = PLAN.groups(wildcards["scale"], wildcards["environment"])
    files = {"spec": []}
    for seed in of_plan[int(wildcards["group"])]:
        one = {**wildcards, "seed": seed}
        if not PROVENANCE.job(f"{RUN}/metatrain".format(**one)).verified:
            for name, paths in of_one_seed(one).items():
                files.setdefault(name, []).extend(paths)
    return files


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
        "python -m synthbench metatrain --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


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
        "python -m synthbench metatrain --threads {threads} --spec {input.spec} 2>&1 | tee {log}"
