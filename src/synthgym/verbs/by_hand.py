"""A stage by hand: the job of a plan with such labels, with other settings or other files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthgym.jobs.planned import Job
from synthgym.jobs.provenance import pick, stage_code
from synthgym.plan.plan import Plan
from synthgym.plan.schema import ConfigError, check_known, listed
from synthgym.stages import STAGES

MAIN = "tasks"  # the family that is meant where none is named


def spec(
    stage: str,
    given: Mapping[str, str | None],
    out: str | None,
    files: Sequence[str],
    settings: Sequence[str],
) -> dict[str, Any]:
    """The spec of a job outside the workflow. Raises ConfigError in a sentence."""
    plan = Plan.load()
    scale = scale_of(plan, given.get("scale"))
    plan.check(scale)
    job = find(plan.jobs(scale), stage, given, f"scale {scale}")
    if not out:
        raise ConfigError(f"{stage} needs --out, a directory for its results.")
    if Path(out).resolve().is_relative_to(Path("results").resolve()):
        raise ConfigError("--out: results/ belongs to the workflow; say outputs/try, for example.")
    config = pick(job.config(settings), STAGES[stage].uses)
    return {
        "stage": stage,
        "config": config,
        "code": stage_code(stage, config),
        "out": out,
        "files": _files(job, files),
        "upstream": {},
        "forced": False,
    }


def scale_of(plan: Plan, name: str | None) -> str:
    """The scale of that name, by default the one that params.yaml names."""
    check_known(name or plan.scale, plan.scales, "scale", "--scale", "params.yaml")
    return name or plan.scale


def find(jobs: Mapping[str, Job], stage: str, given: Mapping[str, str | None], where: str) -> Job:
    """The job of a stage with these labels. Raises ConfigError where there is none, or several.

    The family `tasks` and the first seed are meant where nothing else is said.
    """
    found = [job for job in jobs.values() if job.stage == stage]
    if not found:
        raise ConfigError(f"{where} has no job of {stage}; `synthgym check` shows those it has.")
    names = STAGES[stage].labels()
    for name in names:
        if (value := given.get(name)) is not None:
            check_known(value, _values(found, name), name, f"--{name}", where)
            found = [job for job in found if str(job.labels.get(name)) == value]
    for name in sorted(names, key=lambda name: name != "family"):
        values = _values(found, name)
        if len(values) > 1 and name == "seed":
            found = [job for job in found if str(job.labels[name]) == values[0]]
        elif len(values) > 1 and name == "family" and MAIN in values:
            found = [job for job in found if job.labels.get(name) == MAIN]
        elif len(values) > 1:
            raise ConfigError(f"--{name} is missing; there is {listed(values)}.")
    return found[0]


def _values(jobs: Sequence[Job], name: str) -> list[str]:
    """Values of a label, each once."""
    labels = (job.labels.get(name) for job in jobs)
    return list(dict.fromkeys(str(label) for label in labels if label is not None))


def _files(job: Job, given: Sequence[str]) -> dict[str, list[str]]:
    """Input files by name: those of the workflow, where no others are given."""
    own: dict[str, list[str]] = {}
    for word in given:
        name, _, path = word.partition("=")
        check_known(name, job.needs, "input", "--input", job.stage)
        own.setdefault(name, []).append(path)
    files = {**{name: list(paths) for name, paths in job.needs.items()}, **own}
    for name, path in [(name, path) for name, paths in files.items() for path in paths]:
        if not Path(path).is_file():
            raise ConfigError(f"{path} is not there; name a file by --input {name}=FILE.")
    return files
