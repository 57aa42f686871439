"""What agents see and get, in the environment and in the real task."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthgym.analysis import style
from synthgym.analysis.figures.common import Task, below, edges_of, n_of, source_entries

SHOWN = 0.998  # central part of each source that spans the axis of a histogram


def behaviour(values: pd.DataFrame, task: Task, scale: str) -> Figure:
    """What agents see in training and in the test: a row per quantity, a column per environment."""
    names = sorted(map(str, values["environment"].unique()))
    quantities = [*task["observation_names"], "reward"]
    figure = style.blank(1.1 + 0.95 * len(quantities))
    panels = figure.subplots(len(quantities), len(names), sharey=True, squeeze=False)
    for row, quantity in zip(panels, quantities, strict=True):
        for axes, name in zip(row, names, strict=True):
            chosen = (values["environment"] == name) & (values["quantity"] == quantity)
            histograms(axes, values[chosen])
        row[0].set_ylabel(fill(quantity, 15), rotation=0, ha="right", va="center")
    for axes, name in zip(panels[0], names, strict=True):
        axes.set_title(name)
    fewest = values.groupby(["environment", "quantity", "source"]).size()
    panels[0, 0].set_ylim(0.5 / fewest.max(), 2)
    note = (
        f"Share of the {n_of(fewest)} samples of each kind per bin, logarithmic; bins span the "
        f"central {SHOWN:.1%} of each kind."
    )
    below(figure, source_entries(), [note])
    style.heading(figure, task["id"], scale, "observations and rewards")
    return figure


def histograms(axes: Axes, values: pd.DataFrame) -> None:
    """All sources of one quantity, over each other."""
    samples = {
        source: values.loc[values["source"] == source, "value"].to_numpy()
        for source in style.SOURCES
        if (values["source"] == source).any()
    }
    bins = edges_of([edge for drawn in samples.values() for edge in _central(drawn)])
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
