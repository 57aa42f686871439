"""Tables of docs/testing.md and README.md, from the lines that the benchmark wrote."""

import json
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
from tabulate import tabulate

from benchmarks.bugs import own
from benchmarks.bugs.agents import AGENTS, faults_of
from benchmarks.bugs.places import (
    BANDIT,
    BATTERY,
    BY_HAND,
    CARTPOLE,
    SOUND,
    case_of,
    expecting,
    sound_returns,
)
from synthgym.testing.battery import IDS, PROCESSES
from synthgym.verbs.documents import replaced

MEASURED = Path(__file__).parents[1] / "results" / "sound.jsonl"  # benchmarks.bugs.sound wrote it
ROOT = Path(__file__).parents[2]
DOCUMENT, README = ROOT / "docs" / "testing.md", ROOT / "README.md"
WHERE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "battery": BATTERY,
        "bandit": (BANDIT,),
        "CartPole itself": (CARTPOLE,),
        "probes by hand": (BY_HAND,),
    }
)
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "PPO, DQN": ("ppo", "dqn"),
        "continuous: PPO, SAC, TD3": ("ppo_continuous", "sac", "td3"),
        "our own PPO, DQN, SAC, TD3": tuple(own.FAULTS),
    }
)
SOUND_AGENTS = (
    "### Sound agents with their default settings\n\nNo: refused, as its default settings do not "
    "learn this in so many steps; blank: not tried. SAC, TD3 and `ppo_continuous` are in the "
    "continuous variants; agents without a prefix are those that the faults are put into."
)
Line = Mapping[str, Any]


def read(path: Path) -> list[dict[str, Any]]:
    """All verdicts."""
    text = path.read_text("utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def write(results: Path) -> None:
    """Put the tables into the documents."""
    for path, text in documents(read(results)).items():
        path.write_text(text, encoding="utf-8")


def documents(lines: list[dict[str, Any]]) -> dict[Path, str]:
    """Path -> text."""
    readme = replaced(README.read_text("utf-8"), summary(lines), "faults")
    return {DOCUMENT: replaced(DOCUMENT.read_text("utf-8"), block(lines)), README: readme}


def block(lines: list[dict[str, Any]]) -> str:
    """All that is generated."""
    parts = [summary(lines), expected(lines), false_alarms(read(MEASURED))]
    parts += ["### Agents", by_agent(lines), "### Faults", faults(lines)]
    return "\n\n".join([*parts, "### Processes", processes(), SOUND_AGENTS, sound(lines)])


def summary(lines: list[dict[str, Any]]) -> str:
    """How many faults each place saw in each group of agents, and sound agents it refused."""
    rows = [[name, *cells(lines, agents)] for name, agents in GROUPS.items()]
    refusals = [refused(lines, places) for places in WHERE.values()]
    rows.append(["none: false alarms", *refusals, ""])
    return tabulate(rows, ["faults put into", *WHERE, "seconds"], tablefmt="pipe")


def by_agent(lines: list[dict[str, Any]]) -> str:
    """How many faults of each agent were seen, and the seconds that the battery took."""
    broken = [agent for agent, _ in tried(lines)]
    rows = [[agent, *cells(lines, [agent])] for agent in AGENTS if agent in broken]
    return tabulate(rows, ["agent", *WHERE, "seconds"], tablefmt="pipe")


def cells(lines: Sequence[Line], agents: Collection[str]) -> list[str]:
    """Faults seen in each place, of those that were tried there; seconds of the battery."""
    of = [line for line in lines if line["agent"] in agents and line["fault"]]
    there = [[line for line in of if line["place"] in places] for places in WHERE.values()]
    seconds = [
        sum(line["seconds"] for line in there[0] if (line["agent"], line["fault"]) == one)
        for one in tried(there[0])
    ]
    return [*map(share, there), f"{statistics.median(seconds):.0f}" if seconds else ""]


def share(lines: Sequence[Line]) -> str:
    """Faults that were seen, of those that were tried."""
    broken = tried(lines)
    seen = sum(caught(lines, *one) for one in broken)
    return f"{seen} of {len(broken)} ({seen / len(broken):.0%})" if broken else ""


def refused(lines: Sequence[Line], places: Collection[str]) -> str:
    """Sound agents that were refused anywhere in some places; not in CartPole itself."""
    of = [line for line in lines if not line["fault"] and line["place"] in places]
    runs = {(line["agent"], line["run"]) for line in of if faults_of(line["agent"])}
    failed = {(line["agent"], line["run"]) for line in of if line["refused"]} & runs
    return f"{len(failed)} of {len(runs)}" if runs and CARTPOLE not in places else ""


def expected(lines: list[dict[str, Any]]) -> str:
    """What CartPole itself has to return."""
    agents = [agent for agent, about in AGENTS.items() if CARTPOLE in about.places]
    limits = [
        f"{expecting(case_of(CARTPOLE), sound_returns(lines, agent)).limit:.0f} ({agent})"
        for agent in agents
    ]
    said = " or ".join(limits)
    return (
        f"All in all the battery sees {share([x for x in lines if x['place'] in BATTERY])}. "
        "Seconds are those of a fault in the battery, median. To pass in CartPole itself, which "
        f"ends at 500, an agent has to return {said}: the least of {SOUND} sound ones."
    )


def tried(lines: Iterable[Line]) -> list[tuple[str, str]]:
    """Agents and faults."""
    return sorted({(line["agent"], line["fault"]) for line in lines if line["fault"]})


def false_alarms(measured: list[dict[str, Any]]) -> str:
    """How often sound agents of this package failed, and were refused."""
    trained, failed, said, refused = (
        sum(one[what] for one in measured) for what in ("trained", "failed", "verdicts", "refused")
    )
    agents = ", ".join(dict.fromkeys(f"`{one['agent']}`" for one in measured))
    by_kind = pd.DataFrame(measured).groupby(["agent", "place"])[["failed", "trained"]].sum()
    worst = by_kind.loc[by_kind["failed"].idxmax()]
    of_worst = f"{worst['failed']} of {worst['trained']}"
    most = f", the most with {' in '.join(worst.name)}: {of_worst}" if failed else ""
    return (
        f"Sound agents of this package ({agents}; `python -m benchmarks.bugs.sound`): "
        f"{refused} of {said:,} verdicts refused one, so fewer than {upper(refused, said):.2%} are "
        f"refused (one-sided 95% bound). Of {trained:,} trainings {failed} failed{most}."
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
            groups = ((BANDIT,), (CARTPOLE,), (BY_HAND,))
            shown = [yes(x["refused"] for x in of if x["place"] in group) for group in groups]
            rows.append([agent, wrong, first[0] if first else "no", *shown])
    heads = ["agent", "fault", "battery: seen first in", "bandit", CARTPOLE, "by hand"]
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
        of = [x for x in lines if x["agent"] == agent and not x["fault"]]
        of = [x for x in of if x["place"] not in (CARTPOLE, BY_HAND)]
        if not of:
            continue
        cells = []
        for kind in ("bandit", *kinds):
            at = [x for x in of if kind == IDS.get(x["place"], ("bandit",))[0]]
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
