"""A comparison over a number that names of arms, or of trials, end with: contexts, steps."""

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from synthgym.analysis import style
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures import common
from synthgym.analysis.figures.common import INTERVAL, RETURN

Numbers = Mapping[str, Any]
Section = Mapping[str, Any]
Lines = Mapping[str, Mapping[int, Numbers]]  # name -> number -> estimate


def figure(section: Section, numbers: Numbers, made: Mapping[str, str], scale: str) -> Figure:
    """A panel for each trial, or for all trials of one kind; made: arm -> way of making."""
    ways = {name: made[next(iter(arms.values()))] for name, arms in _arms(section).items()}
    looks, (label,) = style.looks(ways), section["along"].values()
    shown = panels(section, numbers["returns"])
    drawn, axes = common.grid(len(shown), 2, 2.3, label, RETURN, room=1.4)
    for one, (title, lines) in zip(axes, shown.items(), strict=True):
        for name, points in lines.items():
            _line(one, points, {**looks[name], "lw": 1.4})
        counts = sorted({number for points in lines.values() for number in points})
        one.set_xscale("log")
        one.xaxis.set_major_locator(FixedLocator(counts))
        one.xaxis.set_minor_locator(NullLocator())
        one.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        common.level(one, section["task"])
        one.set_title(f"agent: {title}")
    entries = common.keys({common.place_name(name): looks[name] for name in (REAL, *ways)})
    entries |= common.solved_entry(section["task"])
    note = f"Interquartile mean of agents, {INTERVAL}s, which resample environments."
    about = f"{section['about']} ({section['task']['id']})"
    return common.finish(drawn, about, scale, entries=entries, note=note, columns=4)


def panels(section: Section, returns: Numbers) -> dict[str, Lines]:
    """What is drawn: title -> lines. Where arms have numbers, agents in the task have none: level.

    An arm that a trial does not have is left out.
    """
    groups = _arms(section)
    if "trials" in section["along"]:
        return {
            kind: {
                arm: {
                    n: returns[trial][arm] for n, trial in trials.items() if arm in returns[trial]
                }
                for arm in (REAL, *groups)
            }
            for kind, trials in numbered(returns).items()
        }
    counts = [number for arms in groups.values() for number in arms]
    return {
        trial: {REAL: dict.fromkeys((min(counts), max(counts)), cells[REAL])}
        | {
            name: {number: cells[arm] for number, arm in arms.items() if arm in cells}
            for name, arms in groups.items()
        }
        for trial, cells in returns.items()
    }


def numbered(names: Iterable[str]) -> dict[str, dict[int, str]]:
    """{name without its number: {number: name}}, in the order of the numbers."""
    groups: dict[str, dict[int, str]] = {}
    for name in sorted(names, key=lambda name: int(name.rpartition("_")[2])):
        prefix, _, number = name.rpartition("_")
        groups.setdefault(prefix, {})[int(number)] = name
    return groups


def _arms(section: Section) -> dict[str, dict[int, str]]:
    """Line -> its arms, by their numbers where they have some."""
    if "trials" in section["along"]:
        return {arm: {0: arm} for arm in section["arms"]}
    return numbered(section["arms"])


def _line(axes: Axes, points: Mapping[int, Numbers], look: common.Look) -> None:
    value, low, high = ([e[key] for e in points.values()] for key in ("value", "low", "high"))
    marked = {"marker": "o", "ms": 3} if len(points) > 2 else {}
    common.band(axes, list(points), value, low, high, {**look, **marked})
