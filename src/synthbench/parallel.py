"""Independent work on several devices: cores of one CPU, or GPUs, by the same code.

And on each device so much at a time as fits: into a core's cache, or a GPU's memory.
"""

import os
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec


def devices_for(count: int) -> Mesh:
    """As many devices as divide `count` equally."""
    available = jax.devices()
    number = max(n for n in range(1, len(available) + 1) if count % n == 0)
    return Mesh(available[:number], ("P",))


def spread(function: Any, mesh: Mesh, batched: tuple[bool, ...]) -> Any:
    """`function`, compiled, and split over the devices along axis 0.

    That is axis 0 of its results and of those arguments that are `batched`; the size must be a
    multiple of the number of devices.
    """
    axis, whole = PartitionSpec(mesh.axis_names[0]), PartitionSpec()
    specs = tuple(axis if is_batched else whole for is_batched in batched)
    return jax.jit(
        jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=axis, check_vma=False)
    )


CACHE = 2 * 1024**2  # bytes that a CPU's core reaches fast
SHARE = 0.4  # of a device's memory that agents in training may take; the rest is for temporaries
CHUNK = "SYNTHBENCH_CHUNK"  # environment variable: that many at a time, whatever fits


def chunk(working: int, total: int, count: int) -> int:
    """How many agents to train at a time on one device, of `count`.

    `working`: bytes of an agent that every update touches, which on a CPU should stay in its
    cache; `total`: all bytes of an agent in training. Raises ValueError where CHUNK is no number.
    """
    if chosen := os.environ.get(CHUNK):
        if not chosen.isdigit() or int(chosen) < 1:
            raise ValueError(f"{CHUNK} must be a whole number above 0, not {chosen!r}.")
        return min(int(chosen), count)
    device = jax.devices()[0]
    fits = int(SHARE * _memory(device)) // total
    if device.platform == "cpu":
        fits = min(fits, CACHE // working)
    return max(1, min(fits, count))


def _memory(device: Any) -> int:
    """Bytes, of the share of one device."""
    if limit := (device.memory_stats() or {}).get("bytes_limit"):
        return int(limit)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // len(jax.devices())
