"""Runs one job: alone, only if there is something to compute, and so that a killed one can go on.

What is here is plumbing: it does not count as code of a stage (codehash.NEUTRAL).
"""

import fcntl
import importlib
import importlib.metadata
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synthbench.config import typed
from synthbench.io import read_json, write_json
from synthbench.provenance import STAGES, digest, sha256, stage_code

LIBRARIES = ("jax", "jaxlib", "flax", "optax", "evosax", "gymnax", "numpy")
Say = Callable[[str], None]
Run = Callable[[Any, Mapping[str, list[Path]], Path, Path], list[str]]


def execute(spec: Mapping[str, Any], run: Run | None = None, say: Say = print) -> None:
    """Do what a spec says: {stage, config, out, files, upstream, forced}.

    Outputs and `manifest.json` go to `out`; lock and checkpoints to work/<out>/. `run` is the
    stage's own unless given. Nothing is computed if configuration, code, inputs and outputs are
    those of the manifest.
    """
    out, work = Path(spec["out"]), work_directory(spec["out"])
    with _alone(work, say):
        manifest = {
            "stage": spec["stage"],
            "config": spec["config"],
            "code": stage_code(spec["stage"], spec["config"]),  # as it is now
            "inputs": {path: sha256(path) for paths in spec["files"].values() for path in paths},
        }
        old = read_json(out / "manifest.json")
        if old and not spec["forced"] and _same(out, old, manifest):
            say(f"{out}: nothing to compute; configuration, code and inputs are the same")
            write_json(out / "manifest.json", {**old, "upstream": spec["upstream"]})
            return
        _clear(out, old)
        checkpoint = work / f"checkpoint-{digest(manifest)}"
        checkpoint.mkdir(parents=True, exist_ok=True)
        inputs = {name: [Path(path) for path in paths] for name, paths in spec["files"].items()}
        start = time.monotonic()
        run = run or importlib.import_module(STAGES[spec["stage"]].module).run
        names = run(typed(spec["config"]), inputs, out, checkpoint)
        manifest["outputs"] = {name: sha256(out / name) for name in sorted(names)}
        manifest |= {"upstream": spec["upstream"], "versions": versions(), "device": device()}
        write_json(out / "manifest.json", manifest)
        for finished in work.glob("checkpoint-*"):
            shutil.rmtree(finished)
        say(f"{out}: done in {time.monotonic() - start:.0f} s")


def work_directory(out: str) -> Path:
    """Where a job keeps what is no result."""
    return Path("work", out.lstrip("/"))


def versions() -> dict[str, str]:
    """For information only: they are never compared."""
    import platform

    known = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            known[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            known[name] = "not installed"
    return known


def device() -> str | None:
    """What computes, as jax calls it: "2 x cpu", "1 x NVIDIA H200"; None where jax was not used."""
    jax = sys.modules.get("jax")
    return f"{jax.device_count()} x {jax.devices()[0].device_kind}" if jax else None


def prepare_devices(threads: int | None = None) -> None:
    """Give jax that many cores, each a device, and a cache for programs. Before it is imported."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    threads = threads or int(os.environ.get("NPROC", 0)) or cores
    os.environ["NPROC"] = str(threads)  # the size of XLA's thread pool
    flags = {"xla_force_host_platform_device_count": threads}
    if "avx512f" in _cpu():
        # XLA takes vectors half as long unless told, from times when long ones slowed the clock
        # down. A generation of PPO takes a tenth less time so (AMD EPYC, family 26).
        flags["xla_cpu_prefer_vector_width"] = 512
    users = os.environ.get("XLA_FLAGS", "")
    ours = [f"--{name}={value}" for name, value in flags.items() if name not in users]
    os.environ["XLA_FLAGS"] = " ".join([users, *ours]).strip()
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path("work/jax-cache").absolute()))


def _cpu() -> str:
    """What Linux says of the processor; nothing elsewhere."""
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


@contextmanager
def _alone(work: Path, say: Say) -> Iterator[None]:
    """Hold the job's lock; it goes with the process, so that no crash leaves it."""
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # e.g. the orphan of a killed workflow
            lock.seek(0)
            say(f"waiting for process {lock.read().strip()}, which does this job already")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _same(out: Path, old: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    return all(old.get(k) == v for k, v in manifest.items()) and all(
        (out / name).exists() and sha256(out / name) == checksum
        for name, checksum in old["outputs"].items()
    )


def _clear(out: Path, old: Mapping[str, Any] | None) -> None:
    """Remove what an earlier run left, and only that: other jobs may have their directory in `out`.

    The manifest goes first: without it nothing counts as a result, whenever this is interrupted.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "manifest.json").unlink(missing_ok=True)
    for name in (old or {}).get("outputs", {}):
        (out / name).unlink(missing_ok=True)
    for unfinished in out.glob(".?*.?*"):  # what atomic writers leave when they are killed
        unfinished.unlink()
