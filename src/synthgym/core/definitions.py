"""Definitions in conf/: agents, tasks, synthetic environments and strategies, by name."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from synthgym.core.settings import merged

CONF = Path(__file__).parents[1] / "conf"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as Hydra reads it: 1e-3 is a number, too. Ten times as fast where LibYAML is."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    [*"-+.0123456789"],
)


@cache
def groups(kind: str) -> tuple[str, ...]:
    """The names of the files in conf/<kind>/, but for `_base`, which has what they share."""
    return tuple(sorted(path.stem for path in (CONF / kind).glob("[!_]*.yaml")))


@cache
def definition(kind: str, name: str) -> dict[str, Any]:
    """conf/<kind>/<name>.yaml over what it takes from others (`defaults`)."""
    values: dict[str, Any] = yaml.load((CONF / kind / f"{name}.yaml").read_text("utf-8"), _Loader)
    others = [other for other in values.pop("defaults", []) if other != "_self_"]
    whole: dict[str, Any] = {}
    for layer in (*(definition(kind, other) for other in others), values):
        whole = merged(whole, layer)
    return whole
