"""`python -m benchmarks.bugs`: which faults do the battery, a bandit and CartPole itself see?

A line of JSON for each verdict, in results/bugs.jsonl; what is there already is not done again.
"""

import argparse
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.bugs import table
from benchmarks.bugs.agents import AGENTS, faults_of, train
from benchmarks.bugs.places import BATTERY, CARTPOLE, place, sound_cartpole
from synthgym.core.display import Work
from synthgym.testing.learning import examine

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "bugs.jsonl"
SOUND_CARTPOLE = 29  # agents whose returns say what CartPole itself can expect: the least number


class Task(NamedTuple):
    """A verdict that is wanted."""

    agent: str
    fault: str  # none: a sound agent
    place: str
    run: int  # which of several with other seeds


def wanted(agents: list[str], runs: int) -> Iterator[Task]:
    """All verdicts, those on sound agents first."""
    for agent in agents:
        places = [place for place in AGENTS[agent].places if place != CARTPOLE]
        for run in range(runs if faults_of(agent) else 1):
            yield from (Task(agent, "", place, run) for place in places)
        if faults_of(agent):
            yield from (Task(agent, "", CARTPOLE, run) for run in range(SOUND_CARTPOLE))
    for agent in agents:
        for fault in faults_of(agent):
            yield from (Task(agent, fault, place, 0) for place in AGENTS[agent].places)


def done(task: Task, lines: list[dict[str, Any]]) -> bool:
    """Whether a verdict is there, or the battery has seen the fault in another process."""
    same = [line for line in lines if (line["agent"], line["fault"]) == (task.agent, task.fault)]
    if any((line["place"], line["run"]) == (task.place, task.run) for line in same):
        return True
    return (
        bool(task.fault)
        and task.place in BATTERY
        and any(line["refused"] for line in same if line["place"] in BATTERY)
    )


def verdict(task: Task, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Train until it is clear, in seconds of a core."""
    about, begun = AGENTS[task.agent], time.process_time()
    call = partial(train, task.agent, fault=task.fault)
    if task.place == CARTPOLE and not task.fault:
        returned, _ = sound_cartpole(lines, task.agent, bound=False).judge(
            call(place(CARTPOLE).make(), task.run, about.steps), task.run, 20
        )
        found: dict[str, Any] = {"returns": [returned], "refused": False, "accepted": True}
    else:
        case = sound_cartpole(lines, task.agent) if task.place == CARTPOLE else place(task.place)
        seeds = range(1000 * task.run, 1000 * task.run + 20)
        *_, last = examine(call, case, seeds, about.steps)
        found = {"returns": [round(r, 3) for r in last.returns]}
        found |= {"refused": last.verdict.refused, "accepted": last.verdict.accepted}
    seconds = round(time.process_time() - begun, 2)
    return {**task._asdict(), **found, "steps": about.steps, "seconds": seconds}


def main() -> None:
    """Do what is left to do, then write the tables."""
    parser = argparse.ArgumentParser("python -m benchmarks.bugs", description=__doc__)
    own = [name for name in AGENTS if faults_of(name)]
    parser.add_argument("--agents", nargs="+", default=own, choices=list(AGENTS))
    parser.add_argument("--runs", type=int, default=3, help="verdicts on sound agents (default: 3)")
    parser.add_argument("--only-tables", action="store_true", help="train nothing")
    given = parser.parse_args()
    lines = table.read(RESULTS)
    tasks = [] if given.only_tables else list(wanted(given.agents, given.runs))
    with Work("faults", total=len(tasks), unit="verdict") as work:
        for number, task in enumerate(tasks, 1):
            if done(task, lines):
                continue
            lines.append(verdict(task, lines))
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(lines[-1]) + "\n")
            work.done(number, f"{task.agent} {task.fault} in {task.place}")
    table.write(RESULTS)


if __name__ == "__main__":
    main()
