"""Where agents are trained: a bandit of the zoo, the battery, and CartPole itself."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from synthgym.testing.cases import Case, find
from synthgym.testing.sequential import rank

BY_HAND = "by hand"  # benchmarks.bugs.by_hand
BANDIT, CARTPOLE = "Synthetic-CartPole-v1", "CartPole-v1"
IN_TURN = (
    *("Sequence", "Patience", "Termination", "Truncation"),
    *("Impatience", "Delay", "Ladder", "Options"),
)
BATTERIES: Mapping[bool, tuple[str, ...]] = MappingProxyType(  # of agents with continuous actions?
    {
        False: tuple(f"Probe-{name}-v0" for name in IN_TURN),
        True: tuple(f"Probe-{name}Continuous-v0" for name in (*IN_TURN, "Bounds")),
    }
)
BATTERY = (*BATTERIES[False], *BATTERIES[True])
P0 = 0.1
SOUND = 29  # agents whose returns say what CartPole itself can expect: the least number for P0


def case_of(place: str) -> Case:
    """The case of that name; in CartPole itself nothing is expected yet."""
    if place != CARTPOLE:
        return find(place)
    return replace(find(BANDIT), id=CARTPOLE, settings=None)


def expecting(case: Case, returns: list[float]) -> Case:
    """The task itself, with what these sound agents return after as many steps."""
    place = rank(len(returns), P0)
    if not place:
        raise ValueError(f"{len(returns)} sound agents are too few to expect anything: {SOUND}.")
    return replace(case, limit=sorted(returns)[place - 1], p0=P0)


def sound_returns(lines: list[dict[str, Any]], agent: str) -> list[float]:
    """Returns of sound agents that were trained in CartPole itself."""
    of = (line for line in lines if (line["agent"], line["fault"]) == (agent, ""))
    return [line["returns"][0] for line in of if line["place"] == CARTPOLE]
