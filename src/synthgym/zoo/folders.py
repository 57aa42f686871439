"""Where are trained environments, and what are they called?

A zoo is a folder with `index.json` and <name>/<variant>/{environment.safetensors, card.json}. This
one is in the package (`zoo/` of a checkout); other versions are in the user's cache.
"""

import os
from pathlib import Path
from typing import Any

from synthgym.core.checking import check_known
from synthgym.zoo.bounded import read_json

HERE = Path(__file__).parent / "environments"  # in an installed wheel
CHECKOUT = Path(__file__).parents[3] / "zoo"
CACHE = "SYNTHGYM_CACHE"  # environment variable: a folder for what can be fetched or made again
INDEX, CARD, ENVIRONMENT = "index.json", "card.json", "environment.safetensors"


def own() -> Path:
    """The folder of the zoo that came with the package."""
    return HERE if HERE.is_dir() else CHECKOUT


def cache() -> Path:
    """The user's folder for what can be fetched or made again."""
    if chosen := os.environ.get(CACHE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "synthgym"


def fetched() -> Path:
    """The folder that has a zoo for each version that was fetched."""
    return cache() / "zoo"


def index(folder: Path | None = None) -> dict[str, Any]:
    """{"version": of all, "environments": {name: {"default": variant, "variants": [...]}}}.

    Of the zoo that came with the package unless another folder is given. Raises ValueError where
    there is no index, or it says something else.
    """
    path = (folder or own()) / INDEX
    content = read_json(path)
    environments = content.get("environments") if isinstance(content, dict) else None
    if not isinstance(environments, dict) or not all(map(_listed, environments.values())):
        raise ValueError(f"{path} is not the index of a zoo; `synthgym zoo collect` makes one.")
    return {"version": str(content.get("version")), "environments": environments}


def names() -> list[str]:
    """All environments that came with the package, sorted."""
    return sorted(index()["environments"])


def variants(name: str) -> list[str]:
    """How that environment was made, in so many ways; the default one first."""
    entry = _entry(index(), name, str(own()))
    return [entry["default"], *(v for v in entry["variants"] if v != entry["default"])]


def file(name: str, variant: str | None = None, version: str | None = None) -> Path:
    """The file of an environment. Raises ValueError where there is none of that name."""
    folder = own()
    if version is not None and version != index(folder)["version"]:
        folder = fetched() / safe(version, "version")
        if not folder.is_dir():
            raise ValueError(
                f"version {version} of {name} is not here; `synthgym zoo pull {name} --rev "
                f"{version} --repo REPOSITORY` fetches it."
            )
    entry = _entry(index(folder), name, str(folder))
    if variant is not None:
        check_known(variant, entry["variants"], "variant", name, str(folder))
    return folder / safe(name, "name") / safe(variant or entry["default"], "variant") / ENVIRONMENT


def safe(part: str, what: str) -> str:
    """Part of a path that stays where it is put. Raises ValueError."""
    if not part or part.startswith(".") or not all(c.isalnum() or c in "-_.+" for c in part):
        raise ValueError(f"{part!r} cannot be a {what}: use letters, digits, and - _ . + within.")
    return part


def _entry(content: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    check_known(name, sorted(content["environments"]), "environment", "zoo", where)
    entry: dict[str, Any] = content["environments"][name]
    return entry


def _listed(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    known, default = entry.get("variants"), entry.get("default")
    return isinstance(known, list) and default in known and all(isinstance(v, str) for v in known)
