"""Pickles as synthetic-gymnax published them: read without being run."""

import os
import pickle  # noqa: TID251  to write what must not be loaded
import resource
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import FrozenDict

import damage
from probes import section
from synthgym import zoo
from synthgym.__main__ import main
from synthgym.synth import env as synth
from synthgym.zoo import legacy

THEIRS = {ours: theirs for theirs, ours in legacy.HEADS.items()}


def published(kind: str, task: str, as_jax: bool = True, protocol: int = 4) -> tuple[Any, bytes]:
    """Parameters, and a pickle of them with the structure and names of the published ones."""
    env = synth.make(section("synth", kind, hidden=(32,)), section("task", task))
    theta = synth.init_theta(jax.random.key(3), env)
    arrays = jax.tree.map(jnp.asarray if as_jax else np.asarray, theta)
    tree: Any = FrozenDict({"params": {THEIRS[head]: value for head, value in arrays.items()}})
    return theta, pickle.dumps(tree, protocol=protocol)


@pytest.mark.parametrize("as_jax", [True, False], ids=["jax", "numpy"])
@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_published_pickle_becomes_the_same_environment(
    as_jax: bool, protocol: int, tmp_path: Path
) -> None:
    theta, blob = published("bandit", "hopper", as_jax, protocol)
    if not as_jax and protocol == 5:
        pytest.skip("numpy has another way to write arrays there, which none was published in")
    (tmp_path / "checkpoint.pkl").write_bytes(blob)
    out = tmp_path / "out" / "environment.safetensors"
    command = ["import", "synthetic-gymnax", str(tmp_path / "checkpoint.pkl"), "--task", "hopper"]
    assert main([*command, "--out", str(out)]) == 0
    env = zoo.load(out)
    jax.tree.map(np.testing.assert_array_equal, env.theta, theta)
    assert (env.spec.horizon, env.hidden, env.activation) == (1, (32,), "relu")


def test_names_of_old_versions_of_numpy_are_known(tmp_path: Path) -> None:
    theta, blob = published("bandit", "cartpole", protocol=3)  # names end with a line there
    assert b"numpy._core.multiarray" in blob
    path = tmp_path / "old.pkl"
    path.write_bytes(blob.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    kernel = legacy.read(path)["reward/Dense_0/kernel"]
    np.testing.assert_array_equal(kernel, theta["reward"]["Dense_0"]["kernel"])


def test_an_mdp_needs_a_horizon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, blob = published("mdp", "cartpole")
    path, out = tmp_path / "mdp.pkl", tmp_path / "out" / "environment.safetensors"
    path.write_bytes(blob)
    command = ["import", "synthetic-gymnax", str(path), "--task", "cartpole", "--out", str(out)]
    assert main(command) == 2
    assert "say --horizon" in capsys.readouterr().err
    assert main([*command, "--horizon", "7"]) == 0
    assert zoo.load(out).spec.horizon == 7


def test_a_checkpoint_of_another_task_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hopper.pkl"
    path.write_bytes(published("bandit", "hopper")[1])
    assert main(["import", "synthetic-gymnax", str(path), "--task", "cartpole"]) == 2
    said = capsys.readouterr().err
    assert "initial_state/Dense_0/kernel is (11, 32) float32, not (4, 32) float32." in said


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_in_a_pickle_is_executed(protocol: int, tmp_path: Path) -> None:
    path, marker = tmp_path / "bad.pkl", tmp_path / damage.MARKER
    path.write_bytes(pickle.dumps(damage.Malicious(marker), protocol=protocol))
    with pytest.raises(ValueError, match="is no checkpoint of synthetic-gymnax"):
        legacy.read(path)
    assert not marker.exists()
    pickle.loads(path.read_bytes())  # noqa: S301  else the test could not fail
    assert marker.exists()


@pytest.mark.parametrize(
    "what",
    [os.getcwd, open, dict, eval, np.load, getattr],
    ids=lambda what: what.__name__,
)
def test_a_pickle_that_names_anything_else_is_refused(what: Any, tmp_path: Path) -> None:
    class Other:
        def __reduce__(self) -> Any:
            return what, ()

    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps(FrozenDict({"params": {"reward": Other()}})))
    with pytest.raises(ValueError, match="makes no array or dictionary"):
        legacy.read(path)


