"""Runs one job: alone, only if there is something to compute, and so that a killed one can go on.

What is here is plumbing: it does not count as code of a stage (codehash.NEUTRAL).
"""

import gc
import importlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

import numpy as np

from synthgym.core import arrays
from synthgym.core.io import sha256, write_json
from synthgym.core.job import Begun, device
from synthgym.core.settings import Config, ConfigError
from synthgym.jobs import kept, locks, software
from synthgym.jobs.kept import MANIFEST
from synthgym.jobs.places import writable
from synthgym.jobs.provenance import (
    comparable,
    difference,
    digest,
    flags,
    stage_code,
    stage_plumbing,
)
from synthgym.stages import STAGES

GPU_SLOTS = "SYNTHGYM_GPU_SLOTS"  # environment variable: so many jobs at a time, each with a GPU
_HELD: list[IO[bytes]] = []  # locks that live as long as the process
UNFINISHED = re.compile(r"\..+\.\d+\.tmp")  # what atomic writers leave when they are killed
Say = Callable[[str], None]
Run = Callable[[Any, Mapping[str, list[Path]], Path, Path], list[str]]  # -> files in `out`
RunTogether = Callable[[Sequence[Begun]], list[list[str]]]


def execute(spec: Mapping[str, Any], run: Run | None = None, say: Say = print) -> None:
    """Do what a spec says: {stage, config, out, files, upstream, forced}.

    Outputs and `manifest.json` go to `out`; lock and checkpoints to work/<out>/. `run` is the
    stage's own unless given. Nothing is computed if configuration, code, inputs and outputs are
    those of the manifest.
    """
    execute_together([spec], (lambda jobs: [run(*job) for job in jobs]) if run else None, say)


def execute_together(
    specs: Sequence[Mapping[str, Any]],
    run: RunTogether | None = None,
    say: Say = print,
    follows: bool = False,
) -> None:
    """The same for several jobs of one stage: those that have to be done go on side by side.

    A process that `follows` computes as the first of several does, and keeps nothing. Raises
    ValueError where the stage does one job at a time.
    """
    with ExitStack() as while_it_runs:
        if follows:
            aside = while_it_runs.enter_context(TemporaryDirectory())
            _follow(specs, run, Path(aside))
            return
        for spec in sorted(specs, key=lambda spec: str(spec["out"])):  # in one order: no deadlock
            while_it_runs.enter_context(_alone(work_directory(spec["out"]), say))
        manifests = [_to_be(spec) for spec in specs]
        todo = [
            (spec, manifest)
            for spec, manifest in zip(specs, manifests, strict=True)
            if not _nothing_to_do(spec, manifest, say)
        ]
        if not todo:
            return
        jobs = [_begin(spec, manifest) for spec, manifest in todo]
        with _hinted(jobs):
            _do(todo, jobs, run or _stage(todo[0][0]["stage"], len(todo)), say)


def _do(
    todo: Sequence[tuple[Mapping[str, Any], dict[str, Any]]],
    jobs: Sequence[Begun],
    run: RunTogether,
    say: Say,
) -> None:
    """Compute what jobs have to, and write their manifests."""
    start = time.monotonic()
    written = run(jobs)
    seconds = time.monotonic() - start
    for (spec, manifest), job, names in zip(todo, jobs, written, strict=True):
        manifest["outputs"] = {name: sha256(job.out / name) for name in sorted(names)}
        manifest |= {"upstream": spec["upstream"], "versions": software.versions()}
        manifest |= {"device": device(), "machine": software.machine()}
        write_json(job.out / MANIFEST, manifest)
        if spec["forced"]:
            _obeyed(spec["out"]).write_bytes(spec.get("outdated", "").encode())
        for finished in job.checkpoint.parent.glob("checkpoint-*"):
            shutil.rmtree(finished)
        say(f"{job.out}: done in {seconds:.0f} s")


