"""How programs are compiled in the tests, where they run for moments: in a hurry, and kept."""

from pathlib import Path

CACHE = Path(__file__).parents[1] / ".pytest_cache" / "jax"
WORTH_KEEPING = "0.1"  # seconds of compilation
HURRY = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"  # halves it
FAST = {  # environment of other processes
    "JAX_PLATFORMS": "cpu",
    "JAX_COMPILATION_CACHE_DIR": str(CACHE),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": WORTH_KEEPING,
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "XLA_FLAGS": HURRY,
}
