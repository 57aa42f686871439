"""Where agents are trained: a bandit of the zoo, the battery, and CartPole itself."""

from dataclasses import replace
from typing import Any

from synthgym.testing.cases import Case, find
from synthgym.testing.sequential import rank

BANDIT, CARTPOLE = "Synthetic-CartPole-v1", "CartPole-v1"
PROCESSES = (
    *("Sequence", "Patience", "Termination", "Truncation"),
    *("Impatience", "Delay", "Ladder", "Options"),
)
BATTERY = tuple(f"Probe-{name}-v0" for name in PROCESSES)
CONTINUOUS = tuple(f"Probe-{name}Continuous-v0" for name in (*PROCESSES, "Bounds"))
P0 = 0.1


def place(name: str) -> Case:
    """The case of that name; in CartPole itself nothing is expected yet."""
    return replace(find(BANDIT), id=CARTPOLE, settings=None) if name == CARTPOLE else find(name)


def sound_cartpole(lines: list[dict[str, Any]], agent: str, bound: bool = True) -> Case:
    """CartPole itself, with what sound agents of the kind return after as many steps."""
    case = place(CARTPOLE)
    if not bound:
        return case
    returns = sorted(
        line["returns"][0]
        for line in lines
        if (line["agent"], line["fault"], line["place"]) == (agent, "", CARTPOLE)
    )
    limit = returns[rank(len(returns), P0) - 1]
    return replace(case, limit=limit, p0=P0)
