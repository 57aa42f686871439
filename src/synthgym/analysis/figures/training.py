"""How good environments and agents become: meta-training, returns, and what training takes."""

import math
from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from synthgym.analysis import published, runs, sample_efficiency, style
from synthgym.analysis.core.estimate import span
from synthgym.analysis.core.statistics import estimate, over_environments
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures import common
from synthgym.analysis.figures.common import INTERVAL, Task, finish, list_rows, place_name, reach


def meta_training(
    progress: pd.DataFrame,
    evaluations: pd.DataFrame,
    ways: Mapping[str, str],
    task: Task,
    scale: str,
) -> Figure:
    """How good each environment becomes: return on the real task over generations."""
    searched = progress["stage"].isin(runs.CHOSEN)
    names = sorted(map(str, progress["environment"][searched].unique()))
    if not names:
        figure = style.blank(1.2)
        note = "All environments of this task are distilled, at once."
        return finish(figure, task["id"], scale, "meta-training", note=note)
    labels = ("generation or iteration", "return")
    figure, panels = common.grid(len(names), 2, 1.75, *labels, room=1.6, sharex=False)
    agents = sorted(map(str, evaluations["agent"].unique()))
    dashes = dict(zip(agents, cycle(zip(style.DASHES, "osD^", strict=True)), strict=False))
    for axes, name in zip(panels, names, strict=True):
        colour = style.WAYS[ways[name]]
        log = progress[progress["environment"] == name]
        for _, seed in runs.by(log[log["stage"].isin(runs.CHOSEN)], "environment_seed"):
            look: common.Look = {"color": style.shaded(colour, 0.6), "lw": 0.6, "zorder": 1}
            axes.plot(seed["generation"], seed["fitness_mean"], **look)
        fresh = evaluations[evaluations["environment"] == name]
        for (agent,), of_agent in runs.by(fresh, "agent"):
            means = {
                generation: over_environments(rows["return_"], rows["environment_seed"])
                for generation in sorted(of_agent["generation"].unique())
                for rows in [runs.latest(of_agent, generation)]
            }
            dash, marker = dashes[agent]
            look = {"color": colour, "lw": 1.5, "ls": dash, "marker": marker, "ms": 3.5}
            common.estimates(axes, means, look)
        common.level(axes, task)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
        minutes = log.groupby("environment_seed")["seconds"].sum().mean() / 60
        axes.set_title(f"{name}: {log['generation'].max()} generations, {minutes:,.1f} min")
    n = common.n_of(evaluations.groupby(["environment", "agent", "generation"]).size())
    lines: dict[str, common.Look] = {
        agent: {"ls": dash, "marker": marker, "ms": 3.5, "lw": 1.5}
        for agent, (dash, marker) in dashes.items()
    }
    thin = {"population, each seed": {"lw": 0.6, "color": "#aaaaaa"}}
    entries = common.keys(lines, color="black") | common.keys(thin) | common.solved_entry(task)
    note = (
        "Return per episode on the real task, of agents trained in the environment. Markers: mean "
        f"of the search, interquartile mean of {n} fresh agents with {INTERVAL}, of other "
        "environments where there are several; searches that have ended count as they ended. "
        "Thin: mean fitness of the population."
    )
    return finish(figure, task["id"], scale, "meta-training", entries, note, columns=5)


