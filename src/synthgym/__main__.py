"""`synthgym <verb>`: a stage, from the workflow or by hand; a look at the plan; documents.

Imports lazily: help and plan need no jax.
"""

import argparse
import errno
import importlib.metadata
import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from synthgym.core.checking import check_known
from synthgym.core.settings import ConfigError, printable
from synthgym.stages import PHASES, STAGES
from synthgym.verbs import commands

PLANS = {
    "check": "check a scale of params.yaml and show its jobs per stage; `--scale all` checks all",
}
OTHERS = {
    "document": "write what README.md and docs/ say of results, from these themselves",
    "settings": "list all settings: meaning, unit and range",
    "reference": "measure what random actions earn in a task, for conf/task/",
}
VERBS = (*STAGES, *PLANS, *OTHERS, *commands.VERBS)
# Do more than to say something.
WORKING = (*STAGES, "document", "import", "train", "compare", "doctor")
OUTSIDE = (  # no fault of a stage: full disks, and folders that are not to be written to
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EMFILE, errno.EIO),
)
HELP = {  # of options that are no names in params.yaml
    "seed": "seed of what it looks into (default: the first)",
    "family": "part of the plan: tasks (default), comparisons, mdps, rewards",
}
SETTINGS = """
Settings are written as in Hydra, section.name=value, and win over params.yaml. `synthgym
settings` lists them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may lack some letters
    os.environ["MPLBACKEND"] = "agg"  # for files, whatever a notebook shows figures with
    arguments, settings = _parsed(sys.argv[1:] if argv is None else argv)
    try:
        status = _do(arguments, settings)
        print(end="", flush=True)  # here, where it is known what a reader who has gone means
        return status
    except (ValueError, ModuleNotFoundError, OSError, RuntimeError, KeyboardInterrupt) as error:
        return _ended(error, arguments.verb)


def _ended(error: BaseException, verb: str) -> int:
    """Say in a sentence what ended a verb; the exit status. Raises what is not said in one."""
    if isinstance(error, BrokenPipeError):  # whoever reads, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE if verb in WORKING else 0
    said, status = str(error), 2
    if isinstance(error, KeyboardInterrupt):
        said, status = "interrupted.", 128 + signal.SIGINT
    elif isinstance(error, OSError) and (verb not in STAGES or error.errno in OUTSIDE):
        why = os.strerror(error.errno) if error.errno else error
        said, status = f"{error.filename or 'what it writes'}: {why}.", 1
    elif isinstance(error, ModuleNotFoundError):
        if "pip install" not in said:
            raise error  # no extra
    elif isinstance(error, RuntimeError):
        if "Unable to initialize backend" not in said:  # where JAX is told to compute
            raise error
    elif verb in STAGES and not isinstance(error, ConfigError):
        raise error  # where it happened is worth knowing
    # With what is known of where the work can go on.
    words = ["synthgym:", said, *getattr(error, "__notes__", ())]
    print(printable(" ".join(words)), file=sys.stderr)
    return status


def _parsed(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The arguments, and the settings behind them; SystemExit with a sentence for other words."""
    parser = _parser()
    if argv and not argv[0].startswith("-"):
        try:
            check_known(argv[0], VERBS, "verb", "command line", "`synthgym --help`")
        except ConfigError as error:
            parser.error(str(error))
    arguments, settings = parser.parse_known_args(argv)
    if unknown := [word for word in settings if word.startswith("-") or "=" not in word]:
        parser.error(f"unknown argument {unknown[0]}; settings are written as section.name=value")
    if settings and (arguments.verb not in STAGES or arguments.spec):
        parser.error(f"no settings here: {' '.join(settings)}")
    return arguments, settings


def _do(arguments: argparse.Namespace, settings: Sequence[str]) -> int:
    if arguments.verb in STAGES:
        _stage(arguments, settings)
        return 0
    if arguments.verb in commands.VERBS:
        return commands.run(arguments)
    others = {
        "check": _check,
        "settings": _settings,
        "document": _document,
        "reference": _reference,
    }
    others[arguments.verb](arguments)
    return 0


