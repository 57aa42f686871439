"""Which results are up to date? Decided by content, so that it holds in any clone.

Every job leaves a `manifest.json` next to its outputs: its configuration, the fingerprint of its
code, and the SHA-256 of its inputs and outputs. It travels with the outputs (DVC, rsync, ...).
Before Snakemake plans, each manifest is compared with what the job would be given now. Verified
jobs get `ancient` inputs (neither file times nor missing inputs matter); outdated ones get a
rewritten spec file, which Snakemake sees as an updated input.
"""

import datetime as dt
import hashlib
import json
import os
import subprocess
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from synthgym.core.io import sha256, write_json
from synthgym.jobs import kept, software
from synthgym.jobs.codehash import PACKAGE, fingerprint, plumbing
from synthgym.jobs.kept import MANIFEST
from synthgym.jobs.planned import Job
from synthgym.stages import STAGES

OWN = ("stage", "config", "code")  # what decides, besides the content of the inputs
# Decides as well. Manifests from times before it was noted are not compared in it.
NOTED = ("files", "flags", "plumbing")
UNREADABLE = "unreadable"  # in the place of a checksum: a directory, or a file of others
SET_BY_JOBS = f"{PACKAGE}.jobs.software:of_job"  # before a stage computes


@dataclass
class State:
    """A job, as it would be done now, against what its manifest says was done."""

    spec: dict[str, Any]
    key: str
    manifest: dict[str, Any] | None
    files: dict[str, list[str]] = field(default_factory=dict)
    why: str | None = None  # the reason to run again
    adopted: bool = False  # its manifest has other code on disk, or had

    @property
    def verified(self) -> bool:
        """The outputs are all there, and are what the job would make now."""
        if not self.manifest or self.why:
            return False
        out = self.spec["out"]
        return all(os.path.exists(f"{out}/{name}") for name in self.manifest["outputs"])


class Provenance:
    """States of jobs.

    `jobs` are those of a plan by their directories; `forced(stage, out)` says whether one is to
    run in any case; `accept_code`, whether the present code is adopted in the manifests of results
    that agree with the plan in everything else, and `writes`, whether manifests on disk then say
    so. What a report would show of the directories that are `left_out(out)` it does without.
    """

    def __init__(
        self,
        jobs: Mapping[str, Job],
        forced: Callable[[str, str], bool] = lambda stage, out: False,
        accept_code: bool = False,
        writes: Callable[[], bool] = lambda: True,
        left_out: Callable[[str], bool] = lambda out: False,
    ):
        self.jobs, self.forced, self.left_out = jobs, forced, left_out
        self.accept_code, self.writes = accept_code, writes
        self.states: dict[str, State] = {}
        self.checksum = Checksums()

    def state(self, out: str) -> State:
        """The state of the job that makes the directory `out`."""
        if out not in self.states:
            self.states[out] = self._state(self.jobs[out])
        return self.states[out]

    @property
    def adopted(self) -> list[str]:
        """Directories of results in whose manifests the present code takes the place of other."""
        return sorted(out for out, state in self.states.items() if state.adopted)

    @property
    def elsewhere(self) -> dict[str, int]:
        """Versions of libraries that computed results, and are not here -> how many they did."""
        here, found = software.versions(), Counter[str]()
        for out, state in self.states.items():
            if state.verified and state.manifest and not STAGES[self.jobs[out].stage].report:
                by = state.manifest.get("versions", {})
                others = [f"{k} {by[k]}" for k in software.EXACT if by.get(k, here[k]) != here[k]]
                found.update(filter(None, [", ".join(others)]))
        return dict(found)

    def _state(self, job: Job) -> State:
        stage = STAGES[job.stage]
        config = pick(job.config(()), stage.uses)
        own: dict[str, Any] = {"stage": job.stage, "config": config}
        own["code"] = stage_code(job.stage, config)
        files = {name: list(paths) for name, paths in job.needs.items()}
        if stage.report:
            files = {name: [p for p in ps if not self._lacks(p)] for name, ps in files.items()}
        inputs = [path for paths in files.values() for path in paths]
        places = sorted({os.path.dirname(path) for path in inputs})
        ups = {place: self.state(place) for place in places if place in self.jobs}
        upstream = {place: up.key for place, up in ups.items()}
        forced = self.forced(job.stage, job.out)
        key = digest([own, upstream])
        own |= {"files": files, "flags": flags(job.stage)}
        own["plumbing"] = stage_plumbing(job.stage, config)
        spec = {**own, "out": job.out, "upstream": upstream, "forced": forced}
        state = State(spec, key, kept.manifest(job.out), files)
        if forced:
            state.why = "forced"
        elif state.manifest is None and os.path.exists(f"{job.out}/{MANIFEST}"):
            state.why = f"{job.out}/{MANIFEST} is none that a job wrote"
        elif state.manifest:
            state.why = self._why(state.manifest, own, job.out, inputs, ups)
            if state.why and self.accept_code and not stage.report:  # reports are made in seconds
                self._adopt(state, own, inputs, ups)
        return state

    def _lacks(self, path: str) -> bool:
        place = os.path.dirname(path)
        return place in self.jobs and self.left_out(place)

    def _adopt(
        self, state: State, own: dict[str, Any], inputs: list[str], ups: Mapping[str, State]
    ) -> None:
        """Take the present code for that of a result, if nothing but the code is another one."""
        out, old = state.spec["out"], state.manifest or {}
        # Of results that are not here nobody knows whether only their code is another one.
        here = {place: up.key for place, up in ups.items() if up.manifest}
        new = {**old, "code": own["code"], "upstream": here}
        if "plumbing" in old:
            new["plumbing"] = own["plumbing"]
        if self._why(new, own, out, inputs, ups):
            return
        today = dt.datetime.now(dt.UTC).date().isoformat()
        adopted = {"code": old.get("code"), "commit": commit(), "date": today}
        new["adopted"] = [*old.get("adopted", []), adopted]
        state.manifest, state.why, state.adopted = new, None, True
        if self.writes():
            write_json(f"{out}/{MANIFEST}", new)

    def _why(
        self,
        old: dict[str, Any],
        own: dict[str, Any],
        out: str,
        inputs: list[str],
        ups: Mapping[str, State],
    ) -> str | None:
        """The reason why what was done is not what would be done now."""
        if changed := difference(comparable(old, own), own):
            return changed
        if set(old["inputs"]) != set(inputs):
            return "other inputs"
        modified = [
            f for f, c in old["outputs"].items() if self.checksum(f"{out}/{f}") not in (c, None)
        ]
        if modified:
            return f"modified after the run: {', '.join(modified)}"
        absent = [place for place, up in ups.items() if up.manifest is None]
        if absent and STAGES[own["stage"]].report:
            return f"{absent[0]} is to be made first"
        reasons = (_upstream(place, up, old) for place, up in ups.items())
        return next(filter(None, reasons), None) or self._lies_otherwise(old, inputs, ups)

    def _lies_otherwise(
        self, old: dict[str, Any], inputs: Sequence[str], ups: Mapping[str, State]
    ) -> str | None:
        """The first input of which no manifest speaks, and that is not what it was.

        Such are files of the repository, and manifests themselves.
        """
        for path in inputs:
            place, _, name = path.rpartition("/")
            if place in ups and name != MANIFEST:
                continue
            adopted = place in ups and ups[place].adopted  # and may not be written yet
            if adopted or self.checksum(path) not in (old["inputs"][path], None):
                return f"{path} has other content"
        return None


