"""What a killed job goes on from: a tree of arrays with a checksum, which is whole or set aside."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from synthgym.core import checkpoint as files
from synthgym.core.display import say

CHECKSUM = "sha256"  # of all else, beside what is said about the tree
DAMAGED = ".damaged"  # at the end of the name of what was set aside


def keep(path: Path, tree: PyTree, about: dict[str, Any]) -> None:
    """Write a tree, and `about`, for `found`; there is the old file or the new one."""
    files.save(path, tree, {**about, CHECKSUM: _checksum(tree, about)})


def found(path: Path, like: PyTree) -> tuple[PyTree, dict[str, Any]] | None:
    """What `keep` wrote; None where there is nothing, or where it is damaged and so set aside."""
    if not path.exists():
        return None
    try:
        tree, about = files.load(path, like)
        if about.pop(CHECKSUM, None) != _checksum(tree, about):
            raise ValueError(f"{path} has another checksum than when it was written.")
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        set_aside(path, f"{path} is damaged: {error}")
        return None
    return tree, about


def set_aside(path: Path, why: str) -> None:
    """Say why a file is not gone on from, and keep it under another name."""
    with suppress(FileNotFoundError):  # another process of the same job was faster
        os.replace(path, path.with_name(path.name + DAMAGED))
    say(f"{why} It is set aside as {path.name}{DAMAGED}; what it is about begins anew.")


def _checksum(tree: PyTree, about: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for leaf in jax.tree.leaves(tree):
        digest.update(np.asarray(leaf, jnp.result_type(leaf), order="C").tobytes())
    return digest.hexdigest()
