"""Throw-away clones of this repository, in which Snakemake and DVC really run.

`with_fake_stages` replaces the stages by ones that write a line of text, and count what they do.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import yaml

from synthgym.jobs.codehash import module_file
from synthgym.stages import STAGES

ROOT = Path(__file__).parents[1]
SCALE = "smoke"
MORE: Mapping[str, str] = {}  # environment variables, besides those of the tests
FAKE = '''
"""A stand-in: says what it does in work/runs.log, writes what it was given."""

import os
import time
from pathlib import Path

from synthgym.core.settings import plain
from synthgym.jobs.provenance import digest

STAGE, OUTPUTS = "{stage}", {outputs}


def run(config, inputs, out, checkpoint):
    state = checkpoint / "steps"
    start = int(state.read_text()) if state.exists() else 0
    for step in range(start, 3):
        with open("work/runs.log", "a") as log:
            log.write(f"{{out}} {{step}}\\n")
        while os.environ.get("FAKE_STOP") == str(step) and not Path("work/go").exists():
            time.sleep(0.05)
        state.write_text(str(step + 1))
    given = plain(config)
    given.get("meta", {{}}).pop("generations", None)  # more lead to the same result here
    read = [Path(path).read_text() for paths in inputs.values() for path in paths]
    for name in OUTPUTS:
        (out / name).write_text(digest([STAGE, name, given, read]) + "\\n")
    if "summary.json" in OUTPUTS:
        (out / "summary.json").write_text('{{"number": 1}}\\n')
    return OUTPUTS


def run_together(jobs):
    assert len(jobs) == 1 or STAGE == "metatrain"
    return [run(*job) for job in jobs]
'''
STATES = """
from pathlib import Path

from synthgym.jobs.codehash import remember
from synthgym.jobs.provenance import Provenance
from synthgym.plan.plan import Plan

Path("work").mkdir(exist_ok=True)  # modules and configurations that were read are kept there
plan = Plan.load()
plan.check(plan.scale)
jobs = plan.jobs(plan.scale)
provenance = Provenance(jobs)
for out in jobs:
    provenance.state(out)
remember()
"""
OUTDATED = f"""{STATES}
print(*(out for out in jobs if not provenance.state(out).verified), sep="\\n")
"""
COMPUTE = f"""
from synthgym.jobs.run import execute, prepare_devices

prepare_devices(1)  # core, as Snakemake gives to each but meta-trainings
{STATES}
for state in provenance.states.values():  # in their order: what a job needs comes before it
    execute(state.spec)
