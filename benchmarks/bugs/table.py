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

SOUND = Path(__file__).parents[1] / "results" / "sound.jsonl"  # benchmarks.bugs.sound wrote it
DOCUMENT = Path(__file__).parents[2] / "docs" / "testing.md"
SOUND_AGENTS = (
    "### Sound agents with their default settings\n\nNo: refused, as its default settings do not "
    "learn this in so many steps; blank: not tried. SAC and TD3 are in the continuous variants; "
    "`ppo` and `dqn` are those that the faults are put into."
)
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
    parts = [summary(lines), false_alarms(read(SOUND))]
    parts += ["### Faults", faults(lines), "### Processes", processes()]
    return "\n\n".join([*parts, SOUND_AGENTS, sound(lines)])


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
        judged = [line for line in of if not line["fault"] and line["place"] != CARTPOLE]
        alarms = f"{sum(line['refused'] for line in judged)} of {len(judged)}" if judged else ""
        share = f"{len(seen)} of {len(broken)} ({len(seen) / max(1, len(broken)):.0%})"
        middle = f"{seconds[len(seconds) // 2]:.0f}" if seconds else ""
        rows.append([name, share, alarms, middle])
    heads = ["trained in", "faults seen", "sound agents refused", "seconds per fault, median"]
    return tabulate(rows, heads, tablefmt="pipe")


def false_alarms(measured: list[dict[str, Any]]) -> str:
    """How often sound agents of this package failed, and were refused."""
    trained, failed, said, refused = (
        sum(one[what] for one in measured) for what in ("trained", "failed", "verdicts", "refused")
    )
    worst = max(measured, key=lambda one: one["failed"])
    return (
        f"Sound agents of this package (PPO, DQN; `python -m benchmarks.bugs.sound`): {refused} of "
        f"{said:,} verdicts refused one, so fewer than {upper(refused, said):.2%} are refused "
        f"(one-sided 95% bound). Of {trained:,} trainings {failed} failed, most of them with "
        f"{worst['agent']} in {worst['place']}: {worst['failed']} of {worst['trained']}."
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


def processes() -> str:
    """A row for each process of the battery: what is right in it, and what it is for."""
    rows = [
        [name, process.asks, process.suspect, process.right, process.wrong]
        for name, process in PROCESSES.items()
    ]
    heads = [
        "process",
        "what is right",
        "what looks broken where it fails",
        "return if right",
        "if wrong",
    ]
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