def test_damaged_pickles_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    _, blob = published("bandit", "cartpole")
    rng, path, refused = np.random.default_rng(0), tmp_path / "flipped.pkl", 0
    for _ in range(2000):
        damaged = bytearray(blob)
        for _ in range(int(rng.integers(1, 4))):
            damaged[int(rng.integers(len(blob)))] = int(rng.integers(256))
        path.write_bytes(bytes(damaged[: None if rng.random() < 0.8 else rng.integers(len(blob))]))
        try:
            legacy.hidden(legacy.read(path), path)
        except ValueError:
            refused += 1
    assert refused > 500


def test_a_small_pickle_cannot_name_endless_arrays(tmp_path: Path) -> None:
    kernel = np.zeros((2, 2), np.float32)
    layer = {f"a{i}": kernel for i in range(1000)}
    tree = {"params": {"reward": {f"b{i}": layer for i in range(1000)}}}
    path = tmp_path / "many.pkl"
    path.write_bytes(pickle.dumps(tree, protocol=4))
    assert path.stat().st_size < 50_000
    with pytest.raises(ValueError, match="more than 1000 arrays"):
        legacy.read(path)


def text(word: str) -> bytes:
    """The instruction that puts a word on the stack."""
    return b"\x8c" + bytes([len(word)]) + word.encode()


START = b"\x80\x04"
DOUBLED = START + b"Nq\x00" + b"h\x00h\x00\x86q\x00" * 30  # a tuple of itself, twice, thirty times
DTYPE = START + text("numpy") + text("dtype") + b"\x93" + text("f4") + b"\x85R"


@pytest.mark.parametrize(
    "blob",
    [
        DOUBLED + b".",
        DOUBLED + b"N\x85R.",
        DOUBLED + b"h\x00}h\x00h\x00s.",
        START + b"N" + b"\x85" * 2**20 + b".",
        START + b"N" + b"\x85" * 99 + b".",
        START + b"N0" * 2**22,
        START + b"]" * 2**20 + b"N" + b"e" * 2**20 + b".",
        START + b"}q\x00" + (text("a") + b"h\x00s") * 10**5 + b".",
        START + b"(" * 2**16 + b"t" * 2**16 + b".",
        DTYPE + (b"K\x03" + text("x" * 99) + b"\x86b") * 10**4 + b".",
        START + b"\x8b\xff\xff\xff\x7f.",
        START + b"\x8a\xff" + b"\xff" * 255 + b".",
        START + b"\x8d" + b"\xff" * 8 + b".",
        START + b"cnumpy\ndtype\n(" + text("f4" * 40) + b"tR.",
        START + text("params") + text("a\x1b[2J") + b"\x93.",
        b"\x80\x04I" + b"9" * 10**6 + b"\n.",
        b"",
        b".",
        START + b"}" * 3 + b".",
    ],
    ids=lambda blob: f"{len(blob)} bytes",
)
def test_pickles_that_would_take_all_time_or_memory_are_refused_soon(
    blob: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(blob)
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert main(["import", "synthetic-gymnax", str(path), "--task", "cartpole"]) == 2
    assert time.monotonic() - begun < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB
    assert capsys.readouterr().err.removesuffix("\n").isprintable()


def test_arrays_cannot_be_larger_together_than_their_file_may_be(tmp_path: Path) -> None:
    kernel = np.zeros((1024, 1024), np.float32)
    tree = {"params": {"reward": {f"Dense_{i}": {"kernel": kernel} for i in range(9)}}}
    path = tmp_path / "many.pkl"
    path.write_bytes(pickle.dumps(tree, protocol=4))
    with pytest.raises(ValueError, match="arrays of more than 16,777,216 bytes"):
        legacy.read(path)
