"""Synthetic MDPs: are they found, what are they good for, what do agents see, what do they bear?"""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from synthgym.analysis import published, style
from synthgym.analysis.core.statistics import LEVEL, fraction_interval
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures.behaviour import histograms as overlaid
from synthgym.analysis.figures.common import SOLVED, below, edges_of, place_name
from synthgym.analysis.style import styled
from synthgym.plan.mdp_plan import RANKING

Tasks = Mapping[str, Mapping[str, Any]]
Numbers = Mapping[str, Any]
COLOURS = {REAL: style.REAL_COLOUR, "varied": "#0072B2", "fixed": "#D55E00"}
OTHERS = ("#009E73", "#CC79A7", "#56B4E9", "#E69F00")
INTERVAL = f"{LEVEL:.0%} interval"
PUBLISHED: Mapping[str, Any] = {"color": "black", "marker": "x", "ls": "", "ms": 5}


def colours(tasks: Tasks) -> dict[str, str]:
    """A colour per arm, and grey for the task itself."""
    arms = [arm for section in tasks.values() for arm in (*section["evolved"], *section["fitted"])]
    others = [arm for arm in dict.fromkeys(arms) if arm not in COLOURS]
    return {**COLOURS, **{arm: OTHERS[i % len(OTHERS)] for i, arm in enumerate(others)}}


@styled
def feasibility(evaluations: pd.DataFrame, tasks: Tasks, scale: str) -> Figure:
    """Return in the search mean over generations, search by search; and how many have got there."""
    figure = style.blank(1.6 + 2.1 * len(tasks))
    panels = figure.subplots(len(tasks), 2, squeeze=False)
    colour_of = colours(tasks)
    for (left, right), (task, section) in zip(panels, tasks.items(), strict=True):
        for arm in section["evolved"]:
            rows = evaluations[(evaluations["task"] == task) & (evaluations["arm"] == arm)]
            _searches(left, right, rows, section["solved"], colour_of[arm])
        theirs, solved_by = (
            published.about("mdps", name, task) for name in ("feasibility", "solved_by")
        )
        left.plot(list(theirs), list(theirs.values()), zorder=3, **PUBLISHED)
        left.axhline(section["solved"], **SOLVED)
        right.plot(
            list(solved_by),
            [n / published.values("mdps")["searches"] for n in solved_by.values()],
            **PUBLISHED,
        )
        last = evaluations.loc[evaluations["task"] == task, "generation"].max()
        for axes in (left, right):
            axes.set_xlim(0, last * 1.03)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        right.set_ylim(-0.03, 1.03)
        left.set_title(f"{section['id']}: return in the search mean")
        right.set_title(f"{section['id']}: share of searches that solved it")
        left.set_ylabel("return per episode")
    for axes in panels[-1]:
        axes.set_xlabel("generation")
    arms = dict.fromkeys(arm for section in tasks.values() for arm in section["evolved"])
    entries = {f"{arm} settings": Line2D([], [], color=colour_of[arm], lw=1.8) for arm in arms}
    entries |= {
        "published, tuned settings (mean of 40 searches; 20 of them)": Line2D([], [], **PUBLISHED),
        "solved": Line2D([], [], **SOLVED),
    }
    note = (
        "Thin lines: one search each, by the mean return of fresh agents, which ends where it is "
        "solved (dot). Thick: mean over searches, those that ended at their last value. Right: "
        f"with {INTERVAL} (Wilson)."
    )
    below(figure, entries, [note])
    figure.suptitle(f"Synthetic MDPs, scale “{scale}”: can they be evolved?", x=0.01, ha="left")
    return figure


def _searches(left: Axes, right: Axes, rows: pd.DataFrame, solved: float, colour: str) -> None:
    means = rows.groupby(["generation", "seed"])["return_"].mean().unstack("seed").sort_index()
    for seed in means:
        line = means[seed].dropna()
        left.plot(line.index, line, color=colour, lw=0.6, alpha=0.5)
        if line.iloc[-1] >= solved:
            left.plot(line.index[-1], line.iloc[-1], "o", color=colour, ms=3)
    left.plot(means.index, means.ffill().mean(axis=1), color=colour, lw=1.8)
    there = (means.ffill() >= solved).cummax().sum(axis=1)
    n = means.shape[1]
    low, high = zip(*(fraction_interval(int(k), n) for k in there), strict=True)
    right.fill_between(means.index, low, high, color=colour, alpha=0.15, lw=0, step="post")
    right.step(means.index, there / n, color=colour, lw=1.6, where="post")