def _parser() -> argparse.ArgumentParser:
    about = "Synthetic reinforcement-learning environments: meta-train them, judge them."
    parser = argparse.ArgumentParser(
        "synthgym", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    version = importlib.metadata.version("synthgym")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb", help="see below")
    for verb in STAGES:
        _add_stage(verbs.add_parser(verb, **_described(verb)), verb)
    for verb, text in PLANS.items():
        plan = verbs.add_parser(verb, description=f"{text[0].upper()}{text[1:]}.")
        plan.add_argument("--scale", help="one of params.yaml (default: the one that it names)")
    text = OTHERS["document"]
    document = verbs.add_parser("document", description=f"{text[0].upper()}{text[1:]}.")
    document.add_argument("--scale", default="standard", help="whose results (default: standard)")
    settings = verbs.add_parser("settings", description=f"{OTHERS['settings']}.".capitalize())
    settings.add_argument("--markdown", action="store_true", help="as docs/configuration.md")
    reference = verbs.add_parser("reference", description=f"{OTHERS['reference']}.".capitalize())
    reference.add_argument("--task", required=True, help="as in conf/task/<name>.yaml")
    reference.add_argument("--episodes", type=int, default=1000, help="default: 1000")
    reference.add_argument("--seed", type=commands.seed, default=0, help="default: 0")
    commands.add(verbs)
    parser.epilog = _listed()
    return parser


def _listed() -> str:
    """All verbs by what they are for: argparse would list them in one row."""
    groups = {
        f"stages to {phase}": {name: stage.help for name, stage in stages.items()}
        for phase, stages in PHASES.items()
    }
    groups |= {"plan and results": {**PLANS, **OTHERS}, "trained environments": commands.VERBS}
    lines = [
        line
        for title, verbs in groups.items()
        for line in (f"{title}:", *(f"    {verb:<18} {text}" for verb, text in verbs.items()), "")
    ]
    return "\n".join(lines)


def _described(verb: str) -> dict[str, Any]:
    """What argparse is told of a stage."""
    text = STAGES[verb].help
    return {
        "description": f"{text[0].upper()}{text[1:]}.",
        "epilog": f"example:\n  synthgym {verb} {STAGES[verb].example}\n{SETTINGS}",
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def _add_stage(parser: argparse.ArgumentParser, verb: str) -> None:
    one = "a job of the workflow: all in a file"
    several = "; several: jobs that differ in their seeds only, side by side"
    together = STAGES[verb].together
    parser.add_argument(
        "--spec", type=Path, metavar="FILE", nargs="+", help=one + several * together
    )
    parser.add_argument("--scale", help="whose plan (default: the one params.yaml names)")
    for option in STAGES[verb].labels():
        parser.add_argument(f"--{option}", help=HELP.get(option, f"name of the {option}"))
    parser.add_argument("--out", metavar="DIR", help="directory for the results, outside results/")
    again = "a file to read instead of the workflow's; may be repeated"
    parser.add_argument("--input", action="append", default=[], metavar="NAME=FILE", help=again)
    parser.add_argument("--threads", type=int, metavar="N", help="cores (default: NPROC, or all)")
    chunk = "agents trained at a time on each core or GPU (default: as many as fit)"
    parser.add_argument("--chunk", type=int, metavar="N", help=chunk)
    if together:
        _add_processes(parser)


def _add_processes(stage: argparse.ArgumentParser) -> None:
    """Options of a job that several processes do together, such as on the hosts of a cluster."""
    stage.add_argument(
        "--processes",
        metavar="N",
        help="this is one of N that do the job together; auto: as SLURM or Open MPI started them",
    )
    stage.add_argument("--process", type=int, metavar="I", help="which of them, from 0")
    stage.add_argument("--coordinator", metavar="HOST:PORT", help="where the first one listens")


def _stage(arguments: argparse.Namespace, settings: Sequence[str]) -> None:
    if arguments.spec:
        specs = [_planned(path) for path in arguments.spec]
    else:
        specs = [_by_hand(arguments, settings)]
    from synthgym.jobs.run import execute_together, prepare_devices, take_gpu

    prepare_devices(arguments.threads)
    take_gpu()
    if arguments.chunk is not None:
        os.environ["SYNTHGYM_CHUNK"] = str(arguments.chunk)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # progress is to be seen while it is news
    execute_together(specs, follows=_joined(arguments))


def _planned(path: Path) -> dict[str, Any]:
    """The spec of a job that the workflow wrote."""
    from synthgym.jobs import kept

    if not (spec := kept.remembered(path)):
        raise ConfigError(f"{path} is not there, or not as it was written; `snakemake` plans anew.")
    return spec


def _joined(arguments: argparse.Namespace) -> bool:
    """Whether another of several processes is the first, which alone writes and speaks."""
    if not getattr(arguments, "processes", None):
        return False
    from synthgym.core import parallel

    parallel.join(arguments.processes, arguments.process, arguments.coordinator)
    if parallel.first():
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _by_hand(arguments: argparse.Namespace, settings: Sequence[str]) -> dict[str, Any]:
    """The spec of a job outside the workflow."""
    from synthgym.verbs import by_hand

    verb = arguments.verb
    given = {name: getattr(arguments, name) for name in ("scale", *STAGES[verb].labels())}
    return by_hand.spec(verb, given, arguments.out, arguments.input, settings)


def _check(arguments: argparse.Namespace) -> None:
    """One scale is checked and shown, or all are checked."""
    from tabulate import tabulate

    from synthgym.plan.plan import Plan
    from synthgym.verbs import by_hand

    plan = Plan.load()
    if arguments.scale == "all":
        for name in plan.scales:
            plan.check(name)
            print(f"Scale {name} is in order: {len(plan.jobs(name))} jobs.")
        return
    scale = by_hand.scale_of(plan, arguments.scale)
    plan.check(scale)
    jobs = plan.jobs(scale).values()
    rows = []
    for stage in STAGES:
        tasks = [job.labels.get("task") for job in jobs if job.stage == stage]
        counted = Counter(task for task in tasks if task)
        if tasks:
            shares = ", ".join(f"{task} {count}" for task, count in counted.items())
            rows.append([stage, len(tasks), shares])
    others = ", ".join(name for name in plan.scales if name != scale)
    print(f"Scale {scale} is in order: {len(jobs)} jobs. `--scale all` checks also {others}.\n")
    print(tabulate(rows, ["stage", "jobs", "of which"]))


def _settings(arguments: argparse.Namespace) -> None:
    from tabulate import tabulate

    from synthgym.plan.schema import described
    from synthgym.verbs.configuration import markdown

    if arguments.markdown:
        print(markdown(), end="")
        return
    print(tabulate(described(), ["setting", "type", "meaning", "range and unit"], tablefmt="plain"))


def _reference(arguments: argparse.Namespace) -> None:
    from synthgym.core.checking import check_known
    from synthgym.core.definitions import definition, groups
    from synthgym.core.settings import Task

    name = arguments.task
    check_known(name, groups("task"), "task", "--task", "conf/task")
    from synthgym.evaluation.reference import mean_and_error, random_returns
    from synthgym.tasks.base import load

    task = load(Task.read(definition("task", name)))
    mean, error = mean_and_error(random_returns(task, arguments.episodes, arguments.seed))
    episodes = f"{arguments.episodes:,} episodes, seed {arguments.seed}"
    print(f"{name}: random actions earn {mean:.4g} ± {error:.2g} per episode")
    print(f"(mean and its standard error; undiscounted return of {episodes})")


def _document(arguments: argparse.Namespace) -> None:
    from synthgym.verbs import documents

    documents.write(Path(), arguments.scale)


if __name__ == "__main__":
    sys.exit(main())
