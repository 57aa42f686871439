"""`python -m benchmarks` (or `make benchmark`): measure, write results/<machine>.json, show them.

Each agent's result replaces its former one as soon as it is there; those of other agents stay.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks import cold, flops, machine, table
from benchmarks.cases import PAIRS, Case
from benchmarks.clients import PLACES
from benchmarks.worker import SIDES
from synthgym.core.io import atomic, read_json, write_json
from synthgym.plan.schema import groups
from synthgym.verbs.documents import replaced

HERE = Path(__file__).parent


class Worker:
    """A side in a process of its own (worker.py)."""

    def __init__(self, side: str, about: dict[str, Any]):
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.worker", side]
        self.side = side
        self.process = subprocess.Popen(
            [*command, json.dumps(about)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # The sides share a GPU: none may take its memory in advance.
            env={"XLA_PYTHON_CLIENT_PREALLOCATE": "false", **os.environ},
        )
        self.about: dict[str, Any] = self._answer()

    def ask(self, what: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self._answer()

    def stop(self) -> None:
        self.process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise SystemExit(f"{self.side} has failed; what it says is above.")
        return json.loads(line)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what the command line names."""
    arguments = _parser().parse_args(argv)
    for name in arguments.agents:
        case = Case(name)
        if arguments.population:
            case = replace(case, population=arguments.population)
        sides = SIDES if arguments.sides is None else arguments.sides
        measure_agent(case, arguments.runs, sides, arguments.results)
    if arguments.tasks:
        measure_tasks(arguments.tasks, arguments.results)
    if arguments.clients:
        measure_clients(arguments.runs, arguments.results)
    for environment in arguments.cold:
        measure_cold(environment, arguments.runs, arguments.results)
    show(arguments.results, arguments.readme)


def measure_agent(case: Case, runs: int, sides: Sequence[str], results: Path) -> None:
    """One generation, `runs` times on each side in turn, once all are compiled."""
    print(f"{case.name}: compiling", flush=True)
    workers = [Worker(side, asdict(case)) for side in sides]
    measured: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for i in range(runs):
        for worker in workers:
            run = worker.ask("run")
            work = [run[key] for key in ("updates", "steps", "test_steps")]
            run["flops"] = flops.of_generation(case, *work)
            if worker.side == "ours":
                run |= worker.ask("products")
            measured[worker.side].append(run)
            print(f"{case.name} {worker.side} {i + 1}/{runs}: {run['seconds']:.2f} s", flush=True)
    for worker in workers:
        worker.stop()
    about = {"case": asdict(case), "task": case.task.id, "sides": measured}
    _add(results, workers[0].about["device"], "agents", case.name, about)


def measure_tasks(names: Sequence[str], results: Path) -> None:
    """Steps per second of tasks, in one process each."""
    for name in names:
        worker = Worker("tasks", {"name": name})
        speed = worker.ask("run")["steps_per_second"]
        worker.stop()
        print(f"{name}: {speed:,.0f} steps/s", flush=True)
        _add(results, worker.about["device"], "tasks", name, {"steps_per_second": speed})


def measure_clients(runs: int, results: Path) -> None:
    """Steps per second for clients of Gymnasium, in one process each; places take turns."""
    workers = [Worker("clients", {"place": place}) for place in PLACES]
    measured: list[list[dict[str, float]]] = [[] for _ in workers]
    for _ in range(runs):
        for worker, rates in zip(workers, measured, strict=True):
            rates.append(worker.ask("run"))
    for worker, place, rates in zip(workers, PLACES, measured, strict=True):
        worker.stop()
        print(f"{place}: {rates[-1]['alone']:,.0f} steps/s alone", flush=True)
        _add(results, worker.about["device"], "clients", place, {"runs": rates})


def measure_cold(environment: str, runs: int, results: Path) -> None:
    """Seconds from nothing to a bandit of CartPole, for as many seeds as runs."""
    measured = []
    for seed in range(runs):
        measured.append(cold.measured(environment, seed))
        print(f"{environment}, seed {seed}: {measured[-1]['seconds']:.1f} s", flush=True)
    _add(results, "cpu", "cold", environment, {"runs": measured})


def show(results: Path, readme: Path) -> None:
    """Make the tables again."""
    measurements = [read_json(path) for path in sorted(results.glob("*.json"))]
    text = replaced(readme.read_text(encoding="utf-8"), table.block(measurements), "results")
    with atomic(readme) as partial:
        partial.write_text(text, encoding="utf-8")


def _add(results: Path, device: str, kind: str, name: str, result: dict[str, Any]) -> None:
    about = machine.description(device)
    path = results / f"{machine.name(about)}.json"
    there = read_json(path) or {"machine": about}
    there.setdefault(kind, {})[name] = result | {"versions": machine.versions()}
    write_json(path, there)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    known = ", ".join(PAIRS)
    add(
        "--agents", nargs="*", default=list(PAIRS), choices=list(PAIRS), metavar="AGENT", help=known
    )
    add("--tasks", nargs="*", default=[], choices=groups("task"), metavar="TASK", help="steps/s of")
    add("--clients", action="store_true", help="steps/s for clients of Gymnasium")
    known = ", ".join(cold.STAGES)
    add("--cold", nargs="*", default=[], choices=list(cold.STAGES), metavar="WAY", help=known)
    add("--population", type=int, help="candidates (default: 128)")
    add("--runs", type=int, default=3, help="on each side (default: 3)")
    add("--sides", nargs="+", choices=SIDES, help="default: all")
    add("--results", type=Path, default=HERE / "results", help="directory of the measurements")
    add("--readme", type=Path, default=HERE / "README.md", help="where the tables are put")
    return parser


if __name__ == "__main__":
    main()
