"""How far does it hold, at a glance? Counts of agents whose interquartile mean solves a task."""

from collections.abc import Mapping
from typing import Any

from synthgym.analysis.core.tables import REAL
from synthgym.analysis.page.text import Row, Table, pieces
from synthgym.analysis.runs import level

Numbers = Mapping[str, Any]
EQUAL = "real task, equal steps"


def table(summary: Numbers) -> Table:
    """A row per task, a column per environment: with k of n agents the mean reaches the threshold.

    Where all do it is strong; a dash is where nobody agrees from which return a task is solved.
    """
    tasks = summary["about"]["tasks"]
    environments = sorted({name for task in tasks for name in summary["transfer"][task]} - {REAL})
    rows = []
    for task, section in tasks.items():
        places = {EQUAL: summary["real_at_equal_steps"][task][REAL]}
        places |= {name: summary["transfer"][task].get(name, {}) for name in environments}
        solved = section["solved"]
        threshold = "" if solved is None else f"{solved:g}"
        counts = [_count(agents, solved) for agents in places.values()]
        rows.append(Row([pieces(cell) for cell in (section["id"], threshold, *counts)], task=task))
    header = ["task", "solved from", EQUAL, *environments]
    return Table(header, rows, [""] * len(header))


def _count(agents: Numbers, solved: float | None) -> str:
    """`k of n`; nothing where no agent was judged."""
    if not agents:
        return ""
    if solved is None:
        return "-"
    k = sum(cell["iqm"] >= level(solved) for cell in agents.values())
    count = f"{k} of {len(agents)}"
    return f"**{count}**" if k == len(agents) else count
