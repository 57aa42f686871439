"""Trees of arrays <-> one safetensors file.

Bit for bit, the same bytes for the same tree, whole or not there; loading executes nothing.
"""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree
from safetensors.numpy import save as save_arrays

from synthgym.core.arrays import read as read
from synthgym.core.io import atomic


def save(path: Path, tree: PyTree, about: dict[str, Any]) -> None:
    """Write the tree's arrays and `about` (anything that JSON can hold).

    There is the old file or the new one, never half of it.
    """
    arrays = {name: np.asarray(x, jnp.result_type(x), order="C") for name, x in _named(tree)}
    # One metadata key only: safetensors writes several in random order.
    document = {"json": json.dumps(about, sort_keys=True)}
    blob = save_arrays(dict(sorted(arrays.items())), metadata=document)
    with atomic(path) as temporary:
        temporary.write_bytes(blob)


def load(path: Path, like: PyTree) -> tuple[PyTree, dict[str, Any]]:
    """Read a tree of the structure, shapes and types of `like`, and what was said about it.

    Raises ValueError, in a sentence, where the file is not such a tree.
    """
    arrays, about = read(path)
    expected = _named(like)
    if missing := {name for name, _ in expected} ^ arrays.keys():
        raise ValueError(f"{path}: other arrays than expected: {', '.join(sorted(missing)[:5])}.")
    for name, leaf in expected:
        if (np.shape(leaf), jnp.result_type(leaf)) != (arrays[name].shape, arrays[name].dtype):
            raise ValueError(
                f"{path}: {name} has shape {arrays[name].shape} and type {arrays[name].dtype}, "
                f"not {np.shape(leaf)} and {jnp.result_type(leaf)}."
            )
    leaves = [jnp.asarray(arrays[name]) for name, _ in expected]
    return jax.tree.unflatten(jax.tree.structure(like), leaves), about


def _named(tree: PyTree) -> list[tuple[str, Any]]:
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [("/".join(_part(key) for key in path), leaf) for path, leaf in leaves]


def _part(key: object) -> str:
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)
