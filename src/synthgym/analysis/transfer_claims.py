"""Numbers of transfer that claims are about: beside what was published, of steps, of pairs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from synthgym.analysis import beside_published, transfer_text
from synthgym.analysis.core.estimate import SHARE, Numbers, exactly, times
from synthgym.analysis.core.verdict import Evidence, Measure


def measures(summary: Numbers) -> dict[str, Measure]:
    """Numbers that claims may be about: of unseen agents, beside published values, of steps, pairs.

    A claim may be `of` some ways of making only; of a pair: `of` one environment, `over` another.
    """
    return {
        "unseen_less_seen": lambda claim: [
            Evidence(e, "+.2f", f"`{e['environment']}`", note=f"score, {transfer_text.tasks_of(e)}")
            for e in summary["unseen"]
        ],
        "bandit_less_published": lambda claim: [
            Evidence(beside_published.less_published(cell), name=f"{cell['task']} {cell['agent']}")
            for cell in beside_published.cells(summary, claim.get("of", ()))
            if cell["bandit"]
        ],
        "improvement": lambda claim: [
            Evidence(e, SHARE, note=transfer_text.tasks_of(e), enough=not e["one_seed"])
            for e in against(summary["improvement"], *claim["of"], *claim["over"])
        ],
        "at_equal_cost": lambda claim: [
            Evidence(pair, name=pair["task"], enough=not pair["one_seed"])
            for pair in summary["equal_cost"]
            if pair["environment"] in claim["of"] and pair["over"] in claim["over"]
            if pair["cost"] == claim["cost"]
        ],
        "times_more_steps": lambda claim: [  # than in the task, with settings `tuned`, or `real`
            Evidence(sure(e), times, f"{task} `{name}` {agent}", note="" if e else "learns nothing")
            for task, name, agent, e in transfer_text.bandit_ratios(
                summary, claim["settings"], claim.get("of", ())
            )
        ],
    }


def against(pairs: Iterable[Numbers], name: str, other: str) -> Iterator[Numbers]:
    """The probability that agents of one beat those of the other, whichever is named first."""
    for e in pairs:
        if (e["better"], e["than"]) == (name, other):
            yield e
        elif (e["better"], e["than"]) == (other, name):
            flipped = {"value": 1 - e["value"], "low": 1 - e["high"], "high": 1 - e["low"]}
            yield {**e, **flipped, "better": name, "than": other}


def sure(e: Mapping[str, Any] | None) -> Numbers:
    """A ratio of steps that a verdict may rely on; 0 where agents learn nothing.

    None stands for NEVER: agents in the task do not get there.
    """
    if e is None:
        return exactly(0.0)
    value = None if e["bound"] == "≥" else e["value"]
    return {"value": value, "low": e["sure_low"], "high": e["high"]}
