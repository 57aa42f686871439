"""Files that are whole or not there: JSON and parquet, written atomically."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place if the block succeeds.

    Never writes through a link into DVC's cache. A kill -9 may leave `.<name>.<pid>.tmp`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256(path: Path | str) -> str:
    """64 hex digits of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path | str, value: object) -> None:
    """Readable, with sorted keys."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_json(path: Path | str) -> Any:
    """The value, or None where there is no file or it is not JSON."""
    try:
        return json.loads(Path(path).read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None


def write_table(path: Path | str, table: "pd.DataFrame") -> None:
    """Parquet without the index; the same table gives the same bytes."""
    with atomic(path) as temporary:
        table.to_parquet(temporary, engine="pyarrow", compression="zstd", index=False)


def read_table(path: Path | str) -> "pd.DataFrame":
    """A table that `write_table` wrote."""
    import pandas as pd

    return pd.read_parquet(path, engine="pyarrow")
