"""One comparison: how good agents are by where they were trained, and what the making took."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from synthgym.analysis import runs, style
from synthgym.analysis.core import verdict
from synthgym.analysis.core.statistics import interquartile_mean
from synthgym.analysis.core.tables import REAL
from synthgym.analysis.figures import along, common
from synthgym.analysis.figures.common import INTERVAL, RETURN, Look

Numbers = Mapping[str, Any]
Section = Mapping[str, Any]
COLUMNS = 2  # of panels of returns
HALVES: Look = {"color": "black", "marker": "|", "ls": "", "ms": 8}
VERDICTS = {  # verdict -> its colour, which is of no way of making
    verdict.HOLDS: "black",
    verdict.FAILS: style.PALETTE[1],
    verdict.UNDECIDED: "#aaaaaa",
}


def comparison(
    comparisons: Mapping[str, Section],
    numbers: Numbers,
    evaluations: pd.DataFrame,
    progress: pd.DataFrame,
    tables: Mapping[str, along.Tables],
    scale: str,
) -> dict[str, Figure]:
    """A figure of each comparison.

    evaluations, progress: of all, with columns comparison, arm and seed. tables: of each, those of
    the bandits that are made for it.
    """
    figures = {}
    for name, section in comparisons.items():
        course = [
            table[table["comparison"] == name] if len(table) else table
            for table in (evaluations, progress)
        ]
        of_one, made = numbers["comparisons"][name], runs.made(course[1], "arm")
        if "along" in section:
            figures[name] = along.figure(section, of_one, made, tables.get(name, {}), scale)
        else:
            figures[name] = _one(section, of_one, course, made, scale)
    return figures


def comparison_claims(comparisons: Mapping[str, Section], numbers: Numbers, scale: str) -> Figure:
    """What was expected of each comparison: differences in return, coloured by verdict."""
    differences, verdicts = {}, []
    for claim in numbers["claims"]:
        name = claim["comparison"].strip("`")
        section = comparisons[name]
        planned = {one["says"]: one.get("measure", "return") for one in section["claims"]}
        span = verdict.span_of(section["task"])
        if span is None or planned[claim["claim"]] != "return":
            continue
        (difference,) = claim["estimates"]
        row = fill(f"{name}: {claim['claim']}", 58)
        differences[row] = {key: value / span for key, value in difference.items()}
        verdicts.append(claim["verdict"])
    height = 0.5 + sum(0.16 * (1 + row.count("\n")) + 0.1 for row in differences)
    figure, (axes,) = common.grid(
        1, 1, height, "difference in return, over what there is to be learned"
    )
    common.forest(axes, differences, [VERDICTS[word] for word in verdicts])
    axes.axvline(0, color="black", lw=0.8)
    axes.axvspan(-verdict.MARGIN, verdict.MARGIN, color="#eeeeee", zorder=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    entries = common.keys({word: {"color": colour} for word, colour in VERDICTS.items()})
    note = (
        f"Differences of interquartile means, {INTERVAL}, which resamples environments; over what "
        "is between random actions and the best agent known. Grey: what counts as equal."
    )
    return common.finish(figure, "Claims", scale, entries=entries, note=note, columns=3)


def _one(
    section: Section,
    numbers: Numbers,
    course: list[pd.DataFrame],
    made: Mapping[str, str],
    scale: str,
) -> Figure:
    """Panels of returns by trial; under them, if environments are made, how good they became, and
    if settings are ranked, how well environments do that.

    course: evaluations and progress of the comparison. made: arm -> way of making.
    """
    trials, look = list(section["trials"]), style.looks({arm: made[arm] for arm in section["arms"]})
    lengths = [arm for arm, n in numbers["making"].items() if "one_step_last" in n]
    rows = -(-len(trials) // min(COLUMNS, len(trials)))
    height = 0.45 + 0.19 * (len(section["arms"]) + 1)
    ranking = numbers.get("ranking", {})
    ranked = sum(0.6 + 0.19 * len(arms) for arms in ranking.values())
    heights = [height * rows, *[1.9] * bool(section["made"]), *[ranked] * bool(ranking)]
    figure = style.blank(1.3 + sum(heights) + 0.25 * (rows + len(heights) - 1))
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    above = common.panels(parts[0], len(trials), COLUMNS, RETURN, sharex=True, sharey=True)
    for axes, trial in zip(above, trials, strict=True):
        returns, agent = numbers["returns"][trial], section["trials"][trial]["agent"]
        colours = [style.REAL_COLOUR, *(look[arm]["color"] for arm in section["arms"])]
        arms = (REAL, *section["arms"])
        estimates = {common.place_name(arm): returns.get(arm) for arm in arms}
        common.forest(axes, estimates, colours)
        common.level(axes, section["task"], "x")
        axes.set_title(fill(trial if agent == trial else f"{trial} ({agent})", 50))
    note = f"Above: interquartile mean of agents, {INTERVAL}, which resamples environments."
    if section["made"]:
        lower = parts[1].subplots(1, 1 + bool(lengths), squeeze=False)[0]
        _progress(lower[0], section, course, look)
        note += (
            " Below: interquartile mean of fresh agents in the search means of all seeds, over the "
            "steps in the real task that the search took."
        )
        if lengths:
            _lengths(lower[1], lengths, course[1], look)
            note += " Right: share of episodes with one step in the training of candidates."
    entries = common.keys({arm: look[arm] for arm in section["made"]}, lw=1.4)
    entries |= common.solved_entry(section["task"])
    if ranking:
        _agreement(parts[-1].subplots(), ranking, look)
        note += (
            " Lowest: agreement of the order of settings with that in the task; its interval "
            "resamples settings, too."
        )
        entries |= common.keys({"two halves of the agents in the task": HALVES})
    about = f"{section['about']} ({section['task']['id']})"
    return common.finish(figure, about, scale, entries=entries, note=note)


def _agreement(
    axes: Axes, ranking: Mapping[str, Mapping[str, Numbers]], look: Mapping[str, Look]
) -> None:
    """Kendall's tau by trial and arm, and of the halves of the agents in the task."""
    rows = {f"{trial}, {arm}": n for trial, arms in ranking.items() for arm, n in arms.items()}
    colours = [look[arm]["color"] for arms in ranking.values() for arm in arms]
    common.forest(axes, {name: n["kendall"] for name, n in rows.items()}, colours)
    for y, n in enumerate(reversed(rows.values())):
        if n["halves"] is not None:
            axes.plot(n["halves"], y, **HALVES)
    axes.axvline(0, color="black", lw=0.8)
    axes.set(xlabel="Kendall's τ of settings, with their order in the task", xlim=(-1.02, 1.02))


