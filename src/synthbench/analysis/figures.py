"""What came out, in pictures? One function per figure, each from tables to a Figure."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from synthbench.analysis import files, runs, style
from synthbench.analysis.files import REAL
from synthbench.analysis.statistics import LEVEL, Estimate, estimate
from synthbench.analysis.style import styled

Task = Mapping[str, Any]
INPUTS = ("curves", "episodes", "progress", "evaluations", "values", "surface")
INTERVAL = f"{LEVEL:.0%} interval"
UNSEEN = "† unseen: this agent took no part in that environment's meta-training"
RETURN = "return per episode on the real task"
SOLVED: dict[str, Any] = {"color": "black", "ls": "--", "lw": 0.9, "zorder": 1}
BINS = 40
NOTE_WIDTH = 125  # characters
SHOWN = 0.998  # central part of each source that spans the axis of a behaviour histogram


def run(
    config: Mapping[str, Any], inputs: Mapping[str, Iterable[Path]], out: Path, checkpoint: Path
) -> list[str]:
    """Write the figures of one task into `out`.

    config: `scale` and `task`.
    inputs: `curves` and `episodes` (transfer and real), `progress` and `evaluations`, `values`,
    and `surface`. Raises ValueError if one of them says nothing.
    """
    about = {"task": config["task"], "scale": config["scale"]}
    table = {name: files.read(name, inputs[name]) for name in INPUTS}
    trained_with = runs.meta_agents(table["progress"])
    figures = {
        "meta_training.png": meta_training(table["progress"], table["evaluations"], **about),
        "returns.png": returns(table["curves"], table["episodes"], trained_with, **about),
        "effort.png": effort(table["curves"], trained_with, **about),
        "behaviour.png": behaviour(table["values"], **about),
        "reward_surface.png": reward_surface(table["surface"], **about),
    }
    for name, figure in figures.items():
        style.save(figure, out / name)
    return list(figures)


# ---- meta-training


@styled
def meta_training(
    progress: pd.DataFrame, evaluations: pd.DataFrame, task: Task, scale: str
) -> Figure:
    """How good each environment becomes: return on the real task over generations."""
    searched = progress["stage"] == runs.METATRAIN
    names = sorted(map(str, progress["environment"][searched].unique()))
    figure, panels = _grid(len(names), columns=2, height=1.75, x="generation", y="return")
    colour_of = style.colours(names)
    for axes, name in zip(panels, names, strict=True):
        log = progress[progress["environment"] == name]
        for _, seed in runs.by(log[log["stage"] == runs.METATRAIN], "environment_seed"):
            axes.plot(seed["generation"], seed["fitness_mean"], color=colour_of[name], lw=0.7)
        draws = evaluations[evaluations["environment"] == name]
        for i, ((agent,), rows) in enumerate(runs.by(draws, "agent")):
            _band(axes, rows, colour_of[name], marker="osD^v"[i % 5], label=agent)
        if task["solved"] is not None:
            axes.axhline(task["solved"], **SOLVED)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
        minutes = log.groupby("environment_seed")["seconds"].sum().mean() / 60
        axes.set_title(f"{name}: {log['generation'].max()} generations, {minutes:,.1f} min")
        if draws["agent"].nunique() > 1:
            axes.legend()
    n = evaluations.groupby(["environment", "agent", "generation"]).size()
    _below(
        figure,
        {
            f"mean of the search: interquartile mean of {_n(n)} fresh agents, {INTERVAL}": Line2D(
                [], [], color="black", marker="o", ms=4, lw=1.6
            ),
            "population: mean fitness": Line2D([], [], color="black", lw=0.7),
            **_solved_entry(task),
        },
        ["Return per episode on the real task, of agents trained in the environment."],
    )
    style.heading(figure, task, scale, "meta-training")
    return figure


def _band(axes: Axes, draws: pd.DataFrame, colour: str, marker: str, label: str) -> None:
    estimates = {
        generation: estimate(rows["return_"], rows["environment_seed"])
        for generation, rows in draws.groupby("generation")
    }
    x = list(estimates)
    axes.fill_between(
        x,
        [e.low for e in estimates.values()],
        [e.high for e in estimates.values()],
        color=colour,
        alpha=0.25,
        lw=0,
    )
    iqm = [e.iqm for e in estimates.values()]
    axes.plot(x, iqm, color=colour, lw=1.6, marker=marker, ms=4, label=label)


# ---- returns


@styled
def returns(
    curves: pd.DataFrame,
    episodes: pd.DataFrame,
    trained_with: Mapping[str, list[str]],
    task: Task,
    scale: str,
) -> Figure:
    """How good agents are by where they were trained: a panel per agent, a row per place."""
    ends, equal = runs.finished(curves), runs.at_equal_steps(curves)
    colour_of = style.colours(trained_with)
    # name, agents, test episodes; an unfinished agent's episodes are not kept, only their mean
    places = [(REAL, equal, episodes.iloc[:0])] if len(equal) else []
    for name in [REAL, *sorted(trained_with)]:
        here, tested = ends[ends["environment"] == name], episodes[episodes["environment"] == name]
        places.append((name, here, tested))
    labels = [f"{_name(name)},\n{_steps(here['step'])}" for name, here, _ in reversed(places)]
    agents = sorted(map(str, curves["agent"].unique()))
    height = 0.25 + 0.62 * len(places)
    figure, panels = _grid(len(agents), columns=2, height=height, x=RETURN)
    bins = _bins([*ends["return_"], *equal["return_"], *episodes["return_"]])
    for axes, agent in zip(panels, agents, strict=True):
        for y, (name, judged, tested) in enumerate(reversed(places)):
            chosen = judged[judged["agent"] == agent]
            if len(chosen):
                unseen = name != REAL and agent not in trained_with[name]
                drawn = tested.loc[tested["agent"] == agent, "return_"]
                _raincloud(axes, y, chosen, drawn, bins, colour_of[name], unseen)
        if task["solved"] is not None:
            axes.axvline(task["solved"], **SOLVED)
        axes.set_title(f"agent: {agent}")
        axes.set_yticks(range(len(places)), labels)
        axes.set_ylim(-0.45, len(places) - 0.4)
        axes.grid(visible=False, axis="y")
    _below(
        figure,
        {
            f"interquartile mean of n agents, {INTERVAL}": Line2D(
                [], [], color="black", marker="D", ms=5, mfc="white", lw=1.6
            ),
            "one agent: mean of its test episodes": Line2D(
                [], [], color="black", marker="o", ms=3, ls="", alpha=0.6
            ),
            "test episodes of finished agents (scaled per row)": Patch(color="black", alpha=0.3),
            **_solved_entry(task),
        },
        _unseen_note(trained_with, agents),
    )
    style.heading(figure, task, scale, "agents by where they were trained")
    return figure


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
    axes.errorbar(e.iqm, y, xerr=_errors(e), color=colour, lw=1.8, marker="D", ms=5, mfc="white")
    axes.text(
        0.01,
        y + 0.33,
        f"{_number(e.iqm)} [{_number(e.low)}, {_number(e.high)}], n = {e.n}{' †' * unseen}",
        transform=axes.get_yaxis_transform(),
        fontsize=style.SMALL,
    )


# ---- effort


@styled
def effort(
    curves: pd.DataFrame, trained_with: Mapping[str, list[str]], task: Task, scale: str
) -> Figure:
    """What training takes until the task is solved: steps, episodes; a row of panels per agent."""
    agents = sorted(map(str, curves["agent"].unique()))
    places = [REAL, *sorted(trained_with)]
    height = 0.5 + 0.24 * len(places)
    figure = style.blank(1.3 + height * len(agents))
    panels = figure.subplots(len(agents), 2, sharex="col", sharey=True, squeeze=False)
    solved = runs.first_solved(curves, runs.level(task["solved"]))
    for column, unit in enumerate(("step", "episode")):
        limits = _log_limits(solved[unit], curves[unit])
        for axes, agent in zip(panels[:, column], agents, strict=True):
            axes.set_xscale("log")
            axes.set_xlim(*limits)
            for y, name in enumerate(reversed(places)):
                every = curves[(curves["environment"] == name) & (curves["agent"] == agent)]
                there = solved[(solved["environment"] == name) & (solved["agent"] == agent)]
                unseen = name != REAL and agent not in trained_with[name]
                colour = style.colours(trained_with)[name]
                _bar(axes, y, there, unit, len(every.drop_duplicates(runs.RUN)), unseen, colour)
            axes.set_title(f"agent: {agent}")
            axes.set_yticks(range(len(places)), [_name(name) for name in reversed(places)])
            axes.set_ylim(-0.6, len(places) - 0.4)
            axes.grid(visible=False, axis="y")
        panels[-1, column].set_xlabel(f"training {unit}s until solved")
    bandits = [name for (name,), rows in runs.by(curves, "environment") if _is_bandit(rows)]
    note = [
        f"Bars: interquartile mean with {INTERVAL}, over those agents that got to "
        f"{task['solved']:g} at one of their evaluations."
        if task["solved"] is not None
        else "Nobody has agreed from which return on this task counts as solved.",
        *(["In a bandit every episode is one step."] if bandits else []),
        *_unseen_note(trained_with, agents),
    ]
    _below(figure, {}, note)
    style.heading(figure, task, scale, "training until the task is solved")
    return figure


def _bar(
    axes: Axes, y: int, there: pd.DataFrame, unit: str, of: int, unseen: bool, colour: str
) -> None:
    left, _ = axes.get_xlim()
    end, text = left, f"{len(there)}/{of} solved{' †' * unseen}"
    if len(there):
        e = estimate(there[unit], there["environment_seed"])
        axes.barh(y, e.iqm - left, left=left, height=0.7, color=colour, alpha=0.6)
        axes.errorbar(e.iqm, y, xerr=_errors(e), color="black", lw=1.1, capsize=2)
        end = e.high
    axes.text(end * 1.15, y, text, va="center", fontsize=style.SMALL)


def _log_limits(solved: pd.Series, every: pd.Series) -> tuple[float, float]:
    """A decade around what is shown, with room for a label behind the longest bar."""
    shown = solved if len(solved) else every
    return max(0.5, float(shown.min()) / 2), float(shown.max()) * 8


def _is_bandit(curves: pd.DataFrame) -> bool:
    return bool((curves["episode"] == curves["step"]).all())


# ---- behaviour


@styled
def behaviour(values: pd.DataFrame, task: Task, scale: str) -> Figure:
    """What agents see in training and in the test: a row per quantity, a column per environment."""
    names = sorted(map(str, values["environment"].unique()))
    quantities = [*task["observation_names"], "reward"]
    figure = style.blank(1.1 + 0.95 * len(quantities))
    panels = figure.subplots(len(quantities), len(names), sharey=True, squeeze=False)
    for row, quantity in zip(panels, quantities, strict=True):
        for axes, name in zip(row, names, strict=True):
            chosen = (values["environment"] == name) & (values["quantity"] == quantity)
            _histograms(axes, values[chosen])
        row[0].set_ylabel(fill(quantity, 15), rotation=0, ha="right", va="center")
    for axes, name in zip(panels[0], names, strict=True):
        axes.set_title(name)
    fewest = values.groupby(["environment", "quantity", "source"]).size()
    panels[0, 0].set_ylim(0.5 / fewest.max(), 2)
    _below(
        figure,
        {
            label: Patch(color=colour, alpha=0.5)
            if source == "real_test"
            else Line2D([], [], color=colour)
            for source, (label, colour) in style.SOURCES.items()
        },
        [
            f"Share of the {_n(fewest)} samples of each kind per bin, logarithmic; bins span the "
            f"central {SHOWN:.1%} of each kind."
        ],
    )
    style.heading(figure, task, scale, "observations and rewards")
    return figure


def _histograms(axes: Axes, values: pd.DataFrame) -> None:
    samples = {
        source: values.loc[values["source"] == source, "value"].to_numpy()
        for source in style.SOURCES
        if (values["source"] == source).any()
    }
    bins = _bins([edge for drawn in samples.values() for edge in _central(drawn)])
    for source, drawn in samples.items():
        counts, _ = np.histogram(drawn, bins)
        _, colour = style.SOURCES[source]
        real = source == "real_test"
        axes.stairs(counts / len(drawn), bins, fill=real, color=colour, alpha=0.5 if real else 1)
    axes.set_yscale("log")
    axes.locator_params(axis="x", nbins=4)


def _central(samples: np.ndarray) -> tuple[float, float]:
    """The samples at both ends of the central part; the outermost ones if there are few."""
    tail = (1 - SHOWN) / 2
    return (
        float(np.quantile(samples, tail, method="lower")),
        float(np.quantile(samples, 1 - tail, method="higher")),
    )


# ---- reward surface


@styled
def reward_surface(surface: pd.DataFrame, task: Task, scale: str) -> Figure:
    """What an environment rewards, over two observation dimensions (the others at their median).

    With two actions a panel per environment, with more two: the best action, and by how much. Of
    several meta-training seeds the first is shown.
    """
    first = surface.groupby("environment")["environment_seed"].transform("min")
    shown = surface[surface["environment_seed"] == first]
    names = sorted(map(str, shown["environment"].unique()))
    several = shown["action"].nunique() > 2
    x_name, y_name = str(shown["x_name"].iloc[0]), str(shown["y_name"].iloc[0])
    n = len(names) * (2 if several else 1)
    figure, panels = _grid(n, columns=2, height=2.2, x=x_name, y=y_name)
    panels[0].xaxis.set_major_locator(MaxNLocator(5))
    for i, name in enumerate(names):
        x, y, rewards = _on_grid(shown[shown["environment"] == name])
        title = f"{name}, seed {first[surface['environment'] == name].iloc[0]}"
        if several:
            _best_action(figure, panels[2 * i], x, y, rewards)
            _margin(figure, panels[2 * i + 1], x, y, rewards)
            panels[2 * i].set_title(f"{title}: best action")
            panels[2 * i + 1].set_title(f"{title}: its lead")
        else:
            _difference(figure, panels[i], x, y, rewards)
            panels[i].set_title(title)
    line = "" if several else " On the black line both actions are worth the same."
    _below(figure, {}, [f"The other observations are at their median in real test episodes.{line}"])
    style.heading(figure, task, scale, "rewards of the synthetic environments")
    return figure


def _on_grid(surface: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates x (X,), y (Y,) and rewards (actions, Y, X)."""
    grids = [
        rows.pivot(index="y", columns="x", values="reward")
        for _, rows in surface.groupby("action", sort=True)
    ]
    return (
        grids[0].columns.to_numpy(),
        grids[0].index.to_numpy(),
        np.stack([grid.to_numpy() for grid in grids]),
    )


