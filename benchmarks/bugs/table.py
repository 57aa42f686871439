"""Tables of docs/testing.md and README.md, from the lines that the benchmark wrote."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tabulate import tabulate

from benchmarks.bugs.agents import AGENTS, faults_of
from benchmarks.bugs.places import BANDIT, BATTERY, BY_HAND, CARTPOLE
from synthgym.testing.battery import IDS, PROCESSES
from synthgym.verbs.documents import replaced

SOUND = Path(__file__).parents[1] / "results" / "sound.jsonl"  # benchmarks.bugs.sound wrote it
ROOT = Path(__file__).parents[2]
DOCUMENT, README = ROOT / "docs" / "testing.md", ROOT / "README.md"
WHERE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "the battery": BATTERY,
        f"`{BANDIT}`": (BANDIT,),
        "the battery and that bandit": (*BATTERY, BANDIT),
        f"{CARTPOLE} itself": (CARTPOLE,),
        "probes written by hand": (BY_HAND,),
    }
)
SHOWN = ("the battery", f"{CARTPOLE} itself", "probes written by hand")  # in README.md
SOUND_AGENTS = (
    "### Sound agents with their default settings\n\nNo: refused, as its default settings do not "
    "learn this in so many steps; blank: not tried. SAC, TD3 and `ppo_continuous` are in the "
    "continuous variants; agents without a prefix are those that the faults are put into, `own_` "
    "are this package's."
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
    readme = replaced(README.read_text("utf-8"), summary(lines, SHOWN), "faults")
    return {DOCUMENT: replaced(DOCUMENT.read_text("utf-8"), block(lines)), README: readme}


def block(lines: list[dict[str, Any]]) -> str:
    """All that is generated."""
    parts = [summary(lines), false_alarms(read(SOUND)), "### Agents", agents(lines)]
    parts += ["### Faults", faults(lines), "### Processes", processes()]
    return "\n\n".join([*parts, SOUND_AGENTS, sound(lines)])


def summary(lines: list[dict[str, Any]], names: Iterable[str] = tuple(WHERE)) -> str:
    """How many faults each saw, how often a sound agent was refused, and the seconds."""
    rows = []
    for name in names:
        places = WHERE[name]
        of = [line for line in lines if line["place"] in places]
        judged = [line for line in of if not line["fault"] and line["place"] != CARTPOLE]
        alarms = f"{sum(line['refused'] for line in judged)} of {len(judged):,}" if judged else ""
        broken = [one for one in tried(lines) if set(places) & set(AGENTS[one[0]].places)]
        rows.append([name, share(of, broken), alarms, f"{middle(of, broken):.0f}"])
    heads = ["trained in", "faults seen", "sound agents refused", "seconds per fault, median"]
    return tabulate(rows, heads, tablefmt="pipe")


def agents(lines: list[dict[str, Any]]) -> str:
    """How many faults of each agent were seen, and the seconds that the battery took."""
    rows = []
    for agent, about in AGENTS.items():
        broken = [one for one in tried(lines) if one[0] == agent]
        if not broken:
            continue
        cells = []
        for places in WHERE.values():
            of = [line for line in lines if line["place"] in places]
            cells.append(share(of, broken) if set(places) & set(about.places) else "")
        seconds = middle([line for line in lines if line["place"] in BATTERY], broken)
        rows.append([agent, *cells, f"{seconds:.0f}"])
    return tabulate(rows, ["agent", *WHERE, "seconds"], tablefmt="pipe")


def tried(lines: Iterable[Line]) -> list[tuple[str, str]]:
    """Agents and faults."""
    return sorted({(line["agent"], line["fault"]) for line in lines if line["fault"]})


def share(lines: Sequence[Line], broken: Sequence[tuple[str, str]]) -> str:
    """Faults that were seen in some places."""
    seen = sum(caught(lines, *one) for one in broken)
    return f"{seen} of {len(broken)} ({seen / max(1, len(broken)):.0%})"


def middle(lines: Sequence[Line], broken: Sequence[tuple[str, str]]) -> float:
    """Seconds of a core for each fault, median."""
    seconds = [
        sum(line["seconds"] for line in lines if (line["agent"], line["fault"]) == one)
        for one in broken
    ]
    return statistics.median(seconds) if seconds else float("nan")


def false_alarms(measured: list[dict[str, Any]]) -> str:
    """How often sound agents of this package failed, and were refused."""
    trained, failed, said, refused = (
        sum(one[what] for one in measured) for what in ("trained", "failed", "verdicts", "refused")
    )
    worst = max(measured, key=lambda one: one["failed"])
    return (
        "Sound agents of this package (PPO, DQN, SAC, TD3; `python -m benchmarks.bugs.sound`): "
        f"{refused} of {said:,} verdicts refused one, so fewer than {upper(refused, said):.2%} are "
        f"refused (one-sided 95% bound). Of {trained:,} trainings {failed} failed, most of them "
        f"with {worst['agent']} in {worst['place']}: {worst['failed']} of {worst['trained']}."
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
