"""`python -m benchmarks.bugs`: which faults are seen, by the battery and by other tests?

A line of JSON for each verdict, in results/bugs.jsonl; what is there already is not done again.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.bugs import by_hand, own, sound, table
from benchmarks.bugs.agents import AGENTS, faults_of, learned, train
from benchmarks.bugs.places import (
    BATTERIES,
    BATTERY,
    BY_HAND,
    CARTPOLE,
    SOUND,
    case_of,
    expecting,
    sound_returns,
)
from synthgym.core.display import Work
from synthgym.testing.cases import EPISODES
from synthgym.testing.learning import examine

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "bugs.jsonl"
SEEDS = 20  # of a verdict, at most
SOUND_BY_HAND = 5  # sound agents that the probes written by hand are given


class Task(NamedTuple):
    """A verdict that is wanted."""

    agent: str
    fault: str  # none: a sound agent
    place: str
    run: int  # which of several with other seeds


def wanted(agents: list[str], runs: int) -> Iterator[Task]:
    """All verdicts, those on sound agents first."""
    for agent in (agent for agent in agents if agent not in own.FAULTS):  # these: bugs.sound
        for place in AGENTS[agent].places:
            several = {BY_HAND: SOUND_BY_HAND, CARTPOLE: SOUND}
            count = several.get(place, runs if faults_of(agent) else 1)
            yield from (Task(agent, "", place, run) for run in range(count))
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
    """Train until it is clear, in seconds of a core; of own agents without compilation."""
    begun, steps = time.process_time(), AGENTS[task.agent].steps
    if task.place == BY_HAND:
        steps = by_hand.STEPS
        found = found_by_hand(task)
    else:
        found = found_in(task, steps, lines)
    seconds = found.pop("seconds", time.process_time() - begun)
    return {**task._asdict(), **found, "steps": steps, "seconds": round(seconds, 2)}


def found_by_hand(task: Task) -> dict[str, Any]:
    """What probes written by hand say."""
    call = partial(learned, task.agent, fault=task.fault)
    continuous = BATTERIES[True][0] in AGENTS[task.agent].places
    fails = not by_hand.passes(call, continuous, task.run)
    return line(fails, not fails, [])


def found_in(task: Task, steps: int, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What a sequential test says; for a sound agent in the task itself only what it returns."""
    case, most = case_of(task.place), SEEDS
    if task.place == CARTPOLE:
        if task.fault:
            case = expecting(case, sound_returns(lines, task.agent))
        else:
            most = 1
    if task.agent in own.FAULTS:
        said, earned, seconds = sound.judged(task.agent, task.fault, case, most, task.run)
        return {**line(said.refused, said.accepted, earned), "seconds": seconds}
    call, first = partial(train, task.agent, fault=task.fault), 1000 * task.run
    if most == 1:
        returned, _ = case.judge(call(case.make(), task.run, steps), task.run, EPISODES)
        return line(False, True, [returned])
    *_, last = examine(call, case, range(first, first + most), steps)
    return line(last.verdict.refused, last.verdict.accepted, last.returns)


def line(refused: bool, accepted: bool, returns: Sequence[float]) -> dict[str, Any]:
    """What is written of a verdict."""
    rounded = [round(r, 3) for r in returns]
    return {"returns": rounded, "refused": refused, "accepted": accepted}


def main() -> None:
    """Do what is left to do, then write the tables."""
    parser = argparse.ArgumentParser("python -m benchmarks.bugs", description=__doc__)
    with_faults = [name for name in AGENTS if faults_of(name)]
    parser.add_argument("--agents", nargs="+", default=with_faults, choices=list(AGENTS))
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