def _upstream(directory: str, up: State, old: dict[str, Any]) -> str | None:
    if up.why:
        return f"{directory} is out of date"
    if up.manifest is None:  # not on this machine: compare what it would be made from
        return (
            None
            if old.get("upstream", {}).get(directory) == up.key
            else f"{directory} would be made differently"
        )
    for path, checksum in old["inputs"].items():
        place, _, name = path.rpartition("/")
        made = place == directory and name != MANIFEST
        if made and up.manifest["outputs"].get(name) != checksum:
            return f"{path} has other content"
    return None


def pick(config: Mapping[str, Any], uses: Sequence[str]) -> dict[str, Any]:
    """The parts of a configuration that `uses` names: `task` or `task.horizon`."""
    picked: dict[str, Any] = {}
    for name in uses:
        *parents, last = name.split(".")
        source, target = config, picked
        for parent in parents:
            source, target = source[parent], target.setdefault(parent, {})
        target[last] = source[last]
    return picked


def comparable(old: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest says of all that decides; of what it does not know, what would be now."""
    return {k: old.get(k) for k in OWN} | {k: old.get(k, own[k]) for k in NOTED}


def stage_code(stage: str, config: Mapping[str, Any]) -> str:
    """Fingerprint of the stage's module and of those that the configuration names."""
    return fingerprint(*_modules(stage, config))


def stage_plumbing(stage: str, config: Mapping[str, Any]) -> str:
    """Fingerprint of what these take of plumbing, and of what jobs set before they compute."""
    first = () if STAGES[stage].report else (SET_BY_JOBS,)
    return plumbing(*first, *_modules(stage, config))


def flags(stage: str) -> dict[str, str]:
    """Flags of JAX and XLA that decide; none where a stage does not compute by them."""
    return {} if STAGES[stage].report else software.flags()


def _modules(stage: str, config: Mapping[str, Any]) -> list[str]:
    named = {
        value
        for _, value in leaves(config)
        if isinstance(value, str) and value.startswith(f"{PACKAGE}.")
    }
    return [STAGES[stage].module, *sorted(named)]


@cache
def commit() -> str | None:
    """The commit that is checked out, `-dirty` where files differ from it; None without Git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


def digest(value: object) -> str:
    """16 hex digits of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def leaves(value: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of everything in a nested mapping that is no mapping itself."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """`config.meta.population: 64 -> 32, ...`; empty if there is none."""
    if old == new:
        return ""
    before, after = dict(leaves(old)), dict(leaves(new))
    return ", ".join(
        f"{name}: {_brief(before.get(name, '-'))} -> {_brief(after.get(name, '-'))}"
        for name in sorted(before | after)
        if before.get(name, "-") != after.get(name, "-")
    )


def _brief(value: object) -> str:
    return textwrap.shorten(str(value), 80, placeholder=" ...")


class Checksums:
    """SHA-256 of files, computed once for each state of a file (inode, size, times)."""

    def __init__(self, path: Path | str = "work/checksums.json"):
        self.path = Path(path)
        self.known = kept.remembered(self.path)
        self.used: dict[str, list[str]] = {}

    def __call__(self, path: str) -> str | None:
        try:
            stat = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        state = f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"
        known = self.known.get(path, [])
        if known[:1] != [state]:
            try:
                known = [state, sha256(path)]
            except OSError:
                return UNREADABLE
        self.used[path] = known
        return self.used[path][1]

    def save(self) -> None:
        """Keep them for the next time."""
        if {**self.known, **self.used} != self.known:
            kept.cache(self.path, {**self.known, **self.used})
