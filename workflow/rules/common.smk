"""The plan of a scale, and `stage`: the rules of a row of the table in src/synthgym/stages.yaml."""

import atexit
import importlib.util
import os
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "src"))
if Path.cwd() != ROOT.resolve():
    sys.exit(
        f"Results lie beside their plan: start Snakemake in {ROOT.resolve()}, without --directory."
    )

from snakemake.cli import get_argument_parser

from synthgym.jobs import codehash, kept, software
from synthgym.jobs.places import writable
from synthgym.jobs.planned import experiments, rules_of, unknown_target
from synthgym.jobs.provenance import Provenance
from synthgym.plan.plan import Plan
from synthgym.plan.schema import ConfigError
from synthgym.stages import CONSTRAINTS, GROUP, NAME, STAGES

software.use(ROOT / "src")
try:
    software.flags()
    writable(Path("work"))
except ConfigError as error:
    sys.exit(str(error))  # what no job computes by

# Where there is a GPU, one job at a time has all of them, or with `--resources gpu=4` each of four jobs its own;
# without one they share the cores. From a computer without one, a profile says what a job asks of a cluster.
GPU = {"gpu": 1} if shutil.which("nvidia-smi") else {}
if (slots := workflow.global_resources.get("gpu")) and (slots.value or 1) > 1:
    os.environ.update(SYNTHGYM_GPU_SLOTS=str(slots.value))
CORES = workflow.cores or 1


wildcard_constraints:
    **{
        name: CONSTRAINTS.get(name, NAME)
        for row in STAGES.values()
        for name in (*row.wildcards(), "group")
    },


def checked_plan():
    """The plan, its scale, jobs and groups; anything wrong is said before the first job.

    params.yaml is read here, not by Snakemake, whose `config` has what the command line says.
    """
    try:
        plan = Plan.load("params.yaml", config)
        plan.check(plan.scale)
        return plan, plan.scale, plan.jobs(plan.scale), plan.groups(plan.scale)
    except ConfigError as error:
        sys.exit(f"params.yaml: {error}")  # an exception would come with a traceback


def forced(stage, out):
    """Whether -f, -F or -R names this job: then it computes again even if nothing changed."""
    dag = workflow.dag_settings
    names = set(dag.forcerun) | (set(dag.targets) if dag.forcetargets else set())
    return (
        dag.forceall or stage in names or any(str(Path(n).parent) == out for n in names)
    )


def executes():
    """Whether jobs are really executed, not only shown."""
    plugin = workflow.executor_plugin
    return bool(workflow.is_main_process and plugin and not workflow.dryrun)


def left_out(out):
    """Whether a job needs an extra that is not here, and is not up to date: so no old number is shown."""
    package = STAGES[JOBS[out].stage].package
    return bool(
        package
        and importlib.util.find_spec(package) is None
        and not PROVENANCE.state(out).verified
    )


PLAN, SCALE, JOBS, GROUPS = checked_plan()
PROVENANCE = Provenance(JOBS, forced, PLAN.accept_code, executes, left_out)


def at_end():
    PROVENANCE.checksum.save()
    codehash.remember()
    if adopted := PROVENANCE.adopted:
        would = "have" if executes() else "would have"
        print(
            f"{len(adopted)} results {would} the present code adopted in their manifests, "
            "as all but the code is the same.",
            file=sys.stderr,
        )
    for versions, count in PROVENANCE.elsewhere.items():
        print(
            f"Computed by other versions than are here, {versions}, and left as they are: {count} results.",
            file=sys.stderr,
        )
    if missing := [out for out in JOBS if out in PROVENANCE.states and left_out(out)]:
        print(
            f"{len(missing)} jobs of scale {SCALE} are left out: they train agents of Stable-Baselines3, "
            f"which is not here. `make clients SCALE={SCALE}` installs it and trains them.",
            file=sys.stderr,
        )


if workflow.is_main_process:
    atexit.register(at_end)


