"""How do agents from synthetic environments compare: score for score, pair for pair, in steps?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from synthgym.analysis import style
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures.common import INTERVAL, below, place_name
from synthgym.analysis.steps import TUNED, Line
from synthgym.analysis.style import styled

Numbers = Mapping[str, Any]
Lines = Mapping[str, Mapping[str, Mapping[str, Line]]]  # task -> agent -> where it was trained
# Unlike those of other figures, these put environments side by side that no task has together.
SPARE = ("#D55E00", "#CC79A7", "#8C564B", "#56B4E9", "#009E73", "#E69F00", "#0072B2")
RESAMPLED = f"{INTERVAL}s resample environment seeds, and agents within each"


def looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The look of a line per place: planned colours first, others take what is left of them."""
    environments = sorted({*names} - {REAL, TUNED})
    taken = {style.PLANNED[name] for name in environments if name in style.PLANNED}
    spare = iter([colour for colour in SPARE if colour not in taken] * len(environments))
    colours = {name: style.PLANNED.get(name) or next(spare) for name in environments}
    return {
        REAL: {"color": style.REAL_COLOUR, "lw": 1.3, "ls": (0, (4, 1.5))},
        TUNED: {"color": "black", "lw": 1.3, "ls": (0, (1, 1))},
        **{name: {"color": colour, "lw": 1.3} for name, colour in colours.items()},
    }