def _refuse_diverged(out: Path, names: Sequence[str]) -> None:
    """Refuse arrays that are not finite, by a ConfigError: nobody is to train with them."""
    found: dict[str, np.ndarray] = {}
    for name in names:
        if name.endswith(".safetensors"):
            with suppress(ValueError):  # of another kind: whoever reads it says so
                found |= {f"{out / name}: {k}": x for k, x in arrays.read(out / name)[0].items()}
    if bad := [name for name, array in found.items() if not np.isfinite(array).all()]:
        raise ConfigError(
            f"{bad[0]} is not finite: it has diverged. Perhaps a smaller learning rate, steps or "
            "deviations help."
        )


def _stage(name: str, jobs: int) -> RunTogether:
    """What does a stage's jobs, and refuses what diverged."""
    do = _module(name, jobs)

    def checked(begun: Sequence[Begun]) -> list[list[str]]:
        written = do(begun)
        for job, names in zip(begun, written, strict=True):
            _refuse_diverged(job.out, names)
        return written

    return checked


def _module(name: str, jobs: int) -> RunTogether:
    module = importlib.import_module(STAGES[name].module)
    if together := getattr(module, "run_together", None):
        return cast(RunTogether, together)
    if jobs > 1:
        raise ValueError(f"{name} does one job at a time: give one --spec.")
    return lambda begun: [module.run(*job) for job in begun]


