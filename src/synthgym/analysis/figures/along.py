"""A comparison over a number that names of arms, or of trials, end with: contexts, steps."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from synthgym.analysis import style
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures import common
from synthgym.analysis.figures.common import INTERVAL, RETURN
from synthgym.core.checking import listed

Numbers = Mapping[str, Any]
Section = Mapping[str, Any]
Lines = Mapping[str, Mapping[int, Numbers]]  # name -> number -> estimate
Table = tuple[np.ndarray, np.ndarray]  # contexts, and what each action is worth there (or the best)
Tables = Mapping[str, Table]  # by arm
EVERY = 0  # number of an arm that all trials have
MOST = 32  # contexts that are drawn
BELOW = (
    " Below: the smallest bandits in which agents of any panel, and of all, solve the task, where "
    "they are small; a row for each context: what is observed, and what is paid. Colours: over the "
    "largest of the column (of all rewards)."
)


def figure(
    section: Section, numbers: Numbers, made: Mapping[str, str], tables: Tables, scale: str
) -> Figure:
    """A panel for each trial, or for all of one kind; under them the smallest bandits.

    made: arm -> way of making. tables: of an environment of each arm that is a bandit of tables.
    """
    ways = {name: made[next(iter(arms.values()))] for name, arms in _arms(section).items()}
    looks, (label,) = style.looks(ways), section["along"].values()
    shown, sets = panels(section, numbers["returns"]), smallest(section, numbers["returns"])
    drawn_sets = [arm for arm in sets if arm in tables and len(tables[arm][0]) <= MOST]
    rows = -(-len(shown) // 2)
    heights = [2.3 * rows, *(0.9 + 0.2 * len(tables[arm][0]) for arm in drawn_sets)]
    drawn = style.blank(1.4 + sum(heights))
    above, *below = drawn.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    axes = common.panels(above, len(shown), 2, label, RETURN, sharex=True, sharey=True)
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
    for part, arm in zip(below, drawn_sets, strict=True):
        pair = part.subplots(1, 2, width_ratios=[side.shape[1] for side in tables[arm]])
        _table(pair, tables[arm], section)
        pair[0].set_title(f"{arm}: all that its bandit says. Enough for {listed(sets[arm])}")
    entries = common.keys({common.place_name(name): looks[name] for name in (REAL, *ways)})
    entries |= common.solved_entry(section["task"])
    note = f"Interquartile mean of agents, {INTERVAL}s, which resample environments."
    note += BELOW * bool(drawn_sets)
    about = f"{section['about']} ({section['task']['id']})"
    return common.finish(drawn, about, scale, entries=entries, note=note, columns=4)


def smallest(section: Section, returns: Numbers) -> dict[str, list[str]]:
    """{arm: trials whose agents solve the task}, of each line the first with any, and with all."""
    level, found = section["task"]["solved"], dict[str, list[str]]()
    if level is None or "arms" not in section["along"]:
        return {}
    for arms in _arms(section).values():
        able = {}
        for arm in arms.values():
            able[arm] = [name for name in returns if _solved(returns[name].get(arm), level)]
        for enough in (1, len(returns)):
            found |= dict([(arm, names) for arm, names in able.items() if len(names) >= enough][:1])
    return found


def _solved(cell: Numbers | None, level: float) -> bool:
    return cell is not None and bool(cell["value"] >= level)


def _table(axes: Sequence[Axes], table: Table, section: Section) -> None:
    """Contexts, a row each, with what the bandit pays; sorted by what is best there."""
    seen, worth = table
    order = np.lexsort((seen[:, -1], worth.argmax(1)))
    names, action = section["task"]["observation_names"], section["task"]["action"]["kind"]
    what = [
        f"{'reward of action' if action == 'discrete' else 'best action'} {i}"
        for i in range(worth.shape[1])
    ]
    for one, values, columns in zip(axes, (seen, worth), (names, what), strict=True):
        spread = np.abs(values).max(0 if one is axes[0] else None)
        one.imshow(values[order] / spread, cmap="RdBu_r", vmin=-1.6, vmax=1.6, aspect="auto")
        one.set_xticks(
            range(len(columns)), [fill(name, 14) for name in columns], fontsize=style.SMALL
        )
        one.set_yticks([])
        one.grid(visible=False)
        for (row, column), value in np.ndenumerate(values[order]):
            one.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=style.SMALL)


def panels(section: Section, returns: Numbers) -> dict[str, Lines]:
    """What is drawn: title -> lines. Where arms have numbers, agents in the task have none: level.

    An arm that a trial does not have is left out.
    """
    groups = _arms(section)
    if "trials" in section["along"]:
        return {
            kind: {
                name: {
                    n: returns[trial][arm]
                    for n, trial in trials.items()
                    if (arm := arms.get(n, arms.get(EVERY))) in returns[trial]
                }
                for name, arms in {REAL: {EVERY: REAL}, **groups}.items()
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
    """Line -> its arms, by their numbers where they have some: of contexts, or of their trial."""
    ends = [name for name in section["arms"] if name.rpartition("_")[2].isdigit()]
    others = [name for name in section["arms"] if name not in ends]
    return {name: {EVERY: name} for name in others} | numbered(ends)


def _line(axes: Axes, points: Mapping[int, Numbers], look: common.Look) -> None:
    value, low, high = ([e[key] for e in points.values()] for key in ("value", "low", "high"))
    marked = {"marker": "o", "ms": 3} if len(points) > 2 else {}
    common.band(axes, list(points), value, low, high, {**look, **marked})