def frontier(
    curves: pd.DataFrame,
    progress: pd.DataFrame,
    evaluations: pd.DataFrame,
    learners: Mapping[str, sample_efficiency.Course],
    ways: Mapping[str, str],
    task: Task,
    scale: str,
) -> Figure:
    """What an environment costs and what it is worth: return over the real steps of its making.

    learners: who learns in the task itself from few steps -> returns over steps.
    """
    figure = style.blank(4.6)
    axes, ends = figure.subplots(), runs.finished(curves)
    looks = style.looks(ways)
    made = {name: looks[name] for name in sorted(map(str, progress["environment"].unique()))}
    for name, look in made.items():
        log = progress[progress["environment"] == name]
        spent = log.assign(spent=log.groupby("environment_seed")["real_steps"].cumsum())
        searched = spent[spent["stage"].isin(runs.CHOSEN)]
        first = searched[searched["generation"] == 1]
        fresh = evaluations[evaluations["environment"] == name]
        means = {}
        for generation in sorted(fresh["generation"].unique()):
            # Before the first: what it begins at.
            at = runs.latest(searched, generation) if generation else first
            steps = (at["spent"] - (0 if generation else at["real_steps"])).mean()
            if steps > 0:
                rows = runs.latest(fresh, generation)
                means[steps] = over_environments(rows["return_"], rows["environment_seed"])
        if means:
            common.estimates(axes, means, {**look, "lw": 1.3, "marker": "o", "ms": 2.5})
        agents = ends[ends["environment"] == name]
        e = over_environments(agents["return_"], agents["environment_seed"])
        total = spent.groupby("environment_seed")["spent"].max().mean()
        end = {"color": look["color"], "marker": "D", "ms": 6, "mfc": "white", "zorder": 3}
        axes.errorbar(total, e.iqm, yerr=reach(e.interval), **end)
    real = sample_efficiency.course(curves[curves["environment"] == REAL])
    # far from those of the ways
    colours = cycle([style.WAYS[REAL], *(style.PALETTE[number] for number in (0, 4, 2, 3))])
    lines: dict[str, common.Look] = {}
    courses = {"in the task, one agent": real, **learners}
    for (name, learned), colour in zip(courses.items(), colours, strict=False):
        lines[name] = {"color": colour, "lw": 1.3}
        for together, dash in ((1, "-"), (sample_efficiency.HUNDRED, ":")):
            steps = {together * step: e for step, e in learned.items()}
            common.estimates(axes, steps, {**lines[name], "ls": dash})
    lines["a hundred agents together"] = {"color": "black", "lw": 1.3, "ls": ":"}
    others = published.about("bandits", "made", task["name"])
    for (label, steps), dash in zip(others.items(), style.DASHES, strict=False):
        lines[f"{label}, published"] = {"color": "#555555", "lw": 1.0, "ls": dash}
        axes.axvline(steps, **lines[f"{label}, published"], zorder=0)
    axes.set_xscale("log")
    axes.set_xlabel("steps in the real task")
    axes.set_ylabel(common.RETURN)
    common.level(axes, task)
    entries = common.keys(made, lw=1.3)
    note = (
        "Diamonds: agents of all algorithms, trained in the finished environment, over all real "
        "steps that one takes to make, teachers and tests included. Lines that lead there: fresh "
        "agents of the algorithms that took part, while it was made; searches that have ended "
        f"count as they ended. Interquartile means with {INTERVAL}s, of other environments where "
        "there are several. An environment is made once, for any number of agents."
    )
    if learners:
        note += " Tuned: ours; after each number of steps, that which is best then."
    entries |= common.keys(lines) | common.solved_entry(task)
    return finish(figure, task["id"], scale, "real steps and return", entries, note, columns=3)


def returns(
    curves: pd.DataFrame,
    episodes: pd.DataFrame,
    trained_with: Mapping[str, list[str]],
    ways: Mapping[str, str],
    task: Task,
    scale: str,
) -> Figure:
    """How good agents are by where they were trained: a panel per agent, a row per place."""
    ends, equal = runs.finished(curves), runs.at_equal_steps(curves)
    # name, agents, test episodes; an unfinished agent's episodes are not kept, only their mean
    unfinished = not equal.index.isin(ends.index).all()
    places = [(REAL, equal, episodes.iloc[:0])] if unfinished else []
    places += [
        (name, ends[ends["environment"] == name], episodes[episodes["environment"] == name])
        for name in [REAL, *sorted(trained_with)]
    ]
    labels = [f"{place_name(name)},\n{span(rows['step'])} steps" for name, rows, _ in places]
    agents = sorted(map(str, curves["agent"].unique()))
    height = 0.25 + 0.62 * len(places)
    figure, panels = common.grid(len(agents), columns=2, height=height, x=common.RETURN)
    bins = common.edges_of([*ends["return_"], *equal["return_"], *episodes["return_"]])
    for axes, agent in zip(panels, agents, strict=True):
        for y, (name, judged, tested) in enumerate(reversed(places)):
            chosen = judged[judged["agent"] == agent]
            if len(chosen):
                unseen = name != REAL and agent not in trained_with[name]
                of_agent = tested.loc[tested["agent"] == agent, "return_"]
                colour = style.WAYS[ways.get(name, REAL)]
                _raincloud(axes, y, chosen, of_agent, bins, colour, unseen)
        common.level(axes, task, "x")
        axes.set_title(f"agent: {agent}")
        list_rows(axes, labels, low=-0.45)
    iqm, one = f"interquartile mean of n agents, {INTERVAL}", "one agent: mean of its test episodes"
    diamond, dot = {"marker": "D", "ms": 5, "mfc": "white", "lw": 1.6}, {"marker": "o", "ms": 3}
    entries: dict[str, Any] = {
        **common.keys({iqm: diamond, one: {**dot, "ls": "", "alpha": 0.6}}, color="black"),
        "test episodes of finished agents (scaled per row)": Patch(color="black", alpha=0.3),
    }
    entries |= common.solved_entry(task)
    note = common.unseen_note(trained_with, agents)
    return finish(figure, task["id"], scale, "agents by where they were trained", entries, note)


