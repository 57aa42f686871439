"""Which results are up to date? Decided by content, so that it holds in any clone.

Every job leaves a `manifest.json` next to its outputs: its configuration, the fingerprint of its
code, and the SHA-256 of its inputs and outputs. It travels with the outputs (DVC, rsync, ...).
Before Snakemake plans, each manifest is compared with what the job would be given now. Verified
jobs get `ancient` inputs (neither file times nor missing inputs matter); outdated ones get a
rewritten spec file, which Snakemake sees as an updated input.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthgym.core.io import read_json, sha256, write_json
from synthgym.jobs.codehash import PACKAGE, fingerprint

MANIFEST = "manifest.json"
OWN = ("stage", "config", "code")  # what decides, besides the content of the inputs
# What an agent that learns has to do with of a task: not what it is judged or drawn by.
TASK = tuple(
    f"task.{name}"
    for name in (
        *("name", "id", "module", "observation_size", "num_states", "action", "horizon"),
        "options",
    )
)


@dataclass(frozen=True)
class Stage:
    """A step of the method."""

    module: str  # has its `run`
    uses: tuple[str, ...]  # of the configuration: sections, or settings as `task.horizon`
    # Made again whenever what it shows is: it is cheap, and shows seconds, which no key foretells.
    with_inputs: bool = False


STAGES = {
    "metatrain": Stage(f"{PACKAGE}.meta.evolve", ("seed", *TASK, "synth", "meta", "agents")),
    "teacher": Stage(f"{PACKAGE}.meta.teacher", ("seed", *TASK, "teacher")),
    "distil": Stage(
        f"{PACKAGE}.meta.distillation", ("seed", *TASK, "synth", "distil", "teacher.agents")
    ),
    "transfer": Stage(
        f"{PACKAGE}.evaluation.transfer", ("seed", *TASK, "synth", "transfer", "agents")
    ),
    "baseline": Stage(f"{PACKAGE}.evaluation.baseline", ("seed", *TASK, "baseline", "agents")),
    "expert": Stage(f"{PACKAGE}.evaluation.expert", ("seed", *TASK, "expert", "agents")),
    "behaviour": Stage(
        f"{PACKAGE}.evaluation.behaviour",
        (
            "seed",
            *TASK,
            "task.observation_names",
            "task.surface",
            "synth",
            "behaviour",
            "agents",
        ),
    ),
    "rollout": Stage(
        f"{PACKAGE}.evaluation.rollout",
        ("seed", *TASK, "task.observation_names", "synth", "transfer.steps", "agents"),
    ),
    "choices": Stage(
        f"{PACKAGE}.evaluation.choices",
        ("seed", *TASK, "synth", "distil", "teacher", "choices", "agents"),
    ),
    "insight": Stage(
        f"{PACKAGE}.evaluation.insight",
        (
            "seed",
            *TASK,
            "task.observation_names",
            "mirror",
            "synth",
            "insight",
            "transfer.steps",
            "agents",
        ),
    ),
    "insight_report": Stage(f"{PACKAGE}.analysis.insight", ("scale", "insight_tasks"), True),
    "clients": Stage(f"{PACKAGE}.evaluation.clients", ("seed", *TASK, "synth", "clients")),
    "client_baseline": Stage(f"{PACKAGE}.evaluation.clients", ("seed", *TASK, "clients")),
    "reward_study": Stage(f"{PACKAGE}.evaluation.family", (*TASK, "synth", "transfer", "agents")),
    "tune": Stage(f"{PACKAGE}.search.agents", ("seed", *TASK, "agents", "baseline", "search")),
    "reward_map": Stage(f"{PACKAGE}.evaluation.reward_map", (*TASK, "synth", "agents")),
    "reward_report": Stage(f"{PACKAGE}.analysis.rewards", ("scale", "reward_tasks"), True),
    "model": Stage(f"{PACKAGE}.meta.model", ("seed", *TASK, "synth", "model", "agents")),
    "mdp_study": Stage(f"{PACKAGE}.evaluation.family", (*TASK, "synth", "transfer", "agents")),
    "noise": Stage(
        f"{PACKAGE}.evaluation.noise",
        (*TASK, "task.observation_names", "synth", "noise", "agents"),
    ),
    "mdp_report": Stage(f"{PACKAGE}.analysis.mdps", ("scale", "mdp_tasks"), True),
    "objective": Stage(
        f"{PACKAGE}.meta.objectives",
        ("seed", *TASK, "synth", "meta", "agents", "objective"),
    ),
    "judge": Stage(
        f"{PACKAGE}.evaluation.objectives",
        ("seed", *TASK, "judge", "agents", "objective_name"),
    ),
    "objective_report": Stage(f"{PACKAGE}.analysis.objectives", ("scale", "objectives"), True),
    "transform_study": Stage(
        f"{PACKAGE}.meta.transforms", (*TASK, "synth", "meta", "agents", "transforms")
    ),
    "transform_report": Stage(f"{PACKAGE}.analysis.transforms", ("scale", "transform_tasks"), True),
    "search": Stage(
        f"{PACKAGE}.search.hyperparameters", ("seed", *TASK, "synth", "meta", "agents", "search")
    ),
    "search_comparison": Stage(
        f"{PACKAGE}.search.comparison", (*TASK, "synth", "meta", "agents", "comparison")
    ),
    "search_report": Stage(f"{PACKAGE}.analysis.searches", ("scale", "searches"), True),
    "comparison_study": Stage(
        f"{PACKAGE}.evaluation.family", (*TASK, "synth", "transfer", "agents")
    ),
    "comparison_report": Stage(f"{PACKAGE}.analysis.comparisons", ("scale", "comparisons"), True),
    "choice_report": Stage(f"{PACKAGE}.analysis.choices", ("scale", "choice_tasks"), True),
    "figures": Stage(f"{PACKAGE}.analysis.figures", ("scale", "task"), True),
    "experts": Stage(f"{PACKAGE}.analysis.experts", ("scale", "expert_tasks"), True),
    "page": Stage(
        f"{PACKAGE}.analysis.page", ("scale", "tasks", "expert_tasks", "choice_tasks"), True
    ),
    "summary": Stage(f"{PACKAGE}.analysis.summary", ("scale", "tasks"), True),
    "transfer_report": Stage(f"{PACKAGE}.analysis.transfer", ("scale", "tasks"), True),
}


@dataclass(frozen=True)
class Rule:
    """Where the jobs of a stage are, and what they need of others."""

    stage: str
    out: str  # directory, with wildcards
    # name -> path(s) with wildcards, or a function of the wildcards: outputs of jobs, manifests of
    # jobs, or files of the repository
    needs: Mapping[str, Any]


@dataclass
class Job:
    """One job, as it would be done now, against what its manifest says was done."""

    spec: dict[str, Any]
    key: str
    manifest: dict[str, Any] | None
    files: dict[str, list[str]] = field(default_factory=dict)
    why: str | None = None  # the reason to run again

    @property
    def verified(self) -> bool:
        """The outputs are all there, and are what the job would make now."""
        if not self.manifest or self.why:
            return False
        out = Path(self.spec["out"])
        return all((out / name).exists() for name in self.manifest["outputs"])


class Provenance:
    """All jobs.

    `resolve(**wildcards)` gives the whole configuration of one, `forced(stage, out)` says whether
    it is to run in any case. `accept_code` adopts the present code in the manifests.
    """

    def __init__(
        self,
        resolve: Callable[..., Mapping[str, Any]],
        forced: Callable[[str, str], bool] = lambda stage, out: False,
        accept_code: bool = False,
    ):
        self.resolve, self.forced, self.accept_code = resolve, forced, accept_code
        self.rules: list[tuple[re.Pattern[str], Rule]] = []
        self.jobs: dict[str, Job] = {}
        self.checksum = Checksums()

    def rule(self, stage: str, out: str, **needs: Any) -> Rule:
        rule = Rule(stage, out, needs)
        pattern = re.escape(out).replace(r"\{", "{").replace(r"\}", "}")
        self.rules.append((re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", pattern) + "$"), rule))
        return rule

    def job(self, out: str) -> Job:
        """The job that makes the directory `out`."""
        if out not in self.jobs:
            rule, wildcards = next((r, m.groupdict()) for p, r in self.rules if (m := p.match(out)))
            self.jobs[out] = self._job(rule, out, wildcards)
        return self.jobs[out]

    def behind(self, paths: Iterable[str]) -> list[str]:
        """The directories of all jobs that these outputs come from, however far back; sorted."""
        seen: set[str] = set()
        todo = [str(Path(path).parent) for path in paths]
        while todo:
            out = todo.pop()
            if out not in seen:
                seen.add(out)
                todo += self.job(out).spec["upstream"]
        return sorted(seen)

    def _job(self, rule: Rule, out: str, wildcards: dict[str, str]) -> Job:
        config = pick(self.resolve(**wildcards), STAGES[rule.stage].uses)
        own = {"stage": rule.stage, "config": config, "code": stage_code(rule.stage, config)}
        files = {name: _paths(need, wildcards) for name, need in rule.needs.items()}
        inputs = [path for paths in files.values() for path in paths]
        places = sorted({str(Path(path).parent) for path in inputs})
        ups = {d: self.job(d) for d in places if any(p.match(d) for p, _ in self.rules)}
        upstream = {d: up.key for d, up in ups.items()}
        old = read_json(Path(out, MANIFEST))
        forced = self.forced(rule.stage, out)
        if old and self.accept_code and old["code"] != own["code"]:
            old |= {
                "code": own["code"],
                "upstream": {d: k for d, k in upstream.items() if ups[d].manifest},
            }
            write_json(Path(out, MANIFEST), old)
        why = "forced" if forced else self._why(old, own, out, inputs, ups) if old else None
        spec = {**own, "out": out, "files": files, "upstream": upstream, "forced": forced}
        return Job(spec, digest([own, upstream]), old, files, why)

    def _why(
        self,
        old: dict[str, Any],
        own: dict[str, Any],
        out: str,
        inputs: list[str],
        ups: Mapping[str, Job],
    ) -> str | None:
        """The reason why what was done is not what would be done now."""
        if changed := difference({k: old.get(k) for k in OWN}, own):
            return changed
        if set(old["inputs"]) != set(inputs):
            return "other inputs"
        modified = [
            f for f, c in old["outputs"].items() if self.checksum(f"{out}/{f}") not in (c, None)
        ]
        if modified:
            return f"modified after the run: {', '.join(modified)}"
        absent = [d for d, up in ups.items() if up.manifest is None]
        if absent and STAGES[own["stage"]].with_inputs:
            return f"{absent[0]} is to be made first"
        reasons = (_upstream(d, up, old) for d, up in ups.items())
        return next(filter(None, reasons), None) or self._lies_otherwise(old, inputs, ups)

    def _lies_otherwise(
        self, old: dict[str, Any], inputs: Sequence[str], ups: Mapping[str, Job]
    ) -> str | None:
        """The first input of which no manifest speaks, and that is not what it was.

        Such are files of the repository, and manifests themselves.
        """
        for path in inputs:
            file = Path(path)
            known = str(file.parent) in ups and file.name != MANIFEST
            if not known and self.checksum(path) not in (old["inputs"][path], None):
                return f"{path} has other content"
        return None


def _paths(need: Any, wildcards: dict[str, str]) -> list[str]:
    paths = need(wildcards) if callable(need) else need
    return [path.format(**wildcards) for path in ([paths] if isinstance(paths, str) else paths)]


def _upstream(directory: str, up: Job, old: dict[str, Any]) -> str | None:
    if up.why:
        return f"{directory} is out of date"
    if up.manifest is None:  # not on this machine: compare what it would be made from
        return (
            None
            if old["upstream"].get(directory) == up.key
            else f"{directory} would be made differently"
        )
    for path, checksum in old["inputs"].items():
        if (
            str(Path(path).parent) == directory
            and Path(path).name != MANIFEST
            and up.manifest["outputs"].get(Path(path).name) != checksum
        ):
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


def stage_code(stage: str, config: Mapping[str, Any]) -> str:
    """Fingerprint of the stage's module and of those that the configuration names."""
    named = {
        value
        for _, value in leaves(config)
        if isinstance(value, str) and value.startswith(f"{PACKAGE}.")
    }
    return fingerprint(STAGES[stage].module, *sorted(named))


def digest(value: Any) -> str:
    """16 hex digits of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of everything in a nested mapping that is no mapping itself."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """`config.meta.population: 64 -> 32, ...`; empty if there is none."""
    before, after = dict(leaves(old)), dict(leaves(new))
    return ", ".join(
        f"{name}: {before.get(name, '-')} -> {after.get(name, '-')}"
        for name in sorted(before | after)
        if before.get(name, "-") != after.get(name, "-")
    )


class Checksums:
    """SHA-256 of files, computed once for each state of a file (inode, size, time)."""

    def __init__(self, path: Path | str = "work/checksums.json"):
        self.path = Path(path)
        self.known: dict[str, list[str]] = read_json(self.path) or {}
        self.used: dict[str, list[str]] = {}

    def __call__(self, path: str) -> str | None:
        try:
            stat = os.stat(path)
        except FileNotFoundError:
            return None
        state = f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns}"
        known = self.known.get(path)
        self.used[path] = known if known and known[0] == state else [state, sha256(path)]
        return self.used[path][1]

    def save(self) -> None:
        if {**self.known, **self.used} != self.known:
            write_json(self.path, {**self.known, **self.used})
