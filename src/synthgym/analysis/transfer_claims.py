"""Numbers of transfer that claims are about: beside what was published, of steps, of pairs."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from synthgym.analysis import transfer_text
from synthgym.analysis.core.estimate import SHARE, Numbers, exactly, times
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.core.verdict import Evidence, Measure
from synthgym.analysis.steps import TUNED


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
            Evidence(transfer_text.less_published(cell), name=f"{cell['task']} {cell['agent']}")
            for cell in published(summary, claim.get("of", ()))
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


def published(summary: Numbers, ways: Collection[str] = ()) -> list[Numbers]:
    """Best and median environment for each task and agent of which a value was published.

    The best of the bandits, as that is what was published; where a task has none, of all. Of those
    that were made in these ways, if any are named.
    """
    cells = []
    for task, about in summary["about"]["tasks"].items():
        table = summary["transfer"][task]
        names = about["bandits"] or [name for name in table if name not in (REAL, TUNED)]
        names = [name for name in names if not ways or about["ways"].get(name) in ways]
        if not names:
            continue
        for agent, values in about["published"].items():
            value = values["synthetic"]
            if value is None or agent not in table[names[0]]:
                continue
            of_agent = {name: table[name][agent]["value"] for name in names}
            best = max(names, key=of_agent.__getitem__)
            cells.append(
                {"task": task, "agent": agent, "bandit": bool(about["bandits"])}
                | {"environment": best, "of": len(names), "published": value}
                | {"median": float(np.median(list(of_agent.values())))}
                | table[best][agent]
            )
    return cells
