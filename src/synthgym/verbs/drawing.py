"""Drawings: an episode as a film, two learning curves as a figure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from synthgym.adapters.pictures import Painter, missing
from synthgym.analysis import style
from synthgym.analysis.core.statistics import estimate
from synthgym.core.io import atomic
from synthgym.core.types import Env, Policy, PRNGKey
from synthgym.tasks.rollout import episodes

PICTURES = 200  # of a film at most: a long episode is shown in steps
MILLISECONDS = 40  # that each of them stays


def film(key: PRNGKey, task: Env, policy: Policy, task_id: str, path: Path) -> str:
    """Draw an episode of the policy in the real task as a GIF; what came of it, in a sentence."""
    if why := missing(task_id):
        return f"no film: {why}"
    transitions, happened = jax.jit(lambda key: episodes(key, task, policy, 1))(key)
    steps = int(np.asarray(happened).sum())
    observations = np.asarray(transitions.observation)[0, :steps]
    painter = Painter(task_id)
    every = -(-steps // PICTURES)
    pictures = [Image.fromarray(painter(o)).quantize(64) for o in observations[::every]]
    painter.close()
    with atomic(path) as temporary:
        pictures[0].save(
            temporary,
            format="gif",
            save_all=True,
            append_images=pictures[1:],
            duration=MILLISECONDS,
            loop=0,
        )
    return_ = np.asarray(transitions.reward)[0, :steps].sum()
    return f"{path}: an episode of it in {task_id}, {steps} steps, return {return_:.1f}"


def learning_curves(curves: pd.DataFrame, title: str, task: Mapping[str, Any], path: Path) -> None:
    """Draw and write `compared`."""
    with style.applied():
        style.save(compared(curves, title, task), path)


def compared(curves: pd.DataFrame, title: str, task: Mapping[str, Any]) -> Figure:
    """Return on the real task over steps of training, with intervals, a line per environment."""
    figure = style.blank(3.2)
    axes = figure.add_subplot()
    colours = {"synthetic environment": style.WAYS["evolved"], "real task": style.REAL_COLOUR}
    for where, rows in curves.groupby("environment", sort=False):
        by_step = [(step, estimate(ends["return_"])) for step, ends in rows.groupby("step")]
        steps = [step for step, _ in by_step]
        colour = colours[str(where)]
        axes.plot(steps, [e.iqm for _, e in by_step], color=colour, marker=".", label=where)
        low, high = [e.low for _, e in by_step], [e.high for _, e in by_step]
        axes.fill_between(steps, low, high, color=colour, alpha=0.2, lw=0)
    if task["solved"] is not None:
        axes.axhline(task["solved"], color="black", lw=0.8, ls=":", label="solved")
    agents = curves["draw"].nunique()
    figure.suptitle(f"{title}: {agents} agents", x=0.01, ha="left")
    axes.set(xlabel="steps of training", ylabel=f"return on {task['id']} (IQM, 95 %)")
    figure.legend(title="trained in the", loc="outside right upper")
    return figure
