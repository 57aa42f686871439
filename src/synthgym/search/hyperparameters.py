"""Search for settings of a meta-training: BOHB (Falkner et al. 2018), as in Ferreira et al. 2022.

Unlike there, the budget is real: it is the number of generations, and a configuration that is
promoted to the next rung goes on from where it is. The first configuration is the plan's own, where
the space has it. Several processes share the work, each a bracket
at a time; a search that was killed goes on, and tries in all as many configurations as planned.
With one worker it is repeatable; with several, what is proposed depends on who is done first.
"""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pandas as pd

from synthgym.core.display import say
from synthgym.core.failure import or_worst
from synthgym.core.io import write_json, write_table
from synthgym.core.job import Inputs
from synthgym.core.settings import Config, ConfigError, plain
from synthgym.core.spaces import contains, value_of
from synthgym.search.journal import COST, Journal, Tried, claimed, importances
from synthgym.search.rungs import Programs, Worth
from synthgym.search.schedule import Bracket, brackets, budgets, promoted

OUTPUTS = ["trials.parquet", "best.json", "importance.json"]
WORKER = "synthgym.search.worker"
PATIENCE = 2.0  # seconds between looks at whether others are done


@runtime_checkable
class Trials(Protocol):
    """How configurations are tried: `Programs`, or `Trainings` of agents.py."""

    unit: str  # of a budget

    def search(self, sections: dict[str, Any], seed: int, path: Path, budget: int) -> Any:
        """The configuration with these sections over its own, ready to be tried up to a budget."""

    def advanced(
        self, searches: Sequence[Any], budget: int, since: int = 0
    ) -> Iterator[tuple[int, Worth]]:
        """All of them after `budget`: (index, worth), as soon as it is known."""


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Try all configurations of the plan, or go on with those that a killed run did not."""
    if config.search.workers > 1:
        _side_by_side(config, checkpoint)
    work(config, checkpoint)  # alone, or what is left where another process was killed
    return write(config, out, checkpoint)


def write(config: Config, out: Path, checkpoint: Path) -> list[str]:
    """Write what a finished search found."""
    journal = _journal(config, checkpoint)
    tried = list(journal.tried().values())
    write_table(out / "trials.parquet", table(tried, config))
    write_json(out / "best.json", best(tried, config.search.budget.max).sections)
    write_json(out / "importance.json", importances(tried, config.search.space))
    return OUTPUTS


def planned(config: Config) -> tuple[Bracket, ...]:
    """All brackets of a search."""
    search, budget = config.search, config.search.budget
    rungs = budgets(budget.min, budget.max, budget.eta)
    return brackets(search.configurations, rungs, budget.eta, search.brackets == "full")


def meta_trainings(config: Config) -> Programs:
    """How configurations of a meta-training are tried."""
    judged = config.search.judged
    return Programs(config, judged.draws, judged.episodes)


def work(
    config: Config, directory: Path, trials: Callable[[Config], Trials] = meta_trainings
) -> None:
    """Do what is not done and nobody else does, until all is done.

    trials: of a configuration, how those that are searched for are tried.
    """
    journal, programs = _journal(config, directory), None
    while todo := [bracket for bracket in planned(config) if not _done(journal, bracket)]:
        any_claimed = False
        for bracket in todo:
            with claimed(directory / f"bracket{bracket.number}.lock") as alone:
                if alone and not _done(journal, bracket):
                    any_claimed = True
                    programs = programs or trials(config)
                    compete(bracket, config, journal, programs, directory)
        if not any_claimed:
            time.sleep(PATIENCE)


def compete(
    bracket: Bracket, config: Config, journal: Journal, programs: Trials, directory: Path
) -> None:
    """One bracket: what is not known is computed, from where it was when that was killed."""
    random, eta = config.search.random, config.search.budget.eta
    given = {0: default(config)}
    members = [journal.configuration(n, random, given.get(n)) for n in bracket.configurations]
    below = 0
    for budget in bracket.budgets:
        todo = [one for one in members if budget not in one.values]
        _try(todo, budget, below, config.search.seeds, journal, programs, directory)
        known = journal.tried()
        members = [known[one.number] for one in members]
        values = [one.values[budget] for one in members]
        best_value = f"best mean return {max(map(or_worst, values)):.1f}"
        after = f"{budget:,} {programs.unit}"
        say(f"bracket {bracket.number}: {len(members)} after {after}, {best_value}")
        last = budget == bracket.budgets[-1]
        kept = [] if last else promoted(values, eta)
        for i, one in enumerate(members):
            if i not in kept:
                journal.end(one.number, whole=last)
        members, below = [members[i] for i in kept], budget


def _try(
    todo: list[Tried],
    budget: int,
    below: int,
    seeds: tuple[int, ...],
    journal: Journal,
    programs: Trials,
    directory: Path,
) -> None:
    """Each with all seeds; reported as soon as it is known."""
    searches = [
        programs.search(one.sections, seed, directory / f"{one.number}-{seed}.safetensors", budget)
        for one in todo
        for seed in seeds
    ]
    worths: dict[int, list[Worth]] = {i: [] for i in range(len(todo))}
    for index, worth in programs.advanced(searches, budget, below):
        known = worths[index // len(seeds)]
        known.append(worth)
        if len(known) == len(seeds):
            value = sum(each.value for each in known) / len(seeds)
            cost = {kind: float(sum(each.cost[kind] for each in known)) for kind in COST}
            journal.report(todo[index // len(seeds)].number, budget, value, cost)


def default(config: Config) -> dict[str, Any] | None:
    """The plan's own settings, if all of them are in the space."""
    sections, space = plain(config), plain(config.search.space)
    values = {name: value_of(sections, name) for name in space}
    inside = [contains(space[name], value) for name, value in values.items()]
    return values if all(inside) else None


