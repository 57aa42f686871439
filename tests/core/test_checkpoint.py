"""A tree comes back from its file as it was, or not at all."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from synthgym.core import checkpoint

TREE = {
    "weights": jnp.array([[0.1, -0.0], [jnp.inf, 1e-45]], jnp.float32),
    "nested": {"count": jnp.int32(7), "flags": jnp.array([True, False])},
    "list": [jnp.arange(3, dtype=jnp.uint32), jnp.zeros((0, 2))],
}
ABOUT = {"rows": [{"b": 0.1, "a": 1}], "text": "ä"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    checkpoint.save(tmp_path / "tree.safetensors", TREE, ABOUT)
    return tmp_path / "tree.safetensors"


def leaves(tree: Any) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def test_a_tree_survives_bit_for_bit(path: Path) -> None:
    tree, about = checkpoint.load(path, TREE)
    assert about == ABOUT
    for old, new in zip(leaves(TREE), leaves(tree), strict=True):
        assert (old.dtype, old.shape, old.tobytes()) == (new.dtype, new.shape, new.tobytes())


def test_the_same_tree_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    other_order = dict(reversed(ABOUT.items()))
    for i in range(5):
        checkpoint.save(tmp_path / f"{i}.safetensors", dict(reversed(TREE.items())), other_order)
        assert (tmp_path / f"{i}.safetensors").read_bytes() == path.read_bytes()


def test_numbers_of_python_come_back_as_jax_takes_them(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "tree", {"count": 3, "rate": 0.5}, {})
    tree, _ = checkpoint.load(tmp_path / "tree", {"count": 0, "rate": 0.0})
    assert (int(tree["count"]), float(tree["rate"])) == (3, 0.5)


def test_arrays_can_be_read_by_name(path: Path) -> None:
    arrays, about = checkpoint.read(path)
    assert set(arrays) == {"weights", "nested/count", "nested/flags", "list/0", "list/1"}
    assert arrays["nested/count"] == 7
    assert about == ABOUT


@pytest.mark.parametrize(
    ("like", "complaint"),
    [
        (TREE | {"weights": jnp.zeros((2, 3))}, r"weights has shape \(2, 2\) .*, not \(2, 3\)"),
        (TREE | {"weights": jnp.zeros((2, 2), jnp.int32)}, "weights .* type float32, not .* int32"),
        (TREE | {"more": jnp.zeros(1)}, "other arrays than expected: more"),
        ({"weights": TREE["weights"]}, "other arrays than expected: list/0"),
    ],
    ids=["shape", "type", "more", "fewer"],
)
def test_a_file_with_another_tree_is_refused(path: Path, like: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        checkpoint.load(path, like)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "foreign"])
def test_a_damaged_file_is_refused_by_name(path: Path, damage: str) -> None:
    blob = path.read_bytes()
    if damage == "foreign":  # safetensors, but not ours
        from safetensors.numpy import save

        blob = save({"weights": np.zeros(2)})
    parts = {"cut": blob[:-1], "empty": b"", "text": b"no arrays", "foreign": blob}
    path.write_bytes(parts[damage])
    with pytest.raises(ValueError, match=r"tree.safetensors is not a file that SynthGym wrote"):
        checkpoint.load(path, TREE)


def test_a_failed_write_leaves_the_old_file(path: Path) -> None:
    old = path.read_bytes()
    with pytest.raises(TypeError):
        checkpoint.save(path, TREE, {"not for JSON": object()})
    assert path.read_bytes() == old
    assert [p.name for p in path.parent.iterdir()] == [path.name]
