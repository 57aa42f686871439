"""Origin of each number: the manifests of all jobs behind a page, put together.

Jobs that differ by nothing but their seed are one entry. Sections of configurations are kept once,
by what is in them: many jobs have the same.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthgym.core.io import read_json
from synthgym.jobs.provenance import digest
from synthgym.stages import STAGES, labels

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
    adopted: list[Mapping[str, str]]  # {code, commit, date} by which it was computed, oldest first
    sections: list[Section]
    software: str  # key of the versions of libraries, and of flags
    seeds: list[int] = field(default_factory=list)
    places: list[str] = field(default_factory=list)  # directories of results
    checksums: list[str] = field(default_factory=list)  # of the environments made or used; SHA-256

    @property
    def alike(self) -> list[Any]:
        """All that jobs have in common that are one entry."""
        about = [self.stage, self.task, self.environment, self.agent, self.code, self.software]
        return [*about, self.adopted, [section.key for section in self.sections]]

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
    sources: dict[str, set[str]]  # directory of results -> those of the files it was made from

    def behind(self, *places: str) -> list[Entry]:
        """Those whose results lie in these directories, or were read to make these, and so on."""
        found: set[str] = set()
        while places:
            found.update(places)
            read = (self.sources.get(place, ()) for place in places)
            places = tuple({place for places in read for place in places} - found)
        return [entry for entry in self.entries if found & set(entry.places)]

    def at(self, place: Path | str) -> Entry:
        """The one whose results lie in that directory. Raises ValueError if there is none."""
        for entry in self.entries:
            if str(place) in entry.places:
                return entry
        raise ValueError(f"{place} has no manifest.json among the inputs: make it again.")


def read(paths: Iterable[Path]) -> Origins:
    """Read manifest.json files.

    Raises ValueError, which names the file, where one is not there or is no manifest.
    """
    entries: dict[str, Entry] = {}
    software: dict[str, Mapping[str, str]] = {}
    sources: dict[str, set[str]] = {}
    for path in sorted(paths):
        manifest = read_json(path)
        if not isinstance(manifest, dict) or not {"stage", "config", "code"} <= manifest.keys():
            raise ValueError(f"{path} is no manifest: remove {path.parent}, and make it again.")
        place = str(path.parent)
        versions = _software(manifest)
        software[digest(versions)] = versions
        sources[place] = {str(Path(file).parent) for file in manifest.get("inputs", {})}
        entry = _entry(path, manifest)
        entry = entries.setdefault(digest(entry.alike), entry)
        entry.places.append(place)
        entry.checksums += _environments(manifest)
        if "seed" in manifest["config"]:
            entry.seeds.append(manifest["config"]["seed"])
    stages = list(STAGES)
    ordered = sorted(
        entries.values(),
        key=lambda e: (stages.index(e.stage), e.task, e.environment, e.agent, e.places),
    )
    sections = {section.key: section for entry in ordered for section in entry.sections}
    return Origins(ordered, sections, software, sources)


def _entry(path: Path, manifest: Manifest) -> Entry:
    config, about = manifest["config"], labels(str(path.parent))
    used = [*config.get("agents", {}), config.get("clients", {}).get("agent")]
    return Entry(
        stage=manifest["stage"],
        task=config.get("task", {}).get("name", ""),
        environment=about.get("environment", about.get("arm", "")),
        agent=next((name for name in used if name in path.parts), ""),
        code=manifest["code"],
        adopted=manifest.get("adopted", []),
        sections=sorted(_sections(config), key=lambda section: section.name),
        software=digest(_software(manifest)),
    )


def _software(manifest: Manifest) -> dict[str, str]:
    """Versions of libraries, and flags by which they computed; an old manifest has no note of them.

    Of a report there are none, as it is made without JAX.
    """
    flags: Mapping[str, str] = {} if STAGES[manifest["stage"]].report else {"flags": "not noted"}
    if "flags" in manifest:
        flags = {**manifest["flags"], **manifest.get("machine", {})}
    return {**manifest.get("versions", {}), **flags}


def _sections(config: Manifest) -> Iterator[Section]:
    for name, value in config.items():
        if name in ("seed", "scale"):
            continue
        if name == "agents" or name.endswith("tasks"):  # mappings of whole agents, or tasks
            whole = "agent" if name == "agents" else "task"
            yield from (_section(f"{whole} {part}", below) for part, below in value.items())
        else:
            is_task = name == "task" and "name" in value
            yield _section(f"task {value['name']}" if is_task else name, value)


def _section(name: str, value: object) -> Section:
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
    return Section(digest([name, value]), name, text)


def _environments(manifest: Manifest) -> list[str]:
    if made := manifest.get("outputs", {}).get(ENVIRONMENT):
        return [made]
    used = manifest.get("inputs", {}).items()
    return [checksum for path, checksum in used if Path(path).name == ENVIRONMENT]
