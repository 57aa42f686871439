"""On what, and with which versions, was something measured?"""

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = ("jax", "jaxlib", "flax", "gymnax", "brax", "rejax", "synthgym")


def description(device: str) -> dict[str, Any]:
    """The machine whose `device` (as jax calls it: cpu, NVIDIA H200) did the work."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": _cpu(), "cores": cores, "device": device, "system": platform.system()}


def name(machine: dict[str, Any]) -> str:
    """For a file: what the machine is, not whose."""
    kind = machine["cpu"] if machine["device"] == "cpu" else machine["device"]
    words = f"{kind} {machine['cores']} cores" if machine["device"] == "cpu" else kind
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def versions() -> dict[str, str]:
    """Of Python, of the packages, and the commit of this repository."""
    found = {"python": platform.python_version(), "commit": _commit()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
        said = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", text, re.MULTILINE))
        return f"{said['model name']} (family {said['cpu family']}, model {said['model']})"
    except (OSError, KeyError):
        return platform.processor() or platform.machine()


def _commit() -> str:
    """That of the code; with a plus where it was changed since."""

    def git(*words: str) -> str:
        run = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        return run.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks/*.py")
    return (git("rev-parse", "--short", "HEAD") or "no commit") + ("+" if changed else "")