def _progress(
    axes: Axes, section: Section, course: list[pd.DataFrame], look: Mapping[str, Look]
) -> None:
    """Return in the search means over the real steps until then."""
    evaluations, progress = course
    for arm in section["made"]:
        made = progress[progress["arm"] == arm]
        costs = made.pivot_table("real_steps", "generation", "seed", "sum")
        steps = costs.cumsum().mean(axis=1)
        returns = evaluations[evaluations["arm"] == arm].groupby("generation")["return_"]
        means = returns.apply(lambda some: float(interquartile_mean(some.to_numpy())))
        axes.plot(steps.reindex(means.index).fillna(0.0), means, lw=1.3, **look[arm])
    common.level(axes, section["task"])
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_title("Meta-training")
    axes.set(xlabel="steps in the real task", ylabel="return of fresh agents")


def _lengths(axes: Axes, arms: list[str], progress: pd.DataFrame, look: Mapping[str, Look]) -> None:
    """Share of episodes with one step, over generations: thin lines of seeds, and their mean."""
    for arm in arms:
        rows = progress[progress["arm"] == arm]
        rows = rows.assign(share=rows["one_step_episodes"] / rows["synthetic_episodes"])
        for _, of_seed in rows.groupby("seed"):
            axes.plot(of_seed["generation"], of_seed["share"], lw=0.7, alpha=0.6, **look[arm])
        mean = rows.groupby("generation")["share"].mean()
        axes.plot(mean.index, mean, lw=1.8, **look[arm])
    axes.set_title("Episodes with one step (thin: each seed)")
    axes.set(xlabel="generation", ylabel="share of training episodes", ylim=(-0.03, 1.03))
