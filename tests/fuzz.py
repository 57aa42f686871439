"""`make fuzz`: whatever is in a file or on the command line is accepted and sane, or refused.

Refused: by a ValueError, in one printable sentence. Sane: configurations are strict JSON of the
types that method code is given, their agents can be built, results lie below results/<scale>/; an
artefact has finite arrays of the shapes that its card says; manifests and caches stop no plan. No
case may take more than `SECONDS`, no process more than `MEGABYTES`, and none writes outside its
folder, starts a program or opens a connection: an audit hook of Python would see it.
"""

import argparse
import copy
import json
import os
import pickle  # noqa: TID251  to write what must not be loaded
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from synthgym.core.io import write_json

SECONDS, MEGABYTES = 5, 1000
FIGURES = Path(__file__).parents[1] / "docs" / "fuzz.json"
ROOT = Path(__file__).parents[1]
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 3, 0.5, -0.5, 1e3, 1e30, 1e-60, 2**31, 2**63, 10**400),
    *(float("inf"), float("-inf"), float("nan"), "", "x", "a b", "../../x", "$(touch RAN)"),
    *("\x1b[2J", "größe", "x" * 300, "1e3", "os", "synthgym.agents.dqn", "synthgym.tasks.repeat"),
    *("ppo", "dqn", "sac", "ddpg", "lpo", "nosuch", "cartpole", "pendulum", "bandit", "mdp"),
    *("real", "all", "default", "sampled", "meta", [], {}, [[]], [0], [-1], [1, 1], ["x"], [None]),
    *({"x": 1}, {"x": None}, {"name": "x"}, {"choice": [1, 2]}, {"uniform": [0, 2]}, [0.1, 0.2]),
)
Case = Callable[[random.Random, Path], bool]  # whether it was accepted


class Insane(Exception):  # noqa: N818
    """Something was accepted that is not sane, or refused by other than a sentence."""


