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

from synthgym.analysis import published, runs, style
from synthgym.analysis.core.estimate import written
from synthgym.analysis.core.statistics import fraction_interval
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures import common
from synthgym.analysis.figures.behaviour import histograms
from synthgym.analysis.figures.common import INTERVAL, PUBLISHED, SOLVED, Task, Tasks, keys

Numbers = Mapping[str, Any]
ABOUT = "Synthetic MDPs"


def colours(tasks: Tasks) -> dict[str, str]:
    """A colour per arm, and grey for the task itself."""
    ways = {arm: "evolved" for _, arm in _evolved(tasks)}
    ways |= {arm: runs.MODEL for section in tasks.values() for arm in section["fitted"]}
    return {arm: look["color"] for arm, look in style.looks(ways).items()}


def _places(section: Task) -> list[str]:
    return [REAL, *section["evolved"], *section["fitted"]]


def _evolved(tasks: Tasks) -> list[tuple[str, str]]:
    """Tasks and the arms that are evolved there."""
    return [(task, arm) for task, section in tasks.items() for arm in section["evolved"]]


def mdp_feasibility(evaluations: pd.DataFrame, tasks: Tasks, scale: str) -> Figure:
    """Return in the search mean over generations, search by search; and how many have got there."""
    figure = style.blank(1.6 + 2.1 * len(tasks))
    panels = figure.subplots(len(tasks), 2, squeeze=False)
    colour_of = colours(tasks)
    for (left, right), (task, section) in zip(panels, tasks.items(), strict=True):
        for arm in section["evolved"]:
            rows = evaluations[(evaluations["task"] == task) & (evaluations["arm"] == arm)]
            _searches(left, right, rows, section["solved"], colour_of[arm])
        returns = published.about("mdps", "feasibility", task)
        left.plot(list(returns), list(returns.values()), zorder=3, **PUBLISHED)
        common.level(left, section)
        solved_by = published.about("mdps", "solved_by", task)
        shares = [n / published.values("mdps")["searches"] for n in solved_by.values()]
        right.plot(list(solved_by), shares, **PUBLISHED)
        last = evaluations.loc[evaluations["task"] == task, "generation"].max()
        for axes in (left, right):
            axes.set_xlim(0, last * 1.03)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        title = f"{section['id']}: return in the search mean"
        left.set(title=title, ylabel="return per episode")
        right.set(title=f"{section['id']}: share of searches that solved it", ylim=(-0.03, 1.03))
    for axes in panels[-1]:
        axes.set_xlabel("generation")
    entries = {
        **{f"{arm} settings": {"color": colour_of[arm], "lw": 1.8} for _, arm in _evolved(tasks)},
        "published, tuned settings (mean of 40 searches; 20 of them)": PUBLISHED,
        "solved": SOLVED,
    }
    note = (
        "Thin lines: one search each, by the mean return of fresh agents, which ends where it is "
        "solved (dot). Thick: mean over searches, those that ended at their last value. Right: "
        f"with {INTERVAL} (Wilson)."
    )
    return common.finish(figure, ABOUT, scale, "can they be evolved?", keys(entries), note)


def _searches(left: Axes, right: Axes, rows: pd.DataFrame, solved: float, colour: str) -> None:
    means = rows.groupby(["generation", "seed"])["return_"].mean().unstack("seed").sort_index()
    for seed in means:
        line = means[seed].dropna()
        left.plot(line.index, line, color=colour, lw=0.6, alpha=0.5)
        if line.iloc[-1] >= solved:
            left.plot(line.index[-1], line.iloc[-1], "o", color=colour, ms=3)
    left.plot(means.index, means.ffill().mean(axis=1), color=colour, lw=1.8)
    number = (means.ffill() >= solved).cummax().sum(axis=1)
    n = means.shape[1]
    low, high = zip(*(fraction_interval(int(k), n) for k in number), strict=True)
    right.fill_between(means.index, low, high, color=colour, alpha=0.15, lw=0, step="post")
    right.step(means.index, number / n, color=colour, lw=1.6, where="post")


