"""A killed job goes on from a checkpoint that is whole, and from no other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from synthgym.core import checkpoint, resume

TREE = {"best": jnp.array([[0.1, -0.0], [jnp.inf, 1e-45]], jnp.float32), "count": jnp.int32(7)}
ABOUT = {"rows": [{"a": 1, "b": 0.1, "nothing": float("nan")}]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    resume.keep(tmp_path / "search.safetensors", TREE, ABOUT)
    return tmp_path / "search.safetensors"


def test_what_was_kept_is_found_bit_for_bit(path: Path) -> None:
    found = resume.found(path, jax.eval_shape(lambda: TREE))
    assert found
    tree, about = found
    assert str(about) == str(ABOUT)
    for old, new in zip(jax.tree.leaves(TREE), jax.tree.leaves(tree), strict=True):
        assert np.asarray(old).tobytes() == np.asarray(new).tobytes()
    assert resume.found(path.with_name("other"), TREE) is None


def flipped(blob: bytes, what: bytes) -> bytes:
    """One bit of the file, in the first byte of what is somewhere in it."""
    place = blob.rindex(what)
    return blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda blob: flipped(blob, np.float32(0.1).tobytes()),
        lambda blob: flipped(blob, b'"count"'),
        lambda blob: flipped(blob, b"1, "),
        lambda blob: blob[:-1],
        lambda blob: blob[:9],
        lambda blob: bytes(len(blob)),
        lambda blob: b"",
    ],
    ids=["array", "name", "about", "cut", "header", "zeros", "empty"],
)
def test_damage_is_said_and_set_aside(
    path: Path, damage: Callable[[bytes], bytes], capsys: Any
) -> None:
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    assert resume.found(path, TREE) is None
    said = capsys.readouterr().out
    assert said.startswith(f"{path} is damaged: ")
    assert "set aside as search.safetensors.damaged; what it is about begins anew." in said
    assert path.with_name("search.safetensors.damaged").read_bytes() == damaged
    assert not path.exists()
    resume.keep(path, TREE, ABOUT)
    assert resume.found(path, TREE)


def test_a_file_without_a_checksum_is_none_to_go_on_from(path: Path) -> None:
    checkpoint.save(path, TREE, ABOUT)
    assert resume.found(path, TREE) is None
