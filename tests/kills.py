"""Kills at system calls and at random, of jobs and of Snakemake: nothing is lost, nothing differs.

`python tests/kills.py --jobs 60 --workflow 40 --seed 1`: so many kills (minutes), the first of
single jobs of the smoke plan, the others of the whole plan while it is computed from nothing.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from clones import ROOT, SCALE, Clone, descendants
from compiling import FAST
from synthgym.core.display import say

Spec = Mapping[str, Any]
STAGES = (  # that have checkpoints
    *("metatrain", "teacher", "grade", "search", "tune", "transform_study", "objective"),
)
CALLS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "fcntl.flock")
SEVERAL = 3  # kills of a job before it may end
DATA = (".safetensors", ".parquet")  # results that are the same each time, but for seconds
SNAKEMAKE = (
    "import kills, sys; kills.die_at(int(sys.argv.pop(1))); import snakemake.cli as s; s.main()"
)


def count_calls(directory: Path, die_at: int | None = None) -> list[int]:
    """Count this process's system calls on files of a directory, in a list of one number.

    The process is killed before the one of that number.
    """
    counted, below = [0], f"{directory.resolve()}{os.sep}"

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CALLS:
            return
        path = arguments[0]
        if isinstance(path, str | os.PathLike):
            if not os.path.abspath(os.fspath(path)).startswith(below):
                return
        elif event != "fcntl.flock":
            return
        counted[0] += 1
        if counted[0] == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return counted


def die_at(number: int) -> None:
    """Kill this process before its system call of that number in the working directory."""
    count_calls(Path.cwd(), number)


def differing(one: Path, other: Path) -> list[str]:
    """Data below two directories that differ, or are in one of them only."""
    every = {
        str(path.relative_to(root))
        for root in (one, other)
        for path in root.rglob("*")
        if path.suffix in DATA or path.name == "best.json"
    }
    return sorted(name for name in every if _content(one / name) != _content(other / name))


def _content(path: Path) -> bytes | None:
    """What is in a result, without the seconds that it took; None where it is not there."""
    if path.suffix == ".parquet" and path.exists():
        table = pd.read_parquet(path)
        content = table.drop(columns=[name for name in table if "seconds" in name]).to_parquet()
        assert isinstance(content, bytes)
        return content
    return path.read_bytes() if path.exists() else None


# single jobs


def kill_jobs(count: int, rng: random.Random, directory: Path) -> None:
    """Kill jobs so often, in processes of their own."""
    os.environ.update(FAST)
    from synthgym.jobs.run import prepare_devices

    prepare_devices(1)
    specs, costs = _specs(directory), {}
    for spec in specs:
        begun = time.monotonic()
        status, calls = _in_a_child(directory / "undisturbed", spec)
        assert status == 0, spec["out"]
        costs[spec["out"]] = calls, time.monotonic() - begun
    killed = jobs = 0
    while killed < count:
        spec = specs[jobs % len(specs)]
        calls, seconds = costs[spec["out"]]
        for number in range(SEVERAL):
            how: dict[str, Any] = {"die_at": rng.randint(1, calls)}
            if number % 2:
                how = {"die_after": rng.uniform(0, seconds / 2)}
            status, _ = _in_a_child(directory / "killed", spec, **how)
            assert status in (0, signal.SIGKILL), (spec["out"], how)
            if status == 0:  # it was too late to kill it
                break
            killed += 1
        status, _ = _in_a_child(directory / "killed", spec)
        assert status == 0, spec["out"]
        places = [directory / name / spec["out"] for name in ("undisturbed", "killed")]
        assert differing(*places) == [], spec["out"]
        assert not list((directory / "killed").rglob("*.damaged"))
        say(f"{killed} kills: {spec['out']} ended as if undisturbed")
        for below in ("results", "work"):
            shutil.rmtree(directory / "killed" / below, ignore_errors=True)
        jobs += 1


def _specs(directory: Path) -> list[Spec]:
    """The first job of each of these stages that reads no file."""
    from synthgym.jobs.provenance import Provenance
    from synthgym.plan.plan import Plan

    for name in ("undisturbed", "killed"):
        (directory / name).mkdir(parents=True)
    jobs = Plan.load(ROOT / "params.yaml").jobs(SCALE)
    chosen = {job.stage: out for out, job in reversed(jobs.items()) if not any(job.needs.values())}
    provenance = Provenance(jobs)
    return [provenance.state(chosen[stage]).spec for stage in STAGES]


def _in_a_child(
    directory: Path, spec: Spec, die_at: int | None = None, die_after: float | None = None
) -> tuple[int, int]:
    """Do a job in a child of this process: its exit status, or the signal; its system calls."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        status = 1
        try:
            status = _job(directory, spec, writer, die_at, die_after)
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, "rb") as said:
        calls = int(said.read() or 0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return abs(code), calls


def _job(
    directory: Path, spec: Spec, writer: int, die_at: int | None, die_after: float | None
) -> int:
    from synthgym.jobs.run import execute
    from synthgym.meta import teacher

    os.chdir(directory)
    teacher.CHECKPOINT_SECONDS = -1.0  # always
    if die_after is not None:
        kill = threading.Timer(die_after, os.kill, (os.getpid(), signal.SIGKILL))
        kill.daemon = True
        kill.start()
    counted = count_calls(directory, die_at)
    execute(spec, say=lambda _: None)
    os.write(writer, str(counted[0]).encode())
    return 0


# the workflow


def kill_workflow(count: int, rng: random.Random, directory: Path) -> None:
    """Kill Snakemake, alone or with its jobs, so often while it computes the smoke plan."""
    undisturbed, clone = (Clone(directory / name, FAST) for name in ("undisturbed", "killed"))
    if not undisturbed.path.exists():
        Clone.of_working_tree(undisturbed.path, FAST).compute()
    if not clone.path.exists():
        Clone.of_working_tree(clone.path, FAST)
    killed = 0
    while killed < count:
        if killed % 2:
            process = clone.start("snakemake", "--cores", "1")
            with suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(3, 12))
            for pid in [process.pid, *descendants(process.pid)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        else:  # at a system call, and its jobs become orphans
            process = clone.start(
                *(sys.executable, "-c", SNAKEMAKE, str(rng.randint(1, 1200)), "--cores", "1"),
                PYTHONPATH=f"{clone.path / 'src'}{os.pathsep}{Path(__file__).parent}",
            )
        status = process.wait()
        assert status in (0, -signal.SIGKILL), (clone.path / "log").read_text()[-3000:]
        if status == 0:  # it is done before it was killed
            break
        killed += 1
        done = len(list((clone.path / "results").rglob("manifest.json")))
        say(f"{killed} kills of the workflow: {done} jobs are done")
    clone.run("snakemake", "--cores", "1")  # as `compute` has: last digits may depend on it
    assert differing(*(one.path / "results" / SCALE for one in (undisturbed, clone))) == []
    assert clone.planned() == set()
    say(f"{killed} kills of the workflow: it ended as if undisturbed")


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("jobs", "workflow"):
        parser.add_argument(f"--{name}", type=int, default=0, metavar="KILLS")
    parser.add_argument("--seed", type=int, default=0)
    kept = "keep what was computed there, and go on with a workflow that is there"
    parser.add_argument("--directory", type=Path, help=kept)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as temporary:
        directory = asked.directory or temporary
        if asked.jobs:
            kill_jobs(asked.jobs, rng, Path(directory, "jobs"))
        if asked.workflow:
            kill_workflow(asked.workflow, rng, Path(directory, "workflow"))


if __name__ == "__main__":
    main()
