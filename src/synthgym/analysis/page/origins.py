"""Where is each number from? The manifests of all jobs behind a page, put together.

Jobs that differ by nothing but their seed are one entry. Sections of configurations are kept once,
by what is in them: many jobs have the same.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthgym.analysis.core.tables import REAL, place
from synthgym.core.io import read_json
from synthgym.jobs.provenance import digest

# Sections that are mappings of whole tasks.
KINDS = ("", "expert_", "choice_", "insight_", "reward_", "mdp_", "transform_")
BY_TASK = tuple(f"{kind}tasks" for kind in KINDS)
ENVIRONMENT = "environment.safetensors"
Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """A part of a configuration; the same content has the same `key`."""

    key: str
    name: str
    json: str


@dataclass
class Entry:
    """Jobs of a stage that differ by their seed only."""

    stage: str
    task: str
    environment: str
    agent: str
    code: str
    sections: list[Section]
    software: str  # key of the versions of libraries
    seeds: list[int] = field(default_factory=list)
    places: list[str] = field(default_factory=list)  # directories of results
    checksums: list[str] = field(default_factory=list)  # of the environments made or used; SHA-256

    @property
    def place(self) -> str:
        """Where its results lie, with * for several seeds."""
        several = len(self.places) > 1
        places = (re.sub("/seed[0-9]+", "/seed*", at) if several else at for at in self.places)
        return " ".join(dict.fromkeys(places))


@dataclass(frozen=True)
class Origins:
    """All entries, in the order of the method; what they share, by key."""

    entries: list[Entry]
    sections: dict[str, Section]
    software: dict[str, Mapping[str, str]]

    def of(self, task: str) -> list[Entry]:
        """Those about one task; about none in particular where it is empty."""
        return [entry for entry in self.entries if entry.task == task]

    def at(self, place: Path | str) -> Entry:
        """The one whose results lie in that directory. Raises ValueError if there is none."""
        for entry in self.entries:
            if str(place) in entry.places:
                return entry
        raise ValueError(f"{place} has no manifest.json among the inputs: make it again.")


def read(paths: Iterable[Path], order: Iterable[str]) -> Origins:
    """Of manifest.json files; `order` is that of the stages.

    Raises ValueError, which names the file, where one is not there or is no manifest.
    """
    entries: dict[str, Entry] = {}
    software: dict[str, Mapping[str, str]] = {}
    for path in sorted(paths):
        manifest = read_json(path)
        if not isinstance(manifest, dict) or not {"stage", "config", "code"} <= manifest.keys():
            raise ValueError(f"{path} is no manifest: remove {path.parent}, and make it again.")
        versions = manifest.get("versions", {})
        software[digest(versions)] = versions
        entry = _entry(path, manifest)
        key = digest(
            [
                entry.stage,
                entry.task,
                entry.environment,
                entry.agent,
                entry.code,
                [section.key for section in entry.sections],
                entry.software,
            ]
        )
        entry = entries.setdefault(key, entry)
        entry.places.append(str(path.parent))
        entry.checksums += _environments(manifest)
        if "seed" in manifest["config"]:
            entry.seeds.append(manifest["config"]["seed"])
    stages = list(order)
    ordered = sorted(
        entries.values(),
        key=lambda e: (stages.index(e.stage), e.task, e.environment, e.agent, e.places),
    )
    sections = {section.key: section for entry in ordered for section in entry.sections}
    return Origins(ordered, sections, software)


def _entry(path: Path, manifest: Manifest) -> Entry:
    config = manifest["config"]
    used = [*config.get("agents", {}), config.get("clients", {}).get("agent")]
    about = [name for name in used if name in path.parts]
    return Entry(
        stage=manifest["stage"],
        task=config.get("task", {}).get("name", ""),
        environment=_environment(path),
        agent=about[0] if about else "",
        code=manifest["code"],
        sections=sorted(_sections(config), key=lambda section: section.name),
        software=digest(manifest.get("versions", {})),
    )


def _environment(path: Path) -> str:
    """The environment, by its place; nothing for what belongs to none."""
    if "clients" in path.parts[:-3]:
        environment = path.parts[path.parts.index("clients") + 2]
    elif "insight" in path.parts[:-3]:
        environment = path.parts[path.parts.index("insight") + 2]
    elif "tasks" in path.parts[:-3]:
        _, environment, _ = place(path)
    else:
        return ""
    return "" if environment in (REAL, "teacher") else environment


def _sections(config: Manifest) -> Iterable[Section]:
    for name, value in config.items():
        if name in ("seed", "scale"):
            continue
        if name == "agents" or name in BY_TASK:
            whole = "agent" if name == "agents" else "task"
            yield from (_section(f"{whole} {part}", below) for part, below in value.items())
        else:
            yield _section(
                f"task {value['name']}" if name == "task" and "name" in value else name, value
            )


def _section(name: str, value: Any) -> Section:
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
    return Section(digest([name, value]), name, text)


def _environments(manifest: Manifest) -> list[str]:
    made = manifest.get("outputs", {}).get(ENVIRONMENT)
    used = (
        checksum
        for path, checksum in manifest.get("inputs", {}).items()
        if Path(path).name == ENVIRONMENT
    )
    return [made] if made else list(used)
