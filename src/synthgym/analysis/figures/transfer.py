"""How agents from synthetic environments compare: score for score, pair for pair, in steps."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from synthgym.analysis import runs, style
from synthgym.analysis.core.estimate import span
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures import common
from synthgym.analysis.figures.common import (
    INTERVAL,
    PUBLISHED,
    Look,
    Tasks,
    finish,
    grid,
    keys,
    place_name,
)
from synthgym.analysis.steps import TUNED, Line

Numbers = Mapping[str, Any]
Lines = Mapping[str, Mapping[str, Mapping[str, Line]]]  # task -> agent -> where it was trained
ABOUT = "Transfer"
LARGE = 11  # points: read on a phone, too
RESAMPLED = f"{INTERVAL}s resample environment seeds, and agents within each"
CALLED = {REAL: "real task, sampled settings", TUNED: "real task, settings tuned for it"}


WAYS = {  # where agents of each are trained
    REAL: "the task itself, as long",
    **{way: f"{way.replace('+', ', then ')} environments" for way in runs.VARIANTS},
    runs.MODEL: "models of the task",
}


def overview(numbers: Numbers, scale: str) -> Figure:
    """How far agents come, by the way in which their environment was made: a group per task."""
    tasks = numbers["overview"]
    figure = style.blank(2.0 + sum(0.14 * (len(one["ways"]) + 2) for one in tasks.values()), 6)
    axes, y = figure.subplots(), 0.0
    middles = []
    for one in tasks.values():
        top = y
        for way, e in one["ways"].items():
            look: Look = {"color": style.WAYS[way], "marker": "o", "ms": 6.5, "lw": 2.5}
            axes.errorbar(e["value"], y, xerr=common.reach(e), **look)
            y -= 1
        axes.plot(list(one["published"].values()), [y] * len(one["published"]), **PUBLISHED)
        middles.append((top + y) / 2)
        axes.axhline(y - 1, color="#dddddd", lw=0.6)
        y -= 2
    axes.set_ylim(y + 1, 1)
    names = [re.sub("(?<=[a-z])(?=[A-Z][a-z]{7,}-)", "\n", one["id"]) for one in tasks.values()]
    axes.set_yticks(middles, names, fontsize=LARGE)  # a long name on two lines
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    for x in (0, 1):
        axes.axvline(x, color="black", ls="--", lw=0.9, zorder=1)
    axes.set_xticks(
        [0, 0.5, 1], ["random\nactions", "half-way", "best agent\nknown"], fontsize=LARGE
    )
    ways = dict.fromkeys(way for one in tasks.values() for way in one["ways"])
    colours = {WAYS[way]: {"color": style.WAYS[way]} for way in ways}
    entries = keys(colours, marker="o", ms=6.5, lw=2.5) | keys({"published": PUBLISHED})
    about = f"How far agents come in {span(one['steps'] for one in tasks.values())} steps"
    return finish(figure, about, scale, entries=entries, note="Trained in", size=LARGE)


def looks(ways: Mapping[str, str]) -> dict[str, Look]:
    """The look of a line per place."""
    return {
        TUNED: {"color": "black", "lw": 1.3, "ls": (0, (1, 1))},
        **{name: {"lw": 1.3, **look} for name, look in style.looks(ways).items()},
    }


def transfer_profiles(profiles: Sequence[Numbers], ways: Mapping[str, str], scale: str) -> Figure:
    """Share of agents with at least each normalised score: several tasks together, and each."""
    columns = min(3, max(1, len(profiles)))
    labels = ("score of at least", "share of agents")
    figure, panels = grid(max(1, len(profiles)), columns, 1.75, *labels, room=1.5, sharex=False)
    look = looks(ways)
    for axes, profile in zip(panels, profiles, strict=False):
        for name, line in profile["lines"].items():
            common.band(axes, profile["tau"], line["share"], line["low"], line["high"], look[name])
        ids = profile["ids"]
        axes.set_title(ids[0] if len(ids) == 1 else f"{len(ids)} tasks, each alike")
        axes.set_xlim(0, profile["tau"][-1])
        axes.axvline(1, color="black", ls="--", lw=0.8, zorder=1)
        axes.set_ylim(-0.03, 1.03)
    names = {name for profile in profiles for name in profile["lines"]}
    sizes = [n for profile in profiles for counts in profile["agents"].values() for n in counts]
    note = (
        "Score: return on the task, from random actions (0) to the best agent known (1, dashed). "
        f"Agents of all algorithms with sampled settings, {common.n_of(sizes)} per line and task; "
        f"in the real task they train for as many steps. Bands: {RESAMPLED}."
    )
    several = [profile["ids"] for profile in profiles if len(profile["ids"]) > 1]
    first = [f"The first panel is about {', '.join(ids)}." for ids in several]
    entries = _entries(look, names)
    return finish(figure, ABOUT, scale, "performance profiles", entries, " ".join([note, *first]))


def transfer_improvement(numbers: Numbers, ways: Mapping[str, str], scale: str) -> Figure:
    """Probability that agents of one place earn more than those of another; points, intervals."""
    groups: dict[str, list[Numbers]] = {}
    for e in numbers["improvement"]:
        where = "the real task" if e["than"] == REAL else "another environment"
        groups.setdefault(f"over {where}", []).append(e)
    heights = [0.5 + len(pairs) for pairs in groups.values()]
    figure = style.blank(1.6 + 0.21 * sum(heights) + 0.25 * len(groups))
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=heights)
    for axes, (title, pairs) in zip(panels[:, 0], groups.items(), strict=True):
        colours = [style.WAYS[ways[e["better"]]] for e in pairs]
        common.forest(axes, {_pair(e): e for e in pairs}, colours)
        axes.axvline(0.5, color="black", ls="--", lw=0.9, zorder=1)
        axes.set_title(title)
    panels[-1, 0].set_xlim(-0.02, 1.02)
    panels[-1, 0].set_xlabel("probability of improvement P(X > Y), ties half")
    note = (
        "That an agent trained in the first place earns more on the task than one of the same "
        "algorithm trained in the second: mean over algorithms, and over the tasks that have "
        "both (n). Real task: as many steps, sampled settings. "
        f"{RESAMPLED}; with one seed (*) they cannot."
    )
    return finish(figure, ABOUT, scale, "probability of improvement", note=note)


def _pair(e: Numbers) -> str:
    other = "" if e["than"] == REAL else f" over {place_name(e['than'])}"
    return f"{place_name(e['better'])}{other} (n = {len(e['tasks'])}){' *' * e['one_seed']}"


def transfer_efficiency(lines: Lines, ways: Mapping[str, str], tasks: Tasks, scale: str) -> Figure:
    """Return on the real task over steps of training: a row per task, a panel per agent."""
    columns = max(len(agents) for agents in lines.values())
    figure = style.blank(1.6 + 1.3 * len(lines))
    panels = figure.subplots(len(lines), columns, squeeze=False, sharey="row")
    every = [(name, line) for a in lines.values() for b in a.values() for name, line in b.items()]
    look = looks(ways)
    for row, (task, agents) in zip(panels, lines.items(), strict=True):
        for axes, (agent, by_place) in zip(row, agents.items(), strict=False):
            for name, line in by_place.items():
                common.band(axes, line.steps, line.iqm, *line.band, look[name])
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
    note = (
        f"Return per episode on the real task, interquartile mean of "
        f"{common.n_of([line.agents for _, line in every])} agents per line, over the steps that "
        f"they have trained where the line says. Bands: {RESAMPLED}."
    )
    entries = _entries(look, {name for name, _ in every})
    return finish(figure, ABOUT, scale, "steps of training", entries, note)


def _entries(look: Mapping[str, Look], names: set[str]) -> dict[str, Any]:
    return keys({CALLED.get(name, name): line for name, line in look.items() if name in names})