def inputs_of(out):
    """The spec file of a job, and the files it needs; from which Snakemake sees whether it is to run."""
    state = PROVENANCE.state(out)
    # In a folder of its own: Snakemake caches the listing of a folder that it has looked into.
    spec = Path("work", out, "spec.json")
    if workflow.is_main_process:
        if state.why and "outdated" not in state.spec:
            # A new time and a new checksum: for Snakemake, an updated input.
            state.spec["outdated"] = f"{time.time_ns()}: {state.why}"
            if "is out of date" not in state.why:  # only the first cause
                logger.info(f"{out}: {state.why}")
        if kept.remembered(spec) != state.spec:
            kept.remember(spec, state.spec)
    files = {"spec": [str(spec)], **state.files}
    if state.verified:  # nothing that happens to its inputs can make this job run
        return {
            k: ancient([f for f in v if Path(f).exists()]) for k, v in files.items()
        }
    for done, outs in GROUPS.items():
        if out in outs:  # nothing of its own remains to be done once its group is done
            files["group"] = [done]
    return files


def inputs_at(place):
    """Input function of a rule whose jobs are at a place."""

    def inputs(wildcards):
        return inputs_of(place.format(**wildcards))

    return inputs


def inputs_of_group(wildcards):
    """What all jobs of a group need that have to be done."""
    files = {"spec": []}
    for out in GROUPS[f"work/{GROUP}/done".format(**wildcards)]:
        if not PROVENANCE.state(out).verified:
            own = inputs_of(out)
            del own["group"]
            for name, paths in own.items():
                files.setdefault(name, []).extend(paths)
    return files


def title(place):
    """The line by which a job is known in what Snakemake prints: its directory."""
    return place.replace("{", "{wildcards.")


def outputs_of(row, place):
    """Files of a stage at a place; tables and figures of reports are in Snakemake's report as well."""

    def shown(name, caption, title):
        return report(
            update(f"{place}/{name}"),
            caption=f"../report/{caption}.rst",
            category=row.category,
            labels={"figure": title, "scale": "{scale}"},
        )

    tables = [
        (
            shown(name, row.caption, "Table")
            if row.caption and name.endswith(".md")
            else update(f"{place}/{name}")
        )
        for name in ("manifest.json", *row.outputs)
    ]
    figures = row.drawn(experiments(JOBS))
    return tables + [shown(name, one.explained, one.title) for name, one in figures]


def cores(row):
    """Function that says how many cores a job of a stage has."""
    return lambda wildcards: row.cores(wildcards.get("family", ""), CORES)


def rule_of(stage, name, place, inputs, outputs):
    """Make one rule."""
    row = STAGES[stage]

    rule:
        name:
            name
        input:
            unpack(inputs),
        output:
            outputs,
        log:
            f"work/{place}/log",
        threads: cores(row)
        resources:
            **(GPU if row.gpu else {"gpu": 0}),
            mem_mb=row.memory,
        params:
            stage=stage,
        message:
            title(place)
        shell:
            "python -m synthgym {params.stage} --threads {threads} --spec {input.spec} 2>&1 | tee {log}"


def target(name, about, outs):
    """Make a rule by whose name these jobs can be asked for."""
    files = [f"{out}/manifest.json" for out in outs if out in JOBS]

    rule:
        name:
            name
        input:
            files,
        message:
            f"{about}, scale {SCALE}"


def stage(name):
    """Make the rules of a stage: one for each place where it has jobs."""
    for rule_name, place in rules_of(name).items():
        outputs = outputs_of(STAGES[name], place)
        rule_of(name, rule_name, place, inputs_at(place), outputs)
    if STAGES[name].together:
        done = touch(f"work/{GROUP}/done")
        rule_of(name, f"{name}_together", GROUP, inputs_of_group, done)


def jobs_below(directory):
    """Directories of the jobs of the scale in one of its directories."""
    return [out for out in JOBS if out.startswith(f"results/{SCALE}/{directory}/")]


def refuse_unknown_targets():
    """Say in a sentence which target or result there is not, before the first job."""
    if not workflow.is_main_process or Path(sys.argv[0]).name != "snakemake":
        return
    asked, _ = get_argument_parser().parse_known_args(sys.argv[1:])
    every = [rule.name for rule in workflow.rules]
    whole = [rule.name for rule in workflow.rules if not rule.has_wildcards()]
    parts = [*(asked.forcerun or ()), *(asked.until or ()), *(asked.omit_from or ())]
    for words, known in ((sorted(asked.targets), whole), (parts, every)):
        if error := unknown_target(words, known, JOBS, SCALE, PLAN.scales):
            sys.exit(error)
