"""Cards: what is known of a trained environment. JSON, read without JAX."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthgym.core.checking import check_known, short
from synthgym.core.definitions import definition, groups
from synthgym.zoo.bounded import read_json


def about_task(section: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The real task that an environment was made for, in words that need no plan."""
    check_known(section["name"], groups("task"), "task", where, "conf/task")
    known = definition("task", section["name"])
    return {
        **{key: section[key] for key in ("name", "id", "action", "horizon", "options")},
        **{key: known[key] for key in ("observation_names", "solved", "reference")},
    }


def read_card(path: Path) -> dict[str, Any]:
    """A card; raises ValueError where the file is none."""
    card = read_json(path)
    words = ("name", "variant", "version", "sha256")
    if not isinstance(card, dict) or not all(isinstance(card.get(word), str) for word in words):
        raise ValueError(f"{path} is not the card of an environment.")
    if not isinstance(card.get("config"), dict):
        raise ValueError(f"{path}: config must be a mapping, not {short(card.get('config'))}.")
    return card