@styled
def returns(episodes: pd.DataFrame, numbers: Numbers, tasks: Tasks, scale: str) -> Figure:
    """Densities of test returns by where agents were trained; bars of what training took."""
    trials = [t for t in next(iter(tasks.values()))["agents"] if t != RANKING]
    heights = [h for _ in tasks for h in (1.5, 1.0, 1.0)]
    figure = style.blank(1.5 + 1.15 * sum(heights))
    panels = figure.subplots(len(heights), len(trials), squeeze=False, height_ratios=heights)
    colour_of = colours(tasks)
    for i, (task, section) in enumerate(tasks.items()):
        arms = [REAL, *section["evolved"], *section["fitted"]]
        mine = episodes[(episodes["task"] == task) & episodes["trial"].isin(trials)]
        bins = edges_of(mine["return_"])
        for column, trial in enumerate(trials):
            density, steps, count = panels[3 * i : 3 * i + 3, column]
            agent = section["agents"][trial]
            for arm in arms:
                of_arm = mine[(mine["trial"] == trial) & (mine["arm"] == arm)]["return_"]
                if len(of_arm):
                    shares = np.histogram(of_arm, bins)[0] / len(of_arm)
                    density.stairs(shares, bins, color=colour_of[arm], lw=1.3)
            density.axvline(section["solved"], **SOLVED)
            density.set_title(f"{section['id']}, {agent}")
            density.set_xlabel("test return per episode")
            table = numbers["tasks"][task]["trials"][trial]
            _bars(steps, table, "steps", arms, colour_of, task, agent)
            _bars(count, table, "episodes", arms, colour_of, task, agent)
        for axes, label in zip(
            panels[3 * i : 3 * i + 3, 0], ("share", "steps", "episodes"), strict=True
        ):
            axes.set_ylabel(label)
    arms = list(
        dict.fromkeys(a for s in tasks.values() for a in (REAL, *s["evolved"], *s["fitted"]))
    )
    entries: dict[str, Any] = {place_name(arm): Patch(color=colour_of[arm]) for arm in arms}
    entries |= {"published": Line2D([], [], **PUBLISHED), "solved": Line2D([], [], **SOLVED)}
    note = (
        "All test episodes of finished agents with random settings. Bars: mean length of a "
        "training, in the task until it is solved or time is up, in MDPs as planned, with "
        f"{INTERVAL} that resamples MDPs, and agents within each. All MDPs, solved or not."
    )
    below(figure, entries, [note])
    figure.suptitle(f"Synthetic MDPs, scale “{scale}”: returns and training", x=0.01, ha="left")
    return figure


def _bars(
    axes: Axes,
    table: Numbers,
    what: str,
    arms: list[str],
    colour_of: Mapping[str, str],
    task: str,
    agent: str,
) -> None:
    there = [arm for arm in arms if arm in table]
    for y, arm in enumerate(there):
        e = table[arm]["all"][what]
        axes.bar(y, e["value"], color=colour_of[arm], alpha=0.75)
        reach = [[e["value"] - e["low"]], [e["high"] - e["value"]]]
        axes.errorbar(y, e["value"], yerr=reach, color="black", lw=1)
        theirs = published.of_agents(task, agent, arm)["steps"]
        if what == "steps" and theirs is not None:
            axes.plot(y, theirs, **PUBLISHED)
    axes.set_xticks([])
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


@styled
def histograms(values: pd.DataFrame, numbers: Numbers, tasks: Tasks, scale: str) -> Figure:
    """What agents see and get in the first MDP of an arm, in the task, and its answers."""
    columns = [(task, arm) for task, section in tasks.items() for arm in section["evolved"]]
    most = max(len(section["observation_names"]) for section in tasks.values()) + 1
    figure = style.blank(1.3 + 1.15 * most)
    panels = figure.subplots(most, len(columns), squeeze=False)
    for column, (task, arm) in zip(panels.T, columns, strict=True):
        section = tasks[task]
        quantities = [*section["observation_names"], "reward"]
        for axes in column[len(quantities) :]:
            axes.remove()
        for axes, quantity in zip(column, quantities, strict=False):
            chosen = values[(values["task"] == task) & (values["arm"] == arm)]
            overlaid(axes, chosen[chosen["quantity"] == quantity])
            distance = numbers["tasks"][task]["distances"][arm][quantity]
            words = f"{distance['training']:.2f}"
            words += f", {distance['answer']:.2f}" if "answer" in distance else ""
            head = f"{section['id']}, {arm}\n" if quantity == quantities[0] else ""
            axes.set_title(f"{head}{fill(quantity, 30)}: {words}", fontsize=7)
    entries = {
        label: Patch(color=colour, alpha=0.5)
        if source == "real_test"
        else Line2D([], [], color=colour)
        for source, (label, colour) in style.SOURCES.items()
    }
    note = (
        "Share of samples per bin, logarithmic. Numbers: Wasserstein distance from the real test, "
        "over its standard deviation, of synthetic training and of the synthetic answer."
    )
    below(figure, entries, [note])
    figure.suptitle(f"Synthetic MDPs, scale “{scale}”: what agents see and get", x=0.01, ha="left")
    return figure