def _raincloud(
    axes: Axes,
    y: int,
    agents: pd.DataFrame,
    episodes: pd.Series,
    bins: np.ndarray,
    colour: str,
    unseen: bool,
) -> None:
    """Histogram above the line at `y`, which it does not leave; agents below; estimate on it."""
    if len(episodes):
        counts, _ = np.histogram(episodes, bins)
        heights = y + 0.3 * counts / counts.max()
        axes.stairs(heights, bins, baseline=y, fill=True, color=colour, alpha=0.35, lw=0)
    ordered = np.sort(agents["return_"].to_numpy())
    spread = (np.arange(len(ordered)) * 0.618) % 1  # golden ratio: neighbours far apart
    axes.plot(ordered, y - 0.1 - 0.22 * spread, "o", color=colour, ms=2.6, mew=0, alpha=0.6)
    e = estimate(agents["return_"], agents["environment_seed"])
    axes.errorbar(
        e.iqm, y, xerr=reach(e.interval), color=colour, lw=1.8, marker="D", ms=5, mfc="white"
    )
    iqm, low, high = map(common.short, (e.iqm, e.low, e.high))
    words = f"{iqm} [{low}, {high}], n = {e.n}{' †' * unseen}"
    axes.text(0.01, y + 0.33, words, transform=axes.get_yaxis_transform(), fontsize=style.SMALL)


def effort(
    curves: pd.DataFrame,
    trained_with: Mapping[str, list[str]],
    ways: Mapping[str, str],
    task: Task,
    scale: str,
) -> Figure:
    """What training takes until the task is solved: steps, episodes; a row of panels per agent."""
    agents = sorted(map(str, curves["agent"].unique()))
    places = [REAL, *sorted(trained_with)]
    colours = [style.WAYS[ways.get(name, REAL)] for name in places]
    figure = style.blank(1.3 + (0.5 + 0.2 * len(places)) * len(agents))
    panels = figure.subplots(len(agents), 2, sharex="col", sharey=True, squeeze=False)
    solved = runs.first_solved(curves, runs.level(task["solved"]))
    for column, unit in enumerate(("step", "episode")):
        limits = _log_limits(solved[unit], curves[unit])
        for axes, agent in zip(panels[:, column], agents, strict=True):
            axes.set_xscale("log")
            axes.set_xlim(*limits)
            _label_logarithmic(axes, *limits)
            rows = {}
            for y, name in enumerate(reversed(places)):
                every, first = (
                    table[(table["environment"] == name) & (table["agent"] == agent)]
                    for table in (curves, solved)
                )
                unseen = name != REAL and agent not in trained_with[name]
                n = len(every.drop_duplicates(runs.RUN))
                label = f"{len(first)}/{n} solved{' †' * unseen}"
                e = estimate(first[unit], first["environment_seed"]) if len(first) else None
                rows[place_name(name)] = e.interval if e else None
                aside: dict[str, Any] = {"xytext": (7, 0), "textcoords": "offset points"}
                end = (e.high if e else limits[0], y)
                axes.annotate(label, end, va="center", fontsize=style.SMALL, **aside)
            common.forest(axes, dict(reversed(rows.items())), colours)
            axes.set_title(f"agent: {agent}")
        panels[-1, column].set_xlabel(f"training {unit}s until solved")
    note = (
        f"Interquartile mean with {INTERVAL}, over those agents that got to "
        f"{task['solved']:g} at one of their evaluations."
        if task["solved"] is not None
        else "Nobody has agreed from which return on this task counts as solved."
    )
    note += " In a bandit every episode is one step." * bool(runs.bandits(curves))
    note += "\n" + common.unseen_note(trained_with, agents)
    return finish(figure, task["id"], scale, "training until the task is solved", note=note)


def _log_limits(solved: pd.Series, every: pd.Series) -> tuple[float, float]:
    """A decade around what is shown, with room for a label behind the last point."""
    shown = solved if len(solved) else every
    return max(0.5, float(shown.min()) / 2), float(shown.max()) * 8


def _label_logarithmic(axes: Axes, low: float, high: float) -> None:
    """Plain numbers, at as many places as have room for them."""
    decades = math.log10(high / low)
    steps = (1.0,) if decades > 2.5 else (1.0, 3.0) if decades > 1.5 else (1.0, 2.0, 5.0)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
