"""Files that one job leaves for others: manifests, and caches in work/. None can stop a plan."""

import json
import re
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"


def mapping(path: Path | str) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none, or whatever else is in it."""
    try:
        value = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def manifest(out: Path | str) -> dict[str, Any] | None:
    """The manifest of a directory of results; None where there is none that a job wrote.

    It travels with the results, so it is a stranger's: what it names as outputs are names in its
    own directory, or it counts as none.
    """
    value = mapping(Path(out, MANIFEST))
    inputs, outputs = value.get("inputs"), value.get("outputs")
    if not isinstance(inputs, dict) or not isinstance(outputs, dict):
        return None
    return value if all(map(_is_name, outputs)) else None


def _is_name(name: str) -> bool:
    plain = re.fullmatch(r"[^/\\\0]{1,255}", name)  # no file has a longer name
    return bool(plain) and name.isascii() and name not in (".", "..")