def best(tried: list[Tried], whole: int) -> Tried:
    """The best of those that had the whole budget; of equal ones the first.

    Raises ConfigError where all of them diverged.
    """
    ended = [one for one in tried if whole in one.values]
    found = max(ended, key=lambda one: or_worst(one.values[whole]))
    if not math.isfinite(found.values[whole]):
        raise ConfigError(f"search.space: all {len(ended)} configurations with {whole:,} diverged.")
    return found


def table(tried: list[Tried], config: Config) -> pd.DataFrame:
    """A row for each configuration and rung; costs are those since the rung below.

    Choices are words: some would be lists.
    """
    bracket_of = {
        number: bracket for bracket in planned(config) for number in bracket.configurations
    }
    choices = [name for name, how in config.search.space.items() if "choice" in how]
    rows = [
        {
            "configuration": one.number,
            "bracket": bracket_of[one.number].number,
            "rung": rung,
            "budget": budget,
            "value": value,
            "state": _state(one, budget, bracket_of[one.number]),
            **one.costs[budget],
            **one.settings,
            **{name: _word(one.settings[name]) for name in choices},
        }
        for one in tried
        for rung, (budget, value) in enumerate(one.values.items())
    ]
    return pd.DataFrame(rows)


def _word(choice: object) -> str:
    return choice if isinstance(choice, str) else json.dumps(choice)


def _state(one: Tried, budget: int, bracket: Bracket) -> str:
    if budget == bracket.budgets[-1]:
        return "whole budget"
    return "promoted" if max(one.values) > budget else "stopped"


def _done(journal: Journal, bracket: Bracket) -> bool:
    tried = journal.tried()
    return all(n in tried and tried[n].ended for n in bracket.configurations)


def _journal(config: Config, directory: Path) -> Journal:
    return Journal(directory / "journal.log", config.search.space, config.seed)


def _side_by_side(config: Config, directory: Path) -> None:
    """Start the workers and wait for them; they end when this process does.

    Processes on other machines that share the directory may join: see worker.py.
    """
    write_json(directory / "search.json", plain(config))
    workers = config.search.workers
    threads = max(1, int(os.environ.get("NPROC", 1)) // workers)
    command = [sys.executable, "-m", WORKER, str(directory), str(threads), str(os.getpid())]
    processes = [subprocess.Popen(command, env=_environment()) for _ in range(workers)]
    for process in processes:
        if process.wait():
            say(f"worker {process.pid} ended with {process.returncode}: its work is taken over")


def _environment() -> dict[str, str]:
    """Without what was set for all cores."""
    ours = "--xla_force_host_platform_device_count"
    flags = os.environ.get("XLA_FLAGS", "").split()
    return {**os.environ, "XLA_FLAGS": " ".join(f for f in flags if not f.startswith(ours))}