"""
EXPERIMENTS = {"comparisons": ["inner_loop"]}  # of scale smoke, which figures are named after
OUTPUTS = {
    name: [*stage.outputs, *(file for file, _ in stage.drawn(EXPERIMENTS))]
    for name, stage in STAGES.items()
    if not stage.package
}


class Clone:
    """A copy of the repository with its own Git, DVC and results."""

    def __init__(self, path: Path, more: Mapping[str, str] = MORE):
        """`more`: environment variables of all that runs in it."""
        self.path, self.more = path, more

    @classmethod
    def of_working_tree(cls, path: Path, more: Mapping[str, str] = MORE) -> "Clone":
        """What git would track here, with its own history; scale smoke is the versioned one."""
        listed = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).splitlines()
        for name in listed:
            if (ROOT / name).exists() and not name.startswith(("results/", "dvc-store/")):
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, path / name, follow_symlinks=False)
        clone = cls(path, more)
        (path / "dvc.lock").unlink(missing_ok=True)
        (path / "dvc.yaml").write_text(_versioned((path / "dvc.yaml").read_text()))
        clone.edit("params.yaml", r"^scale: \w+", f"scale: {SCALE}")
        clone.edit(".gitignore", r"(?m)^/results/smoke/\n", "")
        clone.git("init", "-q", "-b", "main")
        clone.git("add", "-A")
        clone.git("commit", "-qm", "working tree")
        return clone

    def with_fake_stages(self) -> "Clone":
        for stage, outputs in OUTPUTS.items():
            original = module_file(STAGES[stage].module)
            assert original
            file = self.path / original.relative_to(ROOT)
            file.write_text(FAKE.format(stage=stage, outputs=outputs).lstrip())
        self.commit("fake stages")
        return self

    def publish(self) -> "Clone":
        """Commit and push everything to the store in the repository."""
        self.dvc("push", "-q")
        self.commit("results")
        return self

    def clone(self, path: Path) -> "Clone":
        run("git", "clone", "-q", str(self.path), str(path), cwd=path.parent)
        return Clone(path, self.more)

    def copy(self, path: Path) -> "Clone":
        """All of it, with records and checkpoints: much faster than a clone and `dvc pull`."""
        shutil.copytree(self.path, path, symlinks=True)
        return Clone(path, self.more)

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", message)

    def edit(self, file: str, pattern: str, replacement: str) -> None:
        """Replace what matches; it must be there."""
        text = (self.path / file).read_text()
        changed, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        assert count, f"{pattern} is not in {file}"
        (self.path / file).write_text(changed)

    def edit_acrobot(self, section: str) -> None:
        """Add a section to that task of scale smoke, such as "meta: {population: 6}"."""
        begin = "      acrobot:\n        "
        self.edit(
            "params.yaml", f"{begin}only: {{agents", f"{begin}{section}\n        only: {{agents"
        )

    def git(self, *words: str) -> str:
        return self.run("git", *words)

    def dvc(self, *words: str) -> str:
        return self.run("dvc", *words)

    def run(self, *words: str, fails: bool = False) -> str:
        """What a program says in the clone; see `run`."""
        return run(*words, cwd=self.path, fails=fails, more=self.more)

    def python(self, script: str) -> str:
        """What a script says that imports the package of this clone."""
        own = {**self.more, "PYTHONPATH": str(self.path / "src")}
        return run(sys.executable, "-c", script, cwd=self.path, more=own)

    def compute(self) -> None:
        """Do all jobs of the scale one after another in one process, which imports JAX once."""
        self.python(COMPUTE)

    def outdated(self) -> set[str]:
        """The jobs that are not verified by their manifests, named as by `planned`."""
        outs = self.python(OUTDATED).split()
        return {out.removeprefix(f"results/{SCALE}").lstrip("/") or "summary" for out in outs}

    def snakemake(self, *words: str) -> str:
        return self.run("snakemake", "--cores", "2", *words)

    def planned(self, *words: str) -> set[str]:
        """The jobs that `snakemake -n` names, by their directory without results/<scale>."""
        said = self.snakemake("-n", *words)
        jobs = set(re.findall(rf"^Job \d+: results/{SCALE}(\S*)$", said, flags=re.MULTILINE))
        assert bool(jobs) != ("Nothing to be done" in said), said
        return {job.lstrip("/") or "summary" for job in jobs}

    def stages(self, *words: str) -> set[str]:
        """The stages that `dvc status` or `dvc repro --dry` name as changed."""
        if words == ("status",):
            said = self.dvc("status")
            return set(re.findall(r"^(\S+):$", said, flags=re.MULTILINE))
        return set(re.findall(r"^Running stage '(\S+)'", self.dvc(*words), flags=re.MULTILINE))

    def computed(self) -> Counter[str]:
        """What fake stages did since the last call: job -> steps."""
        log = self.path / "work/runs.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        names = (line.split()[0].removeprefix(f"results/{SCALE}").lstrip("/") for line in lines)
        return Counter(name or "summary" for name in names)

    def shuffle_times(self, seed: int) -> None:
        """File times in any order, as `dvc pull` and `git clone` leave them."""
        files = sorted(path for path in (self.path / "results").rglob("*") if path.is_file())
        for i, path in enumerate(files):
            when = 1_600_000_000 + (i * 7919 * (seed + 1)) % 104_729
            os.utime(path, (when, when))

    def start(self, *words: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Snakemake, or another program, in the background."""
        with open(self.path / "log", "ab") as log:
            return subprocess.Popen(
                words,
                cwd=self.path,
                env=_environment({**self.more, **environment}),
                stdout=log,
                stderr=log,
            )

    def wait_for(self, text: str, file: str = "work/runs.log", seconds: float = 120) -> None:
        """Until a fake stage has said so, or another program in its file."""
        until = time.monotonic() + seconds
        while not ((self.path / file).exists() and text in (self.path / file).read_text()):
            assert time.monotonic() < until, f"{text} was never said"
            time.sleep(0.05)

    def go(self) -> None:
        """Let stages go on that FAKE_STOP stopped at a step."""
        (self.path / "work/go").touch()


def _versioned(dvc: str) -> str:
    """The stages of DVC for scale smoke: those of quick, and of objectives, which that has not."""
    plan = yaml.safe_load(dvc)
    kept = re.compile("quick.*|standard-objectives")
    stages = {k: v for k, v in plan["stages"].items() if not k.startswith(("standard", "clients"))}
    for stage in stages.values():
        every = stage.get("foreach")
        if isinstance(every, dict):
            stage["foreach"] = {key: of for key, of in every.items() if kept.fullmatch(key)}
        elif isinstance(every, list):
            stage["foreach"] = [key for key in every if kept.fullmatch(key)]
    stages["quick-page"]["deps"] += [f"results/quick/objective{end}" for end in ("s", "_report")]
    metrics = [path for path in plan["metrics"] if "/quick/" in path or "objective" in path]
    text = yaml.safe_dump({"stages": stages, "metrics": metrics}, sort_keys=False)
    return re.sub("quick|standard", SCALE, text)


def run(
    *words: str,
    cwd: Path,
    fails: bool = False,
    more: Mapping[str, str] = MORE,
    seconds: float = 1200,  # of the whole smoke plan beside other work
) -> str:
    """What a program says; an assertion where it fails (or, with `fails`, where it does not)."""
    done = subprocess.run(
        words,
        cwd=cwd,
        env=_environment(more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert (done.returncode != 0) == fails, f"{' '.join(words)}\n{done.stdout}"
    return done.stdout


def descendants(pid: int) -> list[int]:
    """Of a process: its children, theirs, and so on."""
    said = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    children: dict[int, list[int]] = {}
    for line in said.stdout.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    names = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Test")
    mails = dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "test@example.org")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "PYTHONPATH")}
    return {**own, **names, **mails, "DVC_NO_ANALYTICS": "1", "PATH": path, **more}