@styled
def profiles(found: Sequence[Numbers], scale: str) -> Figure:
    """Share of agents with at least each normalised score: several tasks together, and each."""
    columns = min(3, max(1, len(found)))
    rows = max(1, -(-len(found) // columns))
    figure = style.blank(1.5 + 1.75 * rows)
    panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    look = looks(name for profile in found for name in profile["lines"])
    for unused in panels[len(found) :]:
        unused.remove()
    for axes, profile in zip(panels, found, strict=False):
        for name, line in profile["lines"].items():
            _banded(axes, profile["tau"], line["share"], line["low"], line["high"], look[name])
        ids = profile["ids"]
        axes.set_title(ids[0] if len(ids) == 1 else f"{len(ids)} tasks, each alike")
        axes.set_xlim(0, profile["tau"][-1])
        axes.axvline(1, color="black", ls="--", lw=0.8, zorder=1)
        axes.set_ylim(-0.03, 1.03)
    for axes in panels[max(0, len(found) - columns) : len(found)]:
        axes.set_xlabel("score of at least")
    for axes in panels[: len(found) : columns]:
        axes.set_ylabel("share of agents")
    shown = [name for name in look if any(name in profile["lines"] for profile in found)]
    sizes = [n for profile in found for counts in profile["agents"].values() for n in counts]
    note = (
        "Score: return on the task, from that of random actions (0) to an expert's (1, dashed). "
        f"Agents of all algorithms with sampled settings, {_range(sizes)} per line and task; in "
        f"the real task they train for as many steps. Bands: {RESAMPLED}."
    )
    several = [profile["ids"] for profile in found if len(profile["ids"]) > 1]
    common = [f"The first panel is about {', '.join(ids)}." for ids in several]
    below(figure, _entries(look, shown), [note, *common])
    figure.suptitle(f"Transfer, scale “{scale}”: performance profiles", x=0.01, ha="left")
    return figure


@styled
def improvement(found: Sequence[Numbers], scale: str) -> Figure:
    """Probability that agents of one place earn more than those of another; points, intervals."""
    groups = [
        ("over the real task", [e for e in found if e["than"] == REAL]),
        ("over another environment", [e for e in found if e["than"] != REAL]),
    ]
    groups = [(title, table) for title, table in groups if table]
    heights = [0.5 + len(table) for _, table in groups]
    figure = style.blank(1.6 + 0.21 * sum(heights) + 0.25 * len(groups))
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=heights)
    look = looks(place for e in found for place in (e["better"], e["than"]))
    for axes, (title, table) in zip(panels[:, 0], groups, strict=True):
        for y, e in enumerate(reversed(table)):
            reach = [[e["value"] - e["low"]], [e["high"] - e["value"]]]
            colour = look[e["better"]]["color"]
            axes.errorbar(e["value"], y, xerr=reach, color=colour, marker="o", ms=4.5, lw=1.8)
        axes.set_yticks(range(len(table)), [_pair(e) for e in reversed(table)])
        axes.set_ylim(-0.6, len(table) - 0.4)
        axes.axvline(0.5, color="black", ls="--", lw=0.9, zorder=1)
        axes.grid(visible=False, axis="y")
        axes.set_title(title)
    panels[-1, 0].set_xlim(-0.02, 1.02)
    panels[-1, 0].set_xlabel("probability of improvement P(X > Y), ties half")
    note = (
        "That an agent trained in the first place earns more on the task than one of the same "
        "algorithm trained in the second: mean over algorithms, and over the tasks that have "
        "both (n). Real task: as many steps, sampled settings. "
        f"{RESAMPLED}; with one seed (*) they cannot."
    )
    below(figure, {}, [note])
    figure.suptitle(f"Transfer, scale “{scale}”: probability of improvement", x=0.01, ha="left")
    return figure


def _pair(e: Numbers) -> str:
    names = [place_name(e["better"]), *([] if e["than"] == REAL else [place_name(e["than"])])]
    return f"{' over '.join(names)} (n = {len(e['tasks'])}){' *' * e['one_seed']}"


@styled
def efficiency(lines: Lines, tasks: Mapping[str, Numbers], scale: str) -> Figure:
    """Return on the real task over steps of training: a row per task, a panel per agent."""
    columns = max(len(agents) for agents in lines.values())
    figure = style.blank(1.6 + 1.3 * len(lines))
    panels = figure.subplots(len(lines), columns, squeeze=False, sharey="row")
    places = {name for agents in lines.values() for here in agents.values() for name in here}
    look = looks(places)
    for row, (task, agents) in zip(panels, lines.items(), strict=True):
        for axes, (agent, here) in zip(row, agents.items(), strict=False):
            for name, line in here.items():
                low, high = line.band
                _banded(axes, line.steps, line.iqm, low, high, look[name])
                if len(line.steps) == 1:
                    axes.plot(line.steps, line.iqm, ".", color=look[name]["color"])
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axes.xaxis.set_major_formatter(lambda x, _: f"{x / 1000:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_title(f"{tasks[task]['id']}\n{agent}" if axes is row[0] else agent)
            axes.tick_params(labelsize=7)
        for unused in row[len(agents) :]:
            unused.remove()
        row[0].set_ylabel("return")
    for column in range(columns):
        last = max(i for i, agents in enumerate(lines.values()) if len(agents) > column)
        panels[last, column].set_xlabel("1,000 steps of training")
    shown = [name for name in look if name in places]
    sizes = [
        line.agents for agents in lines.values() for x in agents.values() for line in x.values()
    ]
    note = (
        "Return per episode on the real task, interquartile mean of "
        f"{_range(sizes)} agents per line, over the steps that they have trained where the line "
        f"says. Bands: {RESAMPLED}."
    )
    below(figure, _entries(look, shown), [note])
    figure.suptitle(f"Transfer, scale “{scale}”: steps of training", x=0.01, ha="left")
    return figure


def _banded(axes: Axes, x: Any, y: Any, low: Any, high: Any, look: Mapping[str, Any]) -> None:
    axes.fill_between(x, low, high, color=look["color"], alpha=0.18, lw=0)
    axes.plot(x, y, **look)


def _entries(look: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> dict[str, Any]:
    called = {REAL: "real task, sampled settings", TUNED: "real task, settings tuned for it"}
    return {called.get(name, name): Line2D([], [], **look[name]) for name in names}


def _range(sizes: Sequence[int]) -> str:
    low, high = min(sizes, default=0), max(sizes, default=0)
    return f"n = {low:,}" if low == high else f"n = {low:,} to {high:,}"