def mdp_returns(episodes: pd.DataFrame, numbers: Numbers, tasks: Tasks, scale: str) -> Figure:
    """Densities of test returns by where agents were trained; bars of what training took."""
    trials = list(numbers["tasks"][next(iter(tasks))]["trials"])
    heights = [height for _ in tasks for height in (1.5, 1.0, 1.0)]
    figure = style.blank(1.5 + 1.15 * sum(heights))
    panels = figure.subplots(len(heights), len(trials), squeeze=False, height_ratios=heights)
    colour_of = colours(tasks)
    for i, (task, section) in enumerate(tasks.items()):
        tested = episodes[(episodes["task"] == task) & episodes["trial"].isin(trials)]
        bins = common.edges_of(tested["return_"])
        rows = panels[3 * i : 3 * i + 3]
        for (density, steps, count), trial in zip(rows.T, trials, strict=True):
            agent, table = section["agents"][trial], numbers["tasks"][task]["trials"][trial]
            for arm in _places(section):
                some = tested[(tested["trial"] == trial) & (tested["arm"] == arm)]["return_"]
                if len(some):
                    shares = np.histogram(some, bins)[0] / len(some)
                    density.stairs(shares, bins, color=colour_of[arm], lw=1.3)
            common.level(density, section, "x")
            density.set(title=f"{section['id']}, {agent}", xlabel="test return per episode")
            arms = [arm for arm in _places(section) if arm in table]
            for axes, unit in ((steps, "steps"), (count, "episodes")):
                _bars(axes, {arm: table[arm]["all"][unit] for arm in arms}, colour_of)
            for x, arm in enumerate(arms):
                if (length := published.of_agents(task, agent, arm)["steps"]) is not None:
                    steps.plot(x, length, **PUBLISHED)
        for axes, label in zip(rows[:, 0], ("share", "steps", "episodes"), strict=True):
            axes.set_ylabel(label)
    places = [arm for section in tasks.values() for arm in _places(section)]
    patches = {common.place_name(arm): Patch(color=colour_of[arm]) for arm in places}
    entries = {**patches, **keys({"published": PUBLISHED, "solved": SOLVED})}
    note = (
        "All test episodes of finished agents with random settings. Bars: mean length of a "
        "training, in the task until it is solved or time is up, in MDPs as planned, with "
        f"{INTERVAL} that resamples MDPs, and agents within each. All MDPs, solved or not."
    )
    return common.finish(figure, ABOUT, scale, "returns and training", entries, note)


def _bars(axes: Axes, bars: Mapping[str, Numbers], colour_of: Mapping[str, str]) -> None:
    for x, (arm, e) in enumerate(bars.items()):
        axes.bar(x, e["value"], color=colour_of[arm], alpha=0.75)
        axes.errorbar(x, e["value"], yerr=common.reach(e), color="black", lw=1)
    axes.set_xticks([])
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def mdp_histograms(values: pd.DataFrame, numbers: Numbers, tasks: Tasks, scale: str) -> Figure:
    """What agents see and get in the first MDP of an arm, in the task, and its answers."""
    columns = _evolved(tasks)
    most = max(len(section["observation_names"]) for section in tasks.values()) + 1
    figure = style.blank(1.3 + 1.15 * most)
    panels = figure.subplots(most, len(columns), squeeze=False)
    for column, (task, arm) in zip(panels.T, columns, strict=True):
        section = tasks[task]
        quantities = [*section["observation_names"], "reward"]
        for axes in column[len(quantities) :]:
            axes.remove()
        chosen = values[(values["task"] == task) & (values["arm"] == arm)]
        for axes, quantity in zip(column, quantities, strict=False):
            histograms(axes, chosen[chosen["quantity"] == quantity])
            distance = numbers["tasks"][task]["distances"][arm][quantity]
            words = ", ".join(f"{distance[x]:.2f}" for x in ("training", "answer") if x in distance)
            head = f"{section['id']}, {arm}\n" if quantity == quantities[0] else ""
            axes.set_title(f"{head}{fill(quantity, 30)}: {words}", fontsize=7)
    note = (
        "Share of samples per bin, logarithmic. Numbers: Wasserstein distance from the real test, "
        "over its standard deviation, of synthetic training and of the synthetic answer."
    )
    entries = common.source_entries()
    return common.finish(figure, ABOUT, scale, "what agents see and get", entries, note)


