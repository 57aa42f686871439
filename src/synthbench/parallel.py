"""Independent work on several devices: cores of one CPU, or GPUs, by the same code."""

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
