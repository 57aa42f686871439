"""Damaged and foreign files, made from a good environment; the same ones each time."""

import io
import json
import os
import pickle  # noqa: TID251  to write what must not be loaded
import struct
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save

COUNT = 200
MARKER = "executed"  # a file that appears if a pickle was run


class Malicious:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path):
        self.command = f"touch {marker}"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def folder(good: Path, to: Path, count: int = COUNT) -> list[Path]:
    """Write `count` files beside a copy of the card, none of which is the good one any more."""
    to.mkdir(parents=True, exist_ok=True)
    (to / "card.json").write_bytes((good.parent / "card.json").read_bytes())
    rng, blob = np.random.default_rng(0), good.read_bytes()
    makers = (
        *(lambda i: blob[: int(rng.integers(len(blob)))],) * 4,
        *(lambda i: _flipped(blob, rng),) * 6,
        *(lambda i: _reshaped(blob, i, rng),) * 2,
        *(lambda i: _not_finite(blob, i),) * 2,
        *(lambda i: _huge_header(blob, i),) * 2,
        *(lambda i: _foreign(i, rng),) * 2,
        lambda i: pickle.dumps(Malicious(to / MARKER), protocol=i % 6),
        lambda i: _nested(blob, i),
    )
    paths = []
    for i in range(count):
        path = to / f"damaged{i:03d}.safetensors"
        path.write_bytes(makers[i % len(makers)](i // len(makers)))
        paths.append(path)
    return paths


def sparse(path: Path, size: int) -> Path:
    """A file that says it has so many bytes, and takes none."""
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def _flipped(blob: bytes, rng: np.random.Generator) -> bytes:
    bits = bytearray(blob)
    bits[int(rng.integers(len(bits)))] ^= 1 << int(rng.integers(8))
    return bytes(bits)


def _about(blob: bytes) -> dict[str, str]:
    size = int.from_bytes(blob[:8], "little")
    return json.loads(blob[8 : 8 + size])["__metadata__"]


def _reshaped(blob: bytes, number: int, rng: np.random.Generator) -> bytes:
    arrays = load(blob)
    names = sorted(arrays)
    name = names[number % len(names)]
    array = arrays[name]
    arrays[name] = [
        array[..., :0],
        np.concatenate([array, array]),
        array.reshape(1, *array.shape),
        array.astype(np.float64),
        array.astype(np.int32),
    ][number % 5]
    if number % 3 == 0:
        arrays[f"other{int(rng.integers(9))}"] = np.zeros(3, np.float32)
    return save(arrays, metadata=_about(blob))


def _not_finite(blob: bytes, number: int) -> bytes:
    arrays = load(blob)
    name = sorted(arrays)[number % len(arrays)]
    arrays[name] = np.full_like(arrays[name], [np.nan, np.inf, -np.inf][number % 3])
    return save(arrays, metadata=_about(blob))


def _huge_header(blob: bytes, number: int) -> bytes:
    sizes = (2**63, 2**40, 2**31, len(blob), len(blob) - 7, 2**20 + 1)
    return struct.pack("<Q", sizes[number % len(sizes)]) + blob[8:]


def _foreign(number: int, rng: np.random.Generator) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("data.pkl", pickle.dumps(Malicious(Path(MARKER))))
    npz = io.BytesIO()
    np.savez(npz, kernel=np.zeros(3))
    kinds: tuple[bytes, ...] = (
        b"",
        b"\0" * 8,
        b"GIF89a",
        archive.getvalue(),
        npz.getvalue(),
        rng.bytes(5000),
    )
    kinds += (b'{"a": 1}', b"\x02" + b"\0" * 7 + b"{}", save({"x": np.zeros(3, np.float32)}))
    return kinds[number % len(kinds)]


def _nested(blob: bytes, number: int) -> bytes:
    deep = b"[" * 5000 + b"]" * 5000
    if number % 2:
        return struct.pack("<Q", len(deep)) + deep
    return save(load(blob), metadata={"json": deep.decode()})