def mdp_ranking(finished: pd.DataFrame, numbers: Numbers, tasks: Tasks, scale: str) -> Figure:
    """Settings of agents by their return from an MDP, against that from the task.

    finished: a row for each agent.
    """
    ranked = {task: section for task, section in tasks.items() if task in set(finished["task"])}
    figure = style.blank(3.9)
    panels = figure.subplots(1, max(1, len(ranked)), squeeze=False)[0]
    colour_of = colours(tasks)
    for axes, (task, section) in zip(panels, ranked.items(), strict=False):
        of_task = finished[finished["task"] == task]
        real = of_task[of_task["arm"] == REAL].groupby("setting")["return_"].mean()
        lines = []
        for arm in section["evolved"]:
            rows = of_task[of_task["arm"] == arm]
            returns = rows.pivot_table("return_", "setting", "environment_seed")
            in_task = real[returns.index]
            for seed in returns:
                axes.plot(in_task, returns[seed], ".", color=colour_of[arm], alpha=0.25)
            axes.plot(in_task, returns.mean(axis=1), "o", color=colour_of[arm], ms=5)
            if found := numbers["tasks"][task]["ranking"].get(arm):
                lines.append(f"{arm}: {written(found['spearman'], '.2f')}")
        title = f"{section['id']}, Spearman\n" + "\n".join(lines)
        axes.set(title=title, xlabel="return after training in the task")
    panels[0].set_ylabel("return after training in an MDP")
    points = {"marker": "o", "ls": ""}
    arms = [arm for _, arm in _evolved(ranked) if arm in set(finished["arm"])]
    entries = {arm: {"color": colour_of[arm], **points} for arm in arms}
    note = "One setting per point: large, mean over MDPs; small, one MDP. Return on the real task."
    return common.finish(figure, ABOUT, scale, "the same ranking?", keys(entries), note)


def mdp_noise(noise: pd.DataFrame, tasks: Tasks, scale: str) -> Figure:
    """Return on the task after training in a disturbed MDP, against the intensity of noise."""
    columns = _evolved(tasks)
    figure = style.blank(4.6)
    panels = figure.subplots(1, len(columns), squeeze=False)[0]
    entries: dict[str, Line2D] = {}
    for axes, (task, arm) in zip(panels, columns, strict=True):
        section = tasks[task]
        rows = noise[(noise["task"] == task) & (noise["arm"] == arm)]
        looks = style.lines(["reward", *section["observation_names"]], lw=1.3)
        for i, (quantity, look) in enumerate(looks.items()):
            by_intensity = rows[rows["quantity"] == quantity].groupby("intensity")["return_"]
            means, errors = by_intensity.mean(), 1.96 * by_intensity.sem()
            shifted = means.index * (1 + 0.03 * i)  # so that intervals do not hide each other
            axes.errorbar(shifted, means, yerr=errors, elinewidth=0.8, **look)
            label = quantity if quantity == "reward" else f"{section['id']}: {quantity}"
            entries[label] = Line2D([], [], **look)
        common.level(axes, section)
        axes.set_xscale("symlog", linthresh=0.1)
        axes.set_xticks([0, 0.1, 1, 10], ["0", "0.1", "1", "10"])
        axes.set_xlim(left=-0.02)
        axes.set(title=f"{section['id']}, {arm}", xlabel="intensity of noise")
    panels[0].set_ylabel("return on the real task")
    note = (
        "Intensity: standard deviation of Gaussian noise on one quantity, over its own in "
        f"training. Mean over agents, {INTERVAL}. Dashed: solved."
    )
    return common.finish(figure, ABOUT, scale, "disturbed training", entries, note)