def _to_be(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The beginning of the manifest, by which it is seen whether anything changed."""
    return {
        "stage": spec["stage"],
        "config": spec["config"],
        "code": stage_code(spec["stage"], spec["config"]),  # as it is now
        "plumbing": stage_plumbing(spec["stage"], spec["config"]),
        "flags": _flags(spec),
        "files": spec["files"],
        "inputs": {path: kept.checked(path) for paths in spec["files"].values() for path in paths},
    }


def _flags(spec: Mapping[str, Any]) -> dict[str, str]:
    """Flags of JAX and XLA here; a ConfigError where the plan was made with others."""
    here = flags(spec["stage"])
    if other := difference({"flags": spec.get("flags", here)}, {"flags": here}):
        hint = "set XLA_FLAGS and JAX_* for the plan and its jobs alike"
        raise ConfigError(f"{spec['out']}: planned with other flags than here ({other}); {hint}.")
    return here


def _nothing_to_do(spec: Mapping[str, Any], manifest: Mapping[str, Any], say: Say) -> bool:
    if not (old := _done(spec, manifest)):
        return False
    out = Path(spec["out"])
    say(f"{out}: nothing to compute; configuration, code and inputs are the same")
    if old.get("upstream") != spec["upstream"]:
        write_json(out / MANIFEST, {**old, "upstream": spec["upstream"]})
    return True


def _done(spec: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """The manifest of what is there, if that is what the job would make."""
    out = Path(spec["out"])
    old = kept.manifest(out)
    if not old or not _same(out, old, manifest):
        return None
    if spec["forced"]:
        order, obeyed = spec.get("outdated"), _obeyed(spec["out"])
        if not order or not obeyed.exists() or obeyed.read_bytes() != order.encode():
            return None
    return old


def _obeyed(out: str) -> Path:
    """The last order to compute in any case that was obeyed; no result, so not in the manifest."""
    return work_directory(out) / "forced"


def _begin(spec: Mapping[str, Any], manifest: Mapping[str, Any]) -> Begun:
    out = writable(Path(spec["out"]))
    _clear(out, kept.manifest(out))
    return _begun(spec, manifest, out)


def _begun(spec: Mapping[str, Any], manifest: Mapping[str, Any], out: Path) -> Begun:
    checkpoint = work_directory(spec["out"]) / f"checkpoint-{digest(manifest)}"
    checkpoint.mkdir(parents=True, exist_ok=True)
    inputs = {name: [Path(path) for path in paths] for name, paths in spec["files"].items()}
    report = STAGES[spec["stage"]].module.startswith("synthgym.analysis")  # is given plain values
    config = spec["config"] if report else Config.read(spec["config"])
    return Begun(config, inputs, out, checkpoint)


@contextmanager
def _hinted(jobs: Sequence[Begun]) -> Iterator[None]:
    """Say of what ends jobs before they are done whether they will go on from a checkpoint."""
    try:
        yield
    except (KeyboardInterrupt, OSError) as error:
        if any(resumable(job.checkpoint) for job in jobs):
            error.add_note("The same command goes on from the last checkpoint.")
        raise


def resumable(checkpoint: Path) -> bool:
    """Whether there is something to go on from: states, or values in the journal of a search."""
    journal = checkpoint / "journal.log"
    tried = journal.read_bytes().count(b"\n") > 1 if journal.exists() else False
    return tried or any(checkpoint.rglob("*.safetensors"))


def _follow(specs: Sequence[Mapping[str, Any]], run: RunTogether | None, aside: Path) -> None:
    """Compute what the first process does, unless it finds that there is nothing to do."""
    manifests = [_to_be(spec) for spec in specs]
    todo = [
        _begun(spec, manifest, aside / str(i))
        for i, (spec, manifest) in enumerate(zip(specs, manifests, strict=True))
        if not _done(spec, manifest)
    ]
    for job in todo:
        job.out.mkdir()
    if todo:
        (run or _stage(specs[0]["stage"], len(todo)))(todo)


def work_directory(out: str) -> Path:
    """Where a job keeps what is no result."""
    return Path("work", out.lstrip("/"))


def prepare_devices(threads: int | None = None) -> None:
    """Give jax that many cores, each a device, and a cache for programs. Before it is imported.

    The garbage collector looks less often: tracing makes objects by the thousand that stay.
    """
    gc.set_threshold(50_000)
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    threads = threads or _count("NPROC") or cores
    os.environ["NPROC"] = str(threads)  # the size of XLA's thread pool
    users = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = software.of_job(threads, software.cpu(), users)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path("work/jax-cache").absolute()))


def _count(variable: str) -> int:
    """The number in an environment variable; 0 where it is not set."""
    text = os.environ.get(variable) or "0"
    if not text.isdecimal():
        raise ConfigError(f"{variable}: must be a whole number, not {text}.")
    return int(text)


def take_gpu(patience: float = 0.5) -> int | None:
    """One of several GPUs of this machine, for this process alone; its slot, or None.

    `GPU_SLOTS` says how many there are to share; waits for one that is free. Before jax is
    imported. The lock goes with the process, so that no crash keeps a GPU.
    """
    slots = _count(GPU_SLOTS) or 1
    if slots < 2:
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    Path("work").mkdir(exist_ok=True)
    files = [open(f"work/gpu{slot}.lock", "wb") for slot in range(slots)]  # noqa: SIM115
    while True:
        for slot, file in enumerate(files):
            if locks.lock(file, wait=False):
                _HELD.append(file)
                own = visible[slot] if len(visible) > slot and visible[slot] else str(slot)
                os.environ["CUDA_VISIBLE_DEVICES"] = own
                return slot
        time.sleep(patience)


@contextmanager
def _alone(work: Path, say: Say) -> Iterator[None]:
    """Hold the job's lock; it goes with the process, so that no crash leaves it."""
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "a+", encoding="utf-8", errors="replace") as lock:
        if not locks.lock(lock, wait=False):  # e.g. the orphan of a killed workflow
            lock.seek(0)
            say(f"waiting for process {lock.read().strip()}, which does this job already")
            locks.lock(lock)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _same(out: Path, old: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    same = comparable(old, manifest) | {"inputs": old["inputs"]} == manifest
    return same and all(
        (out / name).exists() and sha256(out / name) == checksum
        for name, checksum in old["outputs"].items()
    )


def _clear(out: Path, old: Mapping[str, Any] | None) -> None:
    """Remove what an earlier run left, and only that: other jobs may have their directory in `out`.

    The manifest goes first: without it nothing counts as a result, whenever this is interrupted.
    """
    (out / MANIFEST).unlink(missing_ok=True)
    for name in (old or {}).get("outputs", {}):
        (out / name).unlink(missing_ok=True)
    for path in out.iterdir():
        if UNFINISHED.fullmatch(path.name):
            path.unlink()
