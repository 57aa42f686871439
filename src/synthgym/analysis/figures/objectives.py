"""How agents learn by each objective, and what keeps their policies close to the one that acted."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from synthgym.analysis import style
from synthgym.analysis.core.statistics import estimate
from synthgym.analysis.figures import common
from synthgym.analysis.figures.common import INTERVAL, SOLVED, Look, keys

Plan = Mapping[str, Any]
GIVEN = ("ppo", "dpo")  # not learned


def looks(plan: Plan) -> dict[str, Look]:
    """The look of a line per objective: those that are given are grey."""
    return {
        "ppo": {"color": style.REAL_COLOUR, "lw": 1.6},
        "dpo": {"color": style.REAL_COLOUR, "lw": 1.3, "ls": "--"},
        **style.lines(plan["learned"], lw=1.3),
    }


def objective_learning(curves: pd.DataFrame, plan: Plan, scale: str) -> Figure:
    """Return over training steps in the real task: a panel per task, a line per objective."""
    tasks, look = plan["tasks"], looks(plan)
    labels = ("steps in the real task", "return per episode")
    figure, panels = common.grid(len(tasks), 3, 1.75, *labels, room=1.3, sharex=False, sharey=False)
    for axes, (task, section) in zip(panels, tasks.items(), strict=True):
        for name, line in look.items():
            rows = curves[(curves["task"] == task) & (curves["objective"] == name)]
            at = {
                step: estimate(of["return_"], of["meta_seed"], resamples=1_000)
                for step, of in rows.groupby("step")
            }
            common.estimates(axes, at, line)
        solved = section["solved"]
        far = solved is not None and 1.0 < 3.0 * axes.dataLim.ymax < solved
        if not far:  # else it would leave no height for the lines
            common.level(axes, section)
        title = section["id"] + (" (meta-training)" if task == plan["task"] else "")
        axes.set_title(title + (f" (solved: {solved:,.0f})" if far else ""))
        axes.ticklabel_format(axis="x", style="sci", scilimits=(0, 0))
    n = curves.drop_duplicates(["task", "objective", "meta_seed", "draw"])
    fewest = n.groupby(["task", "objective"]).size().min()
    note = f"Lines: interquartile mean of at least {fewest} agents; bands: {INTERVAL}."
    entries = keys({**_named(look), "solved": SOLVED})
    about = "Learning by each objective"
    return common.finish(figure, about, scale, entries=entries, note=note, columns=6)


def drifts(drift: pd.DataFrame, plan: Plan, scale: str) -> Figure:
    """Drift over (ratio, advantage), a panel per function; below, the objective at two advantages.

    Of an objective with several meta-trainings the first is shown.
    """
    look, first = looks(plan), drift["meta_seed"] == drift["meta_seed"].min()
    one = drift[first & (drift["objective"] == next(iter(plan["learned"])))]
    tables = {name: one[one["drift"] == name] for name in GIVEN}
    learned = drift[first & (drift["drift"] == "lpo")]
    tables |= {name: learned[learned["objective"] == name] for name in plan["learned"]}
    figure = style.blank(4.6)
    maps, cuts = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 1.15))[:, 0]
    most = float(np.quantile(pd.concat([tables[name] for name in GIVEN])["value"], 0.99))
    colours = {"cmap": style.SEQUENTIAL, "vmin": 0.0, "vmax": most}
    panels = maps.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    for axes, (name, rows) in zip(panels, tables.items(), strict=True):
        grid = rows.pivot(index="advantage", columns="ratio", values="value")
        mesh = axes.pcolormesh(grid.columns, grid.index, grid.to_numpy(), **colours)
        axes.set_title(called(name), color=look[name]["color"])
        axes.set_xlabel("ratio")
    maps.axes[0].set_ylabel("advantage")
    maps.colorbar(mesh, ax=maps.axes, label="drift", extend="max")
    for axes, sign in zip(cuts.subplots(1, 2), (1.0, -1.0), strict=True):
        for name, rows in tables.items():
            at = rows[np.isclose(rows["advantage"], sign)].sort_values("ratio")
            axes.plot(at["ratio"], at["ratio"] * sign - at["value"], **look[name])
        axes.set(title=f"objective at advantage {sign:+g}", xlabel="ratio")
    return common.finish(figure, "Drift functions", scale, entries=keys(_named(look)), columns=6)


def _named(look: Mapping[str, Look]) -> dict[str, Look]:
    return {called(name): line for name, line in look.items()}


def called(name: str) -> str:
    """The name of an objective, or of a column, in words."""
    return name.replace("_", " ")
