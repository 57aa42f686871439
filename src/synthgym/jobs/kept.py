"""Files that one job leaves for others: manifests, and caches in work/. None can stop a plan."""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from synthgym.core.io import atomic, sha256
from synthgym.core.settings import ConfigError

MANIFEST = "manifest.json"
MAPPINGS = ("inputs", "outputs", "upstream", "versions")  # in a manifest
DEPTH = 50  # of mappings and lists within others; more is nonsense


def mapping(path: Path | str) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none, or whatever else is in it."""
    try:
        value = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and _is_shallow(value) else {}


def remember(path: Path | str, content: Mapping[str, Any]) -> None:
    """Write what `remembered` gives, with its checksum; in its order, which may mean something."""
    with atomic(path) as temporary:
        file = {"content": content, "sha256": _checksum(content)}
        temporary.write_text(json.dumps(file, indent=1) + "\n", "utf-8")


def cache(path: Path | str, content: Mapping[str, Any]) -> None:
    """Do the same where that can be done: without it, no more is lost than time."""
    with suppress(OSError):
        remember(path, content)


def remembered(path: Path | str) -> dict[str, Any]:
    """What `remember` wrote; empty where there is nothing, or where anything in it has changed."""
    file = mapping(path)
    content = file.get("content")
    if not isinstance(content, dict) or file.get("sha256") != _checksum(content):
        return {}
    return content


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _is_shallow(value: object, depth: int = DEPTH) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_is_shallow(item, depth - 1) for item in items)


def manifest(out: Path | str) -> dict[str, Any] | None:
    """The manifest of a directory of results; None where there is none that a job wrote.

    It travels with the results, so it is a stranger's: what it names as outputs are names in its
    own directory, or it counts as none.
    """
    value = mapping(Path(out, MANIFEST))
    if not {"inputs", "outputs"} <= value.keys():
        return None
    typed = all(isinstance(value.get(name, {}), dict) for name in MAPPINGS)
    typed &= isinstance(value.get("adopted", []), list)
    return value if typed and all(map(_is_name, value["outputs"])) else None


def checked(path: Path | str) -> str:
    """SHA-256 of a file; a ConfigError where the job that made it says another."""
    place, name = Path(path).parent, Path(path).name
    maker, checksum = manifest(place), sha256(path)
    if maker and maker["outputs"].get(name, checksum) != checksum:
        hint = "`snakemake` makes it again; to use it as it is, copy it elsewhere"
        raise ConfigError(f"{path} is not as {place / MANIFEST} says; {hint}.")
    return checksum


def _is_name(name: str) -> bool:
    plain = re.fullmatch(r"[^/\\\0]{1,255}", name)  # no file has a longer name
    return bool(plain) and name.isascii() and name not in (".", "..")
