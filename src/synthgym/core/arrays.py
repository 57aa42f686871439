"""Arrays from a safetensors file, without JAX; loading executes nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays by name ("reward/Dense_0/kernel"), and what was said about them.

    Raises ValueError where the file is damaged or of another kind.
    """
    blob = Path(path).read_bytes()
    try:
        arrays = load_arrays(blob)
        size = int.from_bytes(blob[:8], "little")
        about = json.loads(json.loads(blob[8 : 8 + size])["__metadata__"]["json"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a file that SynthGym wrote: {error}") from None
    return arrays, about


def nested(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Dictionaries within dictionaries, from names with slashes."""
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *parents, last = name.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = array
    return tree
