"""`synthgym doctor module:function`: trains agents in one small environment after the other.

Says what each shows, and in the end which part of the agent looks broken.
"""

import argparse
import importlib
import os
import sys
import time

from synthgym.core.display import say
from synthgym.testing.cases import find, probes
from synthgym.testing.learning import Examined, Train, examine, lacking

WIDTH = 32  # of a name in the table
VERDICTS = {(True, False): "fails", (False, True): "passes", (False, False): "open"}


def doctor_(arguments: argparse.Namespace) -> int:
    """A line for each environment; status 1 if anything looks broken."""
    train = function(arguments.function)
    every = [find(name) for name in places(arguments)]
    cases = [case for case in every if not lacking(train, case)]
    if len(cases) < len(every):
        say("Left out, as the function has no parameter gamma: what has a discount of its own.")
    broken: list[Examined] = []
    say(f"{'environment':{WIDTH}}{'returns':24}{'a sound one':>12}{'seconds':>9}  verdict")
    for case in cases:
        begun = time.monotonic()
        *_, found = examine(train, case, arguments.seeds, arguments.steps)
        shown = ", ".join(f"{one:,.1f}" for one in found.returns)
        verdict = VERDICTS[found.verdict.refused, found.verdict.accepted]
        seconds = time.monotonic() - begun
        name = case.id.rpartition(":")[2]
        say(f"{name:{WIDTH}}{shown:24}{case.high:>12,.1f}{seconds:>9.0f}  {verdict}")
        broken += [found] * found.verdict.refused
    for found in broken:
        say(f"\n{found.sentence}")
    if not broken:
        say("\nNothing looks broken. docs/testing.md: faults that these environments cannot see.")
    return 1 if broken else 0


def places(arguments: argparse.Namespace) -> list[str]:
    """Environments that were asked for; the whole battery, and the bandit of one task."""
    if arguments.env:
        return list(arguments.env)
    bandit = "Synthetic-Pendulum-v1" if arguments.continuous else "Synthetic-CartPole-v1"
    return [bandit, *probes(arguments.agent_has, arguments.continuous)]


def function(name: str) -> Train:
    """What `module:function` names, of the working directory, too. Raises ValueError."""
    module, _, inside = name.partition(":")
    sys.path.insert(0, os.getcwd())
    if not module or not inside:
        raise ValueError(f"{name} is not of the form module:function.")
    try:
        found = getattr(importlib.import_module(module), inside, None)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ValueError(f"{name}: there is no module {module} here.") from None
    if not callable(found):
        raise ValueError(f"{name}: {module} has no function {inside}.")
    return found
