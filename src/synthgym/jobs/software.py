"""By which software is a result computed? Versions, and flags that decide its last bits."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

from synthgym.core.settings import ConfigError

LIBRARIES = ("jax", "jaxlib", "flax", "optax", "evosax", "gymnax", "numpy")
EXACT = ("jax", "jaxlib", "numpy")  # another version of them may give other last digits
# where they were imported
CLIENTS = {
    "stable_baselines3": "stable-baselines3",
    "sb3_contrib": "sb3-contrib",
    "torch": "torch",
    "optuna": "optuna",
}
DEVICES, WIDTH = "xla_force_host_platform_device_count", "xla_cpu_prefer_vector_width"
CHUNK = "SYNTHGYM_CHUNK"  # agents side by side
# The machine's, as its devices are: they are noted, and no reason to compute anew elsewhere.
OF_MACHINE = (DEVICES, WIDTH)
X64 = "JAX_ENABLE_X64"
DECIDING = ("JAX_", "NVIDIA_TF32_OVERRIDE")  # beginnings of environment variables, ...
HARMLESS = (  # ... but for what JAX says, keeps, or computes on
    *("JAX_PLATFORM", "JAX_NUM_CPU_DEVICES", "JAX_CUDA_VISIBLE", "JAX_ROCM_VISIBLE"),
    *("JAX_COMPILATION_CACHE", "JAX_ENABLE_COMPILATION_CACHE", "JAX_PERSISTENT", "JAX_RAISE"),
    *("JAX_LOG", "JAX_DEBUG", "JAX_DUMP", "JAX_EXPLAIN", "JAX_CHECK", "JAX_ENABLE_CHECKS"),
    *("JAX_TRACEBACK", "JAX_TRACER", "JAX_PPRINT", "JAX_INCLUDE", "JAX_TRANSFER_GUARD"),
    *("JAX_COORDINATOR", "JAX_DISTRIBUTED", "JAX_CPU_COLLECTIVES"),
    *("xla_dump", "xla_hlo_profile"),
)


def flags(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What the environment asks of JAX and XLA, without what changes no result.

    Raises ConfigError for double precision, which no stage is written for.
    """
    if environment.get(X64, "").lower() not in ("", "0", "false", "off", "no"):
        raise ConfigError(f"{X64}: stages compute in single precision; unset it.")
    jax = {k: v for k, v in environment.items() if k.startswith(DECIDING) and k != X64}
    asked = {**jax, **_of_xla(environment)}
    return {k: v for k, v in sorted(asked.items()) if not k.startswith((*HARMLESS, *OF_MACHINE))}


def machine(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What is noted of how this machine computes: length of vectors, agents side by side."""
    noted = {WIDTH: _of_xla(environment).get(WIDTH), CHUNK: environment.get(CHUNK)}
    return {name: value for name, value in noted.items() if value is not None}


def of_job(threads: int, cpu: str, users: str = "") -> str:
    """XLA_FLAGS of a job with so many cores: those of the user, and ours where he says nothing."""
    ours = {DEVICES: threads}
    if "avx512f" in cpu:
        # XLA takes vectors half as long unless told, from times when long ones slowed the clock
        # down. A generation of PPO takes a tenth less time so (AMD EPYC, family 26).
        ours[WIDTH] = 512
    said = [f"--{name}={value}" for name, value in ours.items() if name not in users]
    return " ".join([users, *said]).strip()


def use(package: Path) -> None:
    """Have the jobs of this process take this copy of the package, and this Python.

    By the environment and not by Snakemake's `shell.prefix`: a folder may have any name, and a
    shell would read it.
    """
    places = (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))
    os.environ.update(PYTHONPATH=str(package), PATH=os.pathsep.join(places))


def versions() -> dict[str, str]:
    """Of Python and of the libraries that compute."""
    known = {"python": platform.python_version()}
    for name in (*LIBRARIES, *(name for module, name in CLIENTS.items() if module in sys.modules)):
        try:
            known[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            known[name] = "not installed"
    return known


def cpu() -> str:
    """What Linux says of the processor; nothing elsewhere."""
    path = Path("/proc/cpuinfo")
    return path.read_text("utf-8", "replace") if path.exists() else ""


def _of_xla(environment: Mapping[str, str]) -> dict[str, str]:
    words = environment.get("XLA_FLAGS", "").split()
    if words and not words[0].startswith("-"):  # a file of flags
        return {"XLA_FLAGS": " ".join(words)}
    split = (word.lstrip("-").partition("=") for word in words)
    return {name: value or "true" for name, _, value in split}