def _difference(
    figure: Figure, axes: Axes, x: np.ndarray, y: np.ndarray, rewards: np.ndarray
) -> None:
    difference = rewards[1] - rewards[0]
    most = np.quantile(np.abs(difference), 0.99)
    mesh = axes.pcolormesh(x, y, difference, cmap=style.DIVERGING, vmin=-most, vmax=most)
    if difference.min() < 0 < difference.max():
        axes.contour(x, y, difference, levels=[0], colors="black", linewidths=1.2)
    figure.colorbar(mesh, ax=axes, label="reward: action 1 minus action 0", extend="both")


def _best_action(
    figure: Figure, axes: Axes, x: np.ndarray, y: np.ndarray, rewards: np.ndarray
) -> None:
    n = len(rewards)
    colours = ListedColormap(style.ACTIONS[:n])
    mesh = axes.pcolormesh(x, y, rewards.argmax(axis=0), cmap=colours, vmin=-0.5, vmax=n - 0.5)
    figure.colorbar(mesh, ax=axes, label="action", ticks=range(n))


def _margin(figure: Figure, axes: Axes, x: np.ndarray, y: np.ndarray, rewards: np.ndarray) -> None:
    second, best = np.sort(rewards, axis=0)[-2:]
    mesh = axes.pcolormesh(x, y, best - second, cmap=style.SEQUENTIAL, vmin=0)
    figure.colorbar(mesh, ax=axes, label="reward: best minus second best")


