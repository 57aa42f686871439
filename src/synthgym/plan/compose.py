"""Hydra composes configurations of conf/; what it composed before is remembered.

That takes a third of a second each, and a plan has dozens: so what came out is kept in
work/compositions.json, by all that went in.
"""

import copy
import hashlib
import json
from collections.abc import Collection, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore

from synthgym.core import settings
from synthgym.core.io import atomic, read_json
from synthgym.plan.layers import Values, plain
from synthgym.plan.schema import CONF, Config

KEPT = Path("work/compositions.json")
MOST = 2_000  # compositions kept; the oldest go


class Compositions:
    """Those of a file, and new ones."""

    def __init__(self, path: Path = KEPT):
        self.path = path
        known = read_json(path)
        self.known: dict[str, Values] = known if isinstance(known, dict) else {}
        self.new = False

    def compose(self, choices: Sequence[str], values: Values, absent: Collection[str]) -> Values:
        """The configuration of these choices in conf/, with `values` over it; plain dictionaries.

        Without the sections that are `absent`. Raises what Hydra does.
        """
        key = _digest([*choices], values, sorted(absent), _ground())
        if key not in self.known:
            self.known[key] = _composed(choices, values, absent)
            self.new = True
        own: Values = copy.deepcopy(self.known[key])  # nobody changes what is remembered
        return own

    def save(self) -> None:
        """For the next time, where the workflow has its directory."""
        if self.new and self.path.parent.is_dir():
            newest = dict(list(self.known.items())[-MOST:])
            with atomic(self.path) as temporary:  # not sorted: the order of agents means something
                temporary.write_text(json.dumps(newest))
            self.new = False


def _composed(choices: Sequence[str], values: Values, absent: Collection[str]) -> Values:
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    store.store(group="plan", name="chosen", node=values, package="_global_")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", overrides=[*choices, "+plan=chosen"])
    return plain(composed, absent=set(absent))


@cache
def _ground() -> str:
    """Of all that compositions come from but their choices and values."""
    files = [Path(settings.__file__), *sorted(CONF.rglob("*.yaml"))]
    versions = [version(name) for name in ("hydra-core", "omegaconf")]
    return _digest([path.read_text("utf-8") for path in files], versions)


def _digest(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]
