"""Write a report: numbers as JSON, the same as text with tables, and figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from matplotlib.figure import Figure

from synthgym.analysis import style
from synthgym.analysis.core.estimate import NEVER, Numbers, rounded
from synthgym.analysis.core.statistics import LEVEL
from synthgym.analysis.core.tables import DIVERGED, table
from synthgym.analysis.core.verdict import MARGIN
from synthgym.analysis.figures.common import draw
from synthgym.core.display import say
from synthgym.core.io import atomic, write_json


def write(
    out: Path,
    numbers: Numbers,
    text: str,
    figures: Mapping[str, Figure],
    table_name: str = "table.md",
) -> list[str]:
    """Write summary.json, the table and <name>.png of each figure into `out`: their names."""
    text += diverged()
    write_json(out / "summary.json", numbers)
    with atomic(out / table_name) as path:
        path.write_text(text, encoding="utf-8")
    for name, figure in figures.items():
        style.save(figure, out / f"{name}.png")
    return ["summary.json", table_name, *(f"{name}.png" for name in figures)]


def diverged() -> str:
    """The section on runs that diverged, as they were read for this report; empty without any."""
    if not DIVERGED:
        return ""
    lines, known = [f"- {line}" for line in DIVERGED], DIVERGED_MEANS
    DIVERGED.clear()
    say("\n".join(["Agents that diverged:", *lines]))
    return "\n" + document("## Agents that diverged", known, "\n".join(lines))


def summary(scale: str, numbers: Mapping[str, Any], **about: Any) -> Numbers:
    """The numbers of a report, rounded, with what they are about."""
    return rounded({"about": {"scale": scale, "level": LEVEL, **about}, **numbers})


def publish(
    stage: str, out: Path, numbers: Numbers, text: str, functions: ModuleType, **given: Any
) -> list[str]:
    """Draw the figures of a stage by the functions of a module, and write all into `out`."""
    return write(out, numbers, text, draw(stage, vars(functions), numbers=numbers, **given))


def document(*parts: str) -> str:
    """Headings, sentences and tables, one below the other; empty ones are left out."""
    return "\n\n".join(part for part in parts if part) + "\n"


DIVERGED_MEANS = (
    "Their returns are not finite, and count as the lowest there is of their task. A file, how "
    "many agents in it, and which."
)
CLAIMS = (
    "A claim `holds` where the whole interval is in the range that it states, `does not hold` "
    "where all of it is outside, and is `undecided` otherwise. A claim on several numbers holds if "
    "it does for each, and does not hold if it does not for one, unless one is said to be enough. "
    "As good as others is what loses no more than "
    f"{MARGIN:.0%} of what is between random actions and the best agent known, which is what "
    "shares after a difference in return are of."
)

NEEDED = (
    " Environments to decide: so many, if the estimate stays what it is and its interval narrows "
    "by the root of their number."
)
NUMBERS = ("estimates", "needed")  # of a claim, which are not shown as they are
DECIDE, MANY = "environments to decide", 1000


def claims(judged: Sequence[Mapping[str, Any]]) -> str:
    """The section on claims; empty where the plan has none of what this scale computes."""
    rows = [{name: row[name] for name in row if name not in NUMBERS} for row in judged]
    text = CLAIMS
    if any(row["needed"] != 0 for row in judged):
        rows = [row | {DECIDE: _needed(one)} for row, one in zip(rows, judged, strict=True)]
        text += NEEDED
    return document("## Claims", text, table(rows)).strip() if rows else ""


def _needed(claim: Mapping[str, Any]) -> str:
    needed = NEVER if claim["needed"] is None else claim["needed"]
    return "" if needed == 0 else f"about {needed:,.0f}" if needed <= MANY else f"over {MANY:,}"
