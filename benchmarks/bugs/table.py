"""Tables of docs/testing.md, from the lines that the benchmark wrote."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.bugs.agents import AGENTS, faults_of
from benchmarks.bugs.places import BANDIT, BATTERY, CARTPOLE
from synthgym.testing.battery import IDS, PROCESSES
from synthgym.verbs.documents import replaced

DOCUMENT = Path(__file__).parents[2] / "docs" / "testing.md"
Line = Mapping[str, Any]


def read(path: Path) -> list[dict[str, Any]]:
    """All verdicts."""
    text = path.read_text("utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def write(results: Path) -> None:
    """Put the tables into the document."""
    text = replaced(DOCUMENT.read_text("utf-8"), block(read(results)))
    DOCUMENT.write_text(text, encoding="utf-8")


def block(lines: list[dict[str, Any]]) -> str:
    """All that is generated."""
    return "\n\n".join([summary(lines), faults(lines), "### Sound agents", sound(lines)])


def summary(lines: list[dict[str, Any]]) -> str:
    """How many faults each saw, how often a sound agent was refused, and the seconds."""
    rows = []
    broken = sorted({(line["agent"], line["fault"]) for line in lines if line["fault"]})
    where = {"battery": BATTERY, f"`{BANDIT}`": (BANDIT,), f"{CARTPOLE} itself": (CARTPOLE,)}
    where["battery and bandit"] = (*BATTERY, BANDIT)
    for name, places in where.items():
        of = [line for line in lines if line["place"] in places]
        seen = [one for one in broken if caught(of, *one)]
        seconds = sorted(
            sum(line["seconds"] for line in of if (line["agent"], line["fault"]) == one)
            for one in broken
        )
        judged = [line for line in of if not line["fault"] and name != f"{CARTPOLE} itself"]
        alarms = f"{sum(line['refused'] for line in judged)} of {len(judged)}" if judged else ""
        share = f"{len(seen)} of {len(broken)} ({len(seen) / max(1, len(broken)):.0%})"
        middle = f"{seconds[len(seconds) // 2]:.0f}" if seconds else ""
        rows.append([name, share, alarms, middle])
    heads = ["trained in", "faults seen", "sound agents refused", "seconds per fault, median"]
    return f"{tabulate(rows, heads, tablefmt='pipe')}\n\n{false_alarms(lines)}"


def false_alarms(lines: list[dict[str, Any]]) -> str:
    """How many seeds of sound agents failed, and what that says of verdicts."""
    from synthgym.testing.cases import find

    own = [line for line in lines if not line["fault"] and line["place"] != CARTPOLE]
    own = [line for line in own if faults_of(line["agent"])]
    returns = [(find(line["place"]), r) for line in own for r in line["returns"]]
    failed = sum(not case.passes(r) for case, r in returns)
    bound = upper(failed, len(returns))
    return (
        f"Of {len(returns)} trainings of the two sound agents here {failed} failed, so the "
        f"probability to fail is below {bound:.3f} (one-sided 95% bound, all places together); the "
        "sequential test allows 0.05 in a process and 0.1 in the bandit, and then refuses fewer "
        f"than 1 of 1,000 sound agents. As verdicts these are {len(own)}, "
        f"{sum(line['refused'] for line in own)} of them wrong: too few to show 1 in 1,000 alone."
    )


def upper(failed: int, count: int) -> float:
    """The one-sided 95% bound of a probability (Clopper & Pearson 1934)."""
    from scipy.stats import beta

    return float(beta.ppf(0.95, failed + 1, count - failed)) if failed < count else 1.0


def faults(lines: list[dict[str, Any]]) -> str:
    """A row for each fault."""
    rows = []
    for agent in AGENTS:
        for fault, wrong in faults_of(agent).items():
            of = [x for x in lines if (x["agent"], x["fault"]) == (agent, fault)]
            if not of:
                continue
            first = [x["place"].split("-")[1] for x in of if x["place"] in BATTERY and x["refused"]]
            shown = [yes(x["refused"] for x in of if x["place"] == p) for p in (BANDIT, CARTPOLE)]
            rows.append([agent, wrong, first[0] if first else "no", *shown])
    heads = ["agent", "fault", "battery: seen first in", "bandit", "CartPole"]
    return tabulate(rows, heads, tablefmt="pipe")


def sound(lines: list[dict[str, Any]]) -> str:
    """Whether agents with their usual settings pass, and after how many steps."""
    kinds = [name for name, process in PROCESSES.items() if not process.needs]
    rows = []
    for agent, about in AGENTS.items():
        of = [x for x in lines if x["agent"] == agent and not x["fault"] and x["place"] != CARTPOLE]
        if not of:
            continue
        cells = []
        for kind in ("bandit", *kinds):
            at = [x for x in of if kind in (IDS.get(x["place"], ("bandit",))[0],)]
            cells.append("" if not at else "no" if any(x["refused"] for x in at) else "yes")
        rows.append([agent, f"{about.steps:,}", *cells])
    return tabulate(rows, ["agent", "steps", "bandit", *kinds], tablefmt="pipe")


def caught(lines: Iterable[Line], agent: str, fault: str) -> bool:
    """Whether any of these verdicts is on that fault, and refuses it."""
    return any(x["refused"] for x in lines if (x["agent"], x["fault"]) == (agent, fault))


def yes(refused: Iterable[bool]) -> str:
    """A cell."""
    found = list(refused)
    return ("yes" if any(found) else "no") if found else ""
