"""Independent work on several devices: cores of one CPU, or GPUs of many hosts, by the same code.

And on each device so much at a time as fits: into a core's cache, or a GPU's memory.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

T = TypeVar("T")


def join(processes: str, process: int | None, coordinator: str | None) -> None:
    """Become one of several processes that do a job together, each with devices of its own.

    Before anything is computed. processes: how many, or "auto" where JAX finds that out by itself
    (SLURM, Open MPI, Kubernetes), with all else; process: which of them this is, from 0;
    coordinator: address of the first, `host:port`.
    """
    if processes == "auto":
        jax.distributed.initialize()
    else:
        jax.distributed.initialize(coordinator, int(processes), process)


def first() -> bool:
    """Whether this is the process that writes: the only one, or the first of several."""
    return jax.process_index() == 0


def wait(until: str) -> None:
    """For all processes to be here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(until)


def devices_for(count: int) -> Mesh:
    """As many devices as divide `count` equally; of several hosts, each the same number.

    Raises ValueError where `count` cannot be divided among the hosts.
    """
    hosts = jax.process_count()
    own = [[device for device in jax.devices() if device.process_index == i] for i in range(hosts)]
    if count % hosts:
        raise ValueError(f"{count} agents or candidates cannot be divided among {hosts} processes.")
    each = max(n for n in range(1, min(map(len, own)) + 1) if count % (n * hosts) == 0)
    return Mesh([device for devices in own for device in devices[:each]], ("P",))


def spread(
    function: Callable[..., T], mesh: Mesh, batched: tuple[bool, ...], axis: int = 0
) -> Callable[..., T]:
    """`function`, compiled, and split over the devices along an axis.

    That is `axis` of its results and of those arguments that are `batched`; the size must be a
    multiple of the number of devices. With several processes, each gives the same arguments, and
    gets all results.
    """
    split, whole = PartitionSpec(*[None] * axis, mesh.axis_names[0]), PartitionSpec()
    specs = tuple(split if is_batched else whole for is_batched in batched)
    program = jax.jit(
        jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False)
    )
    if jax.process_count() == 1:
        return program

    def on_all_hosts(*arguments: PyTree) -> PyTree:
        placed = (
            jax.tree.map(partial(_placed, sharding=NamedSharding(mesh, spec)), argument)
            for argument, spec in zip(arguments, specs, strict=True)
        )
        return multihost_utils.process_allgather(program(*placed), tiled=True)

    return on_all_hosts


def _placed(array: Array, sharding: NamedSharding) -> Array:
    """On the devices of all hosts, each of which has the whole of it."""
    if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_placed(jax.random.key_data(array), sharding))
    return jax.device_put(np.asarray(array), sharding)


CACHE = 2 * 1024**2  # bytes that a CPU's core reaches fast
SHARE = 0.4  # of a device's memory that agents in training may take; the rest is for temporaries
CHUNK = "SYNTHGYM_CHUNK"  # environment variable: that many at a time, whatever fits


def chunk(working: int, total: int, count: int) -> int:
    """How many agents to train at a time on one device, of `count`.

    `working`: bytes of an agent that every update touches, which on a CPU should stay in its
    cache; `total`: all bytes of an agent in training. Raises ValueError where CHUNK is no number.
    """
    if chosen := os.environ.get(CHUNK):
        if not chosen.isdigit() or int(chosen) < 1:
            raise ValueError(f"{CHUNK} must be a whole number above 0, not {chosen!r}.")
        return min(int(chosen), count)
    device = jax.local_devices()[0]
    fits = int(SHARE * _memory(device)) // total
    if device.platform == "cpu":
        fits = min(fits, CACHE // working)
    return max(1, min(fits, count))


def _memory(device: jax.Device) -> int:
    """Bytes, of the share of one device."""
    if limit := (device.memory_stats() or {}).get("bytes_limit"):
        return int(limit)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // jax.local_device_count()
