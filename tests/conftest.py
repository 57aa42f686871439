"""How tests run the package: shapes checked, each key used once, two devices, programs cached."""

import gc
import os
from pathlib import Path

# Before JAX starts: the CPU split in two devices, so that sharding is tested on any machine.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import flax.struct
import jax
import pytest
from jaxtyping import install_import_hook

from compiling import CACHE, HURRY, WORTH_KEEPING

# `vmap` and `jit` rebuild a pytree with batched leaves, axes or placeholders in its fields. Their
# annotations describe the single case: the arguments of functions are checked, fields are not.
flax.struct.PyTreeNode.__no_type_check__ = True  # type: ignore[attr-defined]
SOURCES = Path(__file__).parents[1] / "src"
SHAPED = [  # modules that annotate arrays; mypy checks the others
    str(path.relative_to(SOURCES).with_suffix("")).replace(os.sep, ".")
    for path in SOURCES.rglob("*.py")
    if "from jaxtyping" in path.read_text("utf-8")
]
install_import_hook(SHAPED, "typechecker.check")

jax.config.update("jax_debug_key_reuse", True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the workflow: its files take longest, and each is one worker's."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled programs between sessions, for all workers."""
    gc.set_threshold(50_000)  # tracing makes objects by the thousand, which are seldom garbage
    jax.config.update("jax_compilation_cache_dir", str(CACHE))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", float(WORTH_KEEPING))
    if config.option.markexpr == "not slow":
        os.environ["XLA_FLAGS"] += f" {HURRY}"
        jax.config.update("jax_disable_most_optimizations", True)