@styled
def ranking(means: pd.DataFrame, numbers: Numbers, tasks: Tasks, scale: str) -> Figure:
    """Settings of agents by their return from an MDP, against that from the task."""
    ranked = {task: section for task, section in tasks.items() if task in set(means["task"])}
    figure = style.blank(3.9)
    panels = figure.subplots(1, max(1, len(ranked)), squeeze=False)[0]
    colour_of = colours(tasks)
    for axes, (task, section) in zip(panels, ranked.items(), strict=False):
        mine = means[means["task"] == task]
        real = mine[mine["arm"] == REAL].set_index("setting")["return_"]
        lines = []
        for arm in section["evolved"]:
            there = mine[mine["arm"] == arm].pivot(
                index="setting", columns="environment_seed", values="return_"
            )
            for seed in there:
                axes.plot(real[there.index], there[seed], ".", color=colour_of[arm], alpha=0.25)
            axes.plot(real[there.index], there.mean(axis=1), "o", color=colour_of[arm], ms=5)
            if arm in numbers["tasks"][task]["ranking"]:
                e = numbers["tasks"][task]["ranking"][arm]["spearman"]
                lines.append(f"{arm}: {e['value']:.2f} [{e['low']:.2f}, {e['high']:.2f}]")
        axes.set_title(f"{section['id']}, Spearman\n" + "\n".join(lines))
        axes.set_xlabel("return after training in the task")
    panels[0].set_ylabel("return after training in an MDP")
    arms = dict.fromkeys(arm for section in ranked.values() for arm in section["evolved"])
    entries = {arm: Line2D([], [], color=colour_of[arm], marker="o", ls="") for arm in arms}
    note = "One setting per point: large, mean over MDPs; small, one MDP. Return on the real task."
    below(figure, entries, [note])
    figure.suptitle(f"Synthetic MDPs, scale “{scale}”: the same ranking?", x=0.01, ha="left")
    return figure


@styled
def noise(rows: pd.DataFrame, tasks: Tasks, scale: str) -> Figure:
    """Return on the task after training in a disturbed MDP, against the intensity of noise."""
    columns = [(task, arm) for task, section in tasks.items() for arm in section["evolved"]]
    figure = style.blank(4.6)
    panels = figure.subplots(1, len(columns), squeeze=False)[0]
    entries: dict[str, Line2D] = {}
    for axes, (task, arm) in zip(panels, columns, strict=True):
        section = tasks[task]
        quantities = [*section["observation_names"], "reward"]
        looks = dict(zip(quantities, (*style.LINES, style.REAL_COLOUR), strict=False))
        for i, quantity in enumerate(quantities):
            chosen = (rows["task"] == task) & (rows["arm"] == arm)
            mine = rows[chosen & (rows["quantity"] == quantity)]
            colour = "black" if quantity == "reward" else looks[quantity]
            _disturbed(axes, mine, colour, i)
            label = quantity if quantity == "reward" else f"{section['id']}: {quantity}"
            entries[label] = Line2D([], [], color=colour, lw=1.4)
        axes.axhline(section["solved"], **SOLVED)
        axes.set_xscale("symlog", linthresh=0.1)
        axes.set_xticks([0, 0.1, 1, 10], ["0", "0.1", "1", "10"])
        axes.set_xlim(left=-0.02)
        axes.set_title(f"{section['id']}, {arm}")
        axes.set_xlabel("intensity of noise")
    panels[0].set_ylabel("return on the real task")
    note = (
        "Intensity: standard deviation of Gaussian noise on one quantity, over its own in "
        f"training. Mean over agents, {INTERVAL}. Dashed: solved."
    )
    below(figure, entries, [note])
    figure.suptitle(f"Synthetic MDPs, scale “{scale}”: disturbed training", x=0.01, ha="left")
    return figure


def _disturbed(axes: Axes, rows: pd.DataFrame, colour: str, position: int) -> None:
    by = rows.groupby("intensity")["return_"]
    means, errors = by.mean(), 1.96 * by.sem()
    shifted = means.index * (1 + 0.03 * position)  # so that intervals do not hide each other
    axes.errorbar(shifted, means, yerr=errors, color=colour, lw=1.3, elinewidth=0.8)