# ---- common to several figures


def _grid(n: int, columns: int, height: float, x: str, y: str = "") -> tuple[Figure, list[Axes]]:
    """`n` panels with common axes, each `height` inches high, and room for title and legend."""
    columns = min(n, columns)
    rows = -(-n // columns)
    figure = style.blank(1.2 + height * rows)
    panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for unused in panels[n:]:
        unused.remove()
    for axes in panels[max(0, n - columns) : n]:  # those with no panel below
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(x)
    for axes in panels[:n:columns]:
        axes.set_ylabel(y)
    return figure, panels[:n]


def _below(figure: Figure, entries: Mapping[str, Any], notes: Iterable[str] = ()) -> None:
    """Notes under all panels, and a legend of {text: handle} under the notes."""
    figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower left",
        ncols=2,
        title="\n".join(fill(note, NOTE_WIDTH) for note in notes) or None,
        alignment="left",
    )


def _solved_entry(task: Task) -> dict[str, Line2D]:
    """The legend's entry for the return at which a task counts as solved, if there is one."""
    if task["solved"] is None:
        return {}
    return {f"solved ({task['solved']:g})": Line2D([], [], **SOLVED)}


def _unseen_note(trained_with: Mapping[str, list[str]], agents: Iterable[str]) -> list[str]:
    unseen = any(set(agents) - set(used) for used in trained_with.values())
    return [UNSEEN] if unseen else []


def _bins(values: Iterable[float]) -> np.ndarray:
    """Edges that span the values and no more, as no density may leave what can be attained."""
    low, high = float(np.min(list(values))), float(np.max(list(values)))
    return np.linspace(low, high, BINS + 1) if low < high else np.array([low - 0.5, high + 0.5])


def _errors(e: Estimate) -> list[list[float]]:
    return [[e.iqm - e.low], [e.high - e.iqm]]


def _name(environment: str) -> str:
    return "real task" if environment == REAL else environment


def _steps(steps: pd.Series) -> str:
    low, high = steps.min(), steps.max()
    return f"{low:,} steps" if low == high else f"{low:,} to {high:,} steps"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _n(counts: pd.Series) -> str:
    low, high = counts.min(), counts.max()
    return f"n = {low:,}" if low == high else f"n = {low:,} to {high:,}"
