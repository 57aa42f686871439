"""How soon searches solve a task, with which transform of scores and which step size."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter

from synthgym.analysis import style
from synthgym.analysis.figures.common import INTERVAL, Look, Tasks, finish, grid

ORDER = (
    *("linear", "rank", "nes", "nes_unnormalised"),
    *("single_best", "single_better", "all_better_1", "all_better_2"),
)
BEST, FROM, TO = "all_better_2", 0.3, 1.0  # published: the best transform, with steps in between
EVOLVED = style.WAYS["evolved"]
# Where points are a little to the sides, so that no interval is behind another, and their look.
LOOKS: Mapping[str, tuple[float, Look]] = {
    "mirrored": (0.93, {"color": EVOLVED, "marker": "o", "ls": "-", "ms": 3.5, "lw": 1.2}),
    "not mirrored": (
        1.07,
        {"color": style.shaded(EVOLVED, 0.45), "marker": "s", "ls": "--", "ms": 3.5, "lw": 1.2},
    ),
}


def transforms(numbers: Mapping[str, Any], tasks: Tasks, scale: str) -> Figure:
    """Score over step size: a panel per transform, a line with mirrored perturbations and one
    without; of several tasks, one below the other.
    """
    ways = {task: numbers["tasks"][task]["ways"] for task in tasks}
    shown = [
        (task, name)
        for task in tasks
        for name in ORDER
        if any(name in cells for cells in ways[task].values())
    ]
    figure, panels = grid(len(shown), 4, height=1.5, x="step size", y="mean score", room=1.45)
    sizes = []
    for axes, (task, name) in zip(panels, shown, strict=True):
        for way, cells in ways[task].items():
            if name in cells:
                aside, look = LOOKS[way]
                steps = cells[name]["steps"]
                x = [step["step_size"] * aside for step in steps]
                scores = pd.DataFrame([step["score"] for step in steps])
                value = scores["value"]
                lengths = [value - scores["low"], scores["high"] - value]
                axes.errorbar(x, value, lengths, elinewidth=1.0, **look)
                sizes += [step["n"] for step in steps]
        axes.set_title(f"{tasks[task]['id']}: " * (len(tasks) > 1) + called(name))
        if name == BEST:
            axes.axvspan(FROM, TO, color="#dddddd", lw=0)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(-0.03, 1.03)
    entries: dict[str, Any] = {
        f"perturbations {way}": Line2D([], [], **look) for way, (_, look) in LOOKS.items()
    }
    entries["published: best there"] = Patch(color="#dddddd")
    note = (
        f"Means of at least {min(sizes)} searches, with {INTERVAL}s. "
        "1: solved at the beginning, 0: never."
    )
    names = ", ".join(section["id"] for section in tasks.values())
    what = "how soon searches solve the task"
    return finish(figure, names, scale, what, entries, note, columns=3)


def called(transform: str) -> str:
    """The name of a transform in words."""
    return transform.replace("_", " ").replace("nes", "NES")
