"""Files from strangers: how much of them may be read, before anything in them is believed."""

import json
from pathlib import Path
from typing import Any

LARGEST = 64 * 2**20  # bytes of an environment; those here have some thousand
LARGEST_TEXT = 2**20  # bytes of JSON: a card, an index, the header of a safetensors file


def content(path: Path, limit: int, begin: int | None = None) -> bytes:
    """All of a file, or its first `begin` bytes.

    Raises ValueError where it is no plain file, cannot be read, or has more bytes than `limit`.
    """
    try:
        if not path.is_file():  # not a pipe or device either, which may never end
            raise ValueError(f"{path} is {'no plain file' if path.exists() else 'not there'}.")
        if (size := path.stat().st_size) > limit:
            raise ValueError(f"{path} has {size:,} bytes, more than the {limit:,} allowed.")
        with open(path, "rb") as file:
            return file.read(limit if begin is None else begin)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None


def read_json(path: Path) -> Any:
    """A value. Raises ValueError where the file is not JSON, or too large for what it is."""
    return parsed(content(path, LARGEST_TEXT), str(path))


def parsed(text: bytes, where: str) -> Any:
    """The value of a JSON text. Raises ValueError where it is none."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError(f"{where} is nested too deeply to be read.") from None
    except ValueError as error:  # no JSON, or no UTF-8
        raise ValueError(f"{where} is not JSON: {error}.") from None


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number")
