"""How agents from synthetic environments compare: score for score, pair for pair, in steps."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from synthgym.analysis import style
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures import common
from synthgym.analysis.figures.common import INTERVAL, Look, Tasks, below, grid, keys, place_name
from synthgym.analysis.steps import TUNED, Line

Numbers = Mapping[str, Any]
Lines = Mapping[str, Mapping[str, Mapping[str, Line]]]  # task -> agent -> where it was trained
RESAMPLED = f"{INTERVAL}s resample environment seeds, and agents within each"
CALLED = {REAL: "real task, sampled settings", TUNED: "real task, settings tuned for it"}


def looks(names: Iterable[str]) -> dict[str, Look]:
    """The look of a line per place."""
    environments = sorted({*names} - {REAL, TUNED})
    colours = style.colours(environments)
    return {
        REAL: {"color": style.REAL_COLOUR, "lw": 1.3, "ls": (0, (4, 1.5))},
        TUNED: {"color": "black", "lw": 1.3, "ls": (0, (1, 1))},
        **{name: {"color": colours[name], "lw": 1.3} for name in environments},
    }


def transfer_profiles(profiles: Sequence[Numbers], scale: str) -> Figure:
    """Share of agents with at least each normalised score: several tasks together, and each."""
    columns = min(3, max(1, len(profiles)))
    labels = ("score of at least", "share of agents")
    figure, panels = grid(max(1, len(profiles)), columns, 1.75, *labels, room=1.5, sharex=False)
    look = looks(name for profile in profiles for name in profile["lines"])
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
        "Score: return on the task, from that of random actions (0) to an expert's (1, dashed). "
        f"Agents of all algorithms with sampled settings, {common.n_of(sizes)} per line and task; "
        f"in the real task they train for as many steps. Bands: {RESAMPLED}."
    )
    several = [profile["ids"] for profile in profiles if len(profile["ids"]) > 1]
    first = [f"The first panel is about {', '.join(ids)}." for ids in several]
    below(figure, _entries(look, names), [note, *first])
    style.heading(figure, "Transfer", scale, "performance profiles")
    return figure


def transfer_improvement(improvement: Sequence[Numbers], scale: str) -> Figure:
    """Probability that agents of one place earn more than those of another; points, intervals."""
    groups: dict[str, list[Numbers]] = {}
    for e in improvement:
        where = "the real task" if e["than"] == REAL else "another environment"
        groups.setdefault(f"over {where}", []).append(e)
    heights = [0.5 + len(pairs) for pairs in groups.values()]
    figure = style.blank(1.6 + 0.21 * sum(heights) + 0.25 * len(groups))
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=heights)
    places = {place for e in improvement for place in (e["better"], e["than"])}
    colours = style.colours(sorted(places))
    for axes, (title, pairs) in zip(panels[:, 0], groups.items(), strict=True):
        common.forest(axes, {_pair(e): e for e in pairs}, [colours[e["better"]] for e in pairs])
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
    below(figure, {}, [note])
    style.heading(figure, "Transfer", scale, "probability of improvement")
    return figure


def _pair(e: Numbers) -> str:
    other = "" if e["than"] == REAL else f" over {place_name(e['than'])}"
    return f"{place_name(e['better'])}{other} (n = {len(e['tasks'])}){' *' * e['one_seed']}"


def transfer_efficiency(lines: Lines, tasks: Tasks, scale: str) -> Figure:
    """Return on the real task over steps of training: a row per task, a panel per agent."""
    columns = max(len(agents) for agents in lines.values())
    figure = style.blank(1.6 + 1.3 * len(lines))
    panels = figure.subplots(len(lines), columns, squeeze=False, sharey="row")
    every = [(name, line) for a in lines.values() for b in a.values() for name, line in b.items()]
    look = looks(name for name, _ in every)
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
    below(figure, _entries(look, {name for name, _ in every}), [note])
    style.heading(figure, "Transfer", scale, "steps of training")
    return figure


def _entries(look: Mapping[str, Look], names: set[str]) -> dict[str, Any]:
    return keys({CALLED.get(name, name): line for name, line in look.items() if name in names})
