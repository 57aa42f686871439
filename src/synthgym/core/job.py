"""Jobs as a stage is given them, and the devices that compute them."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from synthgym.core.settings import Config

Inputs = Mapping[str, list[Path]]  # files by the name of what they are


class Begun(NamedTuple):
    """A job of a stage that has to be done."""

    config: Config
    inputs: Inputs
    out: Path  # the directory of its outputs
    checkpoint: Path  # a directory whose content a killed run finds again


def device() -> str | None:
    """The device, as jax calls it: "2 x cpu", "1 x NVIDIA H200"; None where jax was not used."""
    jax = sys.modules.get("jax")
    return f"{jax.device_count()} x {jax.devices()[0].device_kind}" if jax else None