def other(value: Any, rng: random.Random) -> Any:
    """Return another value: one beside it, or any."""
    if isinstance(value, bool | str | None) or rng.random() < 0.3:
        return copy.deepcopy(rng.choice(VALUES))
    if isinstance(value, int | float):
        near = (value + 1, value - 1, 2 * value, -value, 0, 1, value // 2)
        return rng.choice((*near, 10 * value, 7, 1e3, 0.1, 0.5))
    if isinstance(value, list) and value:
        some = [other(one, rng) if rng.random() < 0.5 else one for one in value]
        return rng.choice((some, some, some + some[:1], some[1:]))
    return copy.deepcopy(rng.choice(VALUES))


def changed(tree: Any, rng: random.Random) -> Any:
    """Return a copy with another value, name or key somewhere."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at: Any = {"": tree}
        key: Any = ""
        while isinstance(at[key], dict | list) and at[key] and rng.random() < 0.85:
            at = at[key]
            key = rng.choice(list(at) if isinstance(at, dict) else range(len(at)))
        if at is not tree and "" in at and len(at) == 1 and at[""] is tree:
            continue
        what = rng.random()
        if what < 0.15:
            del at[key]
        elif what < 0.25 and isinstance(at, dict):
            at[rng.choice([v for v in VALUES if isinstance(v, str | int | None)])] = at.pop(key)
        else:
            at[key] = other(at[key], rng)
    return tree


def flipped(blob: bytes, rng: random.Random) -> bytes:
    """Return the bytes cut off, or with some others among them."""
    found = bytearray(blob)
    for _ in range(rng.choice((1, 1, 2, 5, 50))):
        place = rng.randrange(len(found) + 1)
        old, new = rng.choice(((1, 1), (1, 1), (4, 4), (0, 1), (1, 0), (4, 0), (1, 4)))
        found[place : place + old] = rng.randbytes(new)
    return bytes(found[: rng.randrange(len(found) + 1)] if rng.random() < 0.2 else found)


def sentence(error: Exception) -> None:
    """Refuse an error that is no sentence."""
    said = str(error)
    if not said.isprintable() or not said.endswith((".", "?")) or len(said) > 2000:
        raise Insane(f"no sentence: {said!r}") from error


def sane(config: Mapping[str, Any]) -> None:
    """Refuse a configuration of a job that is not as method code needs it."""
    from synthgym.agents.base import load
    from synthgym.core.settings import Config
    from synthgym.core.spec import spec_of

    text = json.dumps(config, allow_nan=False)
    if "task" not in config:  # of a report
        return
    read = Config.read(json.loads(text))
    for agent in read.agents.values() if "agents" in read else ():
        load(agent, spec_of(read.task))


def plans(rng: random.Random, folder: Path) -> bool:
    """A plan with other values, checked as a whole; then every job's configuration."""
    from plans import COMPOSER, KINDS, PARTS, files
    from synthgym.plan.plan import Plan

    kind = rng.choice((None, *KINDS))
    parts = {"smoke": PARTS["smoke"]} | ({kind: PARTS[kind]} if kind else {})
    which = rng.choice(list(parts))
    parts = {**parts, which: changed(parts[which], rng)}
    smoke = parts["smoke"]
    if kind and isinstance(smoke, dict) and "experiments" not in smoke:
        smoke = {**smoke, "experiments": {kind: None}}
    built = Plan({"scale": "smoke", "scales": {"smoke": smoke}})
    built.composer = COMPOSER
    with files({kind: parts[kind]} if kind else {}):
        assert built["smoke"].experiments is not None
    built["smoke"].check()
    try:
        jobs = built["smoke"].jobs
        for out, job in rng.sample(list(jobs.items()), min(5, len(jobs))):
            sane(job.config([]))
            if not set(out) <= set("abcdefghijklmnopqrstuvwxyz0123456789_/") or len(out) > 500:
                raise Insane(out)
    except ValueError as error:
        raise Insane(f"accepted, then {error}") from error
    return True


def texts(rng: random.Random, folder: Path) -> bool:
    """params.yaml with other characters."""
    from synthgym.plan.plan import Plan

    blob = flipped((ROOT / "params.yaml").read_bytes(), rng)
    if rng.random() < 0.3:
        lines = blob.split(b"\n")
        lines[rng.randrange(len(lines))] = rng.choice(
            (b"\t- x", b"a: &a [*a]", b"<<: *small", b"  [[[[", b"%YAML 1.1", b"--- !!set", b"? ")
        )
        blob = b"\n".join(lines)
    path = folder / "params.yaml"
    path.write_bytes(blob)
    Plan.load(path)
    return True


@cache
def _scale() -> Any:
    from plans import plan

    return plan()


def settings(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the name and value of each setting of a configuration."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from settings(value, f"{prefix}{name}.")
        yield f"{prefix}{name}", value


@cache
def _composed(environment: str | None) -> Any:
    config = _scale().tasks["cartpole"].composed(environment)
    return [*settings(config), ("synth", "mdp"), ("meta", "snes"), ("x.y", 1)]


def overrides(rng: random.Random, folder: Path) -> bool:
    """Settings on the command line of a job."""
    words = []
    environment = rng.choice((None, "bandit_ppo", "mdp_dqn", "distilled"))
    for _ in range(rng.choice((1, 1, 2))):
        name, value = rng.choice(_composed(environment))
        text = json.dumps(other(value, rng))
        text = text.replace('"', "") if rng.random() < 0.9 else text  # as Hydra writes mappings
        words.append(f"{name}{rng.choice(('=', '=', '=', '=', '=', '=', '=', ''))}{text}")
    scale = _scale()
    try:
        config = scale.tasks["cartpole"].config(environment, overrides=words)
        try:
            sane(config)
        except ValueError as error:
            raise Insane(f"{words} accepted, then {error}") from error
    finally:
        for key in [key for key in scale.composed if len(key) > 2]:
            del scale.composed[key]
    return True


@cache
def _good() -> tuple[bytes, dict[str, Any]]:
    from synthgym.zoo import folders

    file = folders.file("Synthetic-CartPole-v1")
    return file.read_bytes(), json.loads((file.parent / "card.json").read_text())


def artefacts(rng: random.Random, folder: Path) -> bool:
    """An environment or its card, damaged."""
    from synthgym.__main__ import main
    from synthgym.verbs.zoo import readable
    from synthgym.zoo import guard
    from synthgym.zoo.cards import read_card

    blob, card = _good()
    text = json.dumps(changed(card, rng)).encode() if rng.random() < 0.7 else json.dumps(card)
    text = flipped(text, rng) if isinstance(text, bytes) and rng.random() < 0.2 else text
    (folder / "card.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    path = folder / "environment.safetensors"
    path.write_bytes(flipped(blob, rng) if rng.random() < 0.4 else blob)
    shown = read_card(folder / "card.json")
    if "transfer" in shown and not readable(shown).replace("\n", "").isprintable():
        raise Insane("a card that moves the cursor")
    guard.environment(path)
    return main(["zoo", "verify", str(path)]) == 0


@cache
def _pickle() -> bytes:
    import jax
    import numpy as np
    from flax.core import FrozenDict

    from probes import section
    from synthgym.synth import env as synth
    from synthgym.zoo import legacy

    env = synth.make(section("synth", "bandit", hidden=(8,)), section("task", "cartpole"))
    theta = synth.init_theta(jax.random.key(0), env)
    theirs = {ours: theirs for theirs, ours in legacy.HEADS.items()}
    tree = {theirs[head]: jax.tree.map(np.asarray, v) for head, v in theta.items()}
    return pickle.dumps(FrozenDict({"params": tree}), protocol=4)


def pickles(rng: random.Random, folder: Path) -> bool:
    """A published checkpoint, damaged, or instructions at random."""
    from synthgym.zoo import legacy

    codes = b"N\x85\x86\x87()tq\x00h\x00}su\x93Rb.0\x94]K\x01\x8c\x01aX\x01\x00\x00\x00a"
    if rng.random() < 0.5:
        blob = flipped(_pickle(), rng)
    else:
        some = bytes(rng.choices(codes, k=rng.choice((10, 100, 1000))))
        blob = b"\x80\x04" + some * rng.choice((1, 1, 10, 1000))
    path = folder / "checkpoint.pkl"
    path.write_bytes(blob)
    legacy.hidden(legacy.read(path), path)
    return True


MADE = "results/smoke/tasks/cartpole/bandit_ppo/seed0"
JOBS = (f"{MADE}/metatrain", f"{MADE}/transfer/ppo")


@cache
def _manifests() -> dict[str, dict[str, Any]]:
    """Return right manifests of two jobs, one of which needs what the other makes."""
    from synthgym.core.io import sha256
    from synthgym.jobs.provenance import Provenance
    from synthgym.stages import STAGES

    found: dict[str, dict[str, Any]] = {}
    provenance = Provenance(_scale().jobs)
    for out in JOBS:
        Path(out).mkdir(parents=True)
        for name in (outputs := STAGES[_scale().jobs[out].stage].outputs):
            Path(out, name).write_text(f"{out}/{name}")
        spec = provenance.state(out).spec
        own = {name: spec[name] for name in ("stage", "config", "code", "upstream")}
        files = [path for paths in spec["files"].values() for path in paths]
        own["inputs"] = {path: sha256(path) for path in files}
        found[out] = {**own, "outputs": {name: sha256(f"{out}/{name}") for name in outputs}}
    return found


def manifests(rng: random.Random, folder: Path) -> bool:
    """Manifests with other values: planning goes on, and trusts those that say what is there."""
    from synthgym.jobs.provenance import Provenance

    right, damaged = _manifests(), rng.choice(JOBS)
    for out in JOBS:
        text = json.dumps(right[out]).encode()
        if out == damaged:
            text = json.dumps(changed(right[out], rng)).encode()
            text = flipped(text, rng) if rng.random() < 0.3 else text
        Path(out, "manifest.json").write_bytes(text)
    provenance = Provenance(_scale().jobs)
    states = [provenance.state(out) for out in JOBS]
    for state in states:
        for name in state.manifest["outputs"] if state.manifest else ():
            if "/" in name or name in (".", ".."):
                raise Insane(name)
    return all(state.verified for state in states)


def caches(rng: random.Random, folder: Path) -> bool:
    """Compositions that were kept, with other values: planning goes on."""
    from synthgym.plan import compose

    composer = compose.Composer(folder / "compositions.json")
    if "kept" not in _kept:
        _kept["right"] = composer.section("cartpole", "meta", "snes")
        composer.save()
        _kept["kept"] = json.loads((folder / "compositions.json").read_text())
    text = json.dumps(changed(_kept["kept"], rng)).encode()
    text = flipped(text, rng) if rng.random() < 0.5 else text
    (folder / "compositions.json").write_bytes(text)
    compose.Composer(folder / "compositions.json").section("cartpole", "synth", "bandit")
    return True


_kept: dict[str, Any] = {}
KINDS: Mapping[str, tuple[Case, int]] = {  # what -> how, and the share of all cases
    "plans": (plans, 25),
    "texts of plans": (texts, 10),
    "overrides": (overrides, 25),
    "artefacts": (artefacts, 15),
    "pickles": (pickles, 10),
    "manifests": (manifests, 10),
    "caches": (caches, 5),
}


def _peak() -> float:
    """Megabytes of this program at most, not of what started it, which `getrusage` counts too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def run(kind: str, count: int, seed: int) -> dict[str, Any]:
    """Try so many cases of a kind in this process, and return the figures."""
    case, _ = KINDS[kind]
    accepted, slowest = 0, 0.0
    failures: list[str] = []
    seen: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        folder = Path(name).resolve()
        for warm in range(3):  # imports, and what is kept between cases
            _tried(case, random.Random(-warm), folder)
        sys.addaudithook(lambda event, arguments: _watch(event, arguments, folder, seen))
        for number in range(count):
            rng, begun = random.Random(f"{kind} {seed} {number}"), time.monotonic()
            outcome = _tried(case, rng, folder)
            slowest = max(slowest, time.monotonic() - begun)
            accepted += outcome is True
            if seen:
                outcome = seen.pop()
                seen.clear()
            if isinstance(outcome, str):
                failures.append(f"{kind}, seed {seed}, case {number}: {outcome}")
        os.chdir(ROOT)
    peak = _peak()
    if peak > MEGABYTES:
        failures.append(f"{kind}: {peak:.0f} MB")
    figures = {"cases": count, "accepted": accepted, "slowest_seconds": round(slowest, 2)}
    return {**figures, "megabytes": round(peak), "failures": failures}


def _tried(case: Case, rng: random.Random, folder: Path) -> bool | str:
    """Whether a case is accepted; or what is wrong, as a text."""

    def late(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with open(os.devnull, "w") as nowhere:
            sys.stdout, shown = nowhere, sys.stdout
            try:
                return case(rng, folder)
            finally:
                sys.stdout = shown
    except ValueError as error:
        try:
            sentence(error)
        except Insane as insane:
            return f"{insane}"
        return False
    except Exception as error:  # noqa: BLE001  whatever it is, it is a failure
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _watch(event: str, arguments: tuple[Any, ...], folder: Path, seen: list[str]) -> None:
    """Note what writes outside a folder, starts a program or opens a connection."""
    if event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if not writes or not isinstance(path, str | bytes) or path == os.devnull:
            return
        if not Path(os.fsdecode(path)).resolve().is_relative_to(folder):
            seen.append(f"writes {os.fsdecode(path)}")
    elif event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "socket.connect"):
        seen.append(f"{event} {str(arguments)[:100]}")
    elif event in ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "shutil.rmtree"):
        path = os.fsdecode(arguments[0])
        if not Path(path).resolve().is_relative_to(folder):
            seen.append(f"{event} {path!r}")


def main() -> int:
    """Try all kinds, each in a process of its own; write the figures, say what failed."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000, help="of all kinds (default: 20000)")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--kind", choices=KINDS, help="this one only, here, and write nothing")
    arguments = parser.parse_args()
    if arguments.kind:
        print(json.dumps(run(arguments.kind, arguments.cases, arguments.seed)))
        return 0
    figures, failed = {}, []
    for kind, (_, share) in KINDS.items():
        cases = arguments.cases * share // sum(share for _, share in KINDS.values())
        command = [sys.executable, __file__, "--kind", kind, "--cases", str(cases)]
        done = subprocess.run(
            [*command, "--seed", str(arguments.seed)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            failed.append(f"{kind}: the process ended with {done.returncode}. {done.stderr[-500:]}")
            continue
        figures[kind] = json.loads(done.stdout.splitlines()[-1])
        failures = figures[kind].pop("failures")
        failed += failures
        figures[kind]["failures"] = len(failures)
        print(kind, figures[kind], flush=True)
    print(*failed[:100], sep="\n")
    if not failed:
        write_json(FIGURES, {"seed": arguments.seed, "kinds": figures})
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
