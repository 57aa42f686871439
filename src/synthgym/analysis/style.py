"""Style of all figures: colours, sizes, fonts, and how a figure becomes a file."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from io import BytesIO
from itertools import cycle
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib import style as mpl_style
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from synthgym.analysis.core.tables import REAL
from synthgym.core.io import atomic

WIDTH = 7.2  # inches; 1080 pixels, a README shows about 900
LABEL, SMALL = 8.5, 7.5  # points
DPI = 150
LARGE = 120_000  # bytes
LONG = 95  # characters of a title

# One colour per way of making an environment, and grey for the real task, in all figures (Okabe &
# Ito 2008: told apart with any common colour vision). What else has colours takes others.
WAYS = {
    REAL: "#555555",
    "evolved": "#0072b2",
    "distilled": "#e69f00",
    "distilled+evolved": "#009e73",
    "graded": "#d55e00",
    "distilled+graded": "#56b4e9",
    "evolved+graded": "#a6761d",
    "model": "#cc79a7",
}
REAL_COLOUR = WAYS[REAL]
PALETTE = ("#332288", "#cc6677", "#999933", "#88ccee", "#882255", "#000000")  # Tol (2021), muted
SHADES = (0.0, 0.45, -0.35, 0.65, -0.6)  # of a colour: towards white, or towards black
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (4, 1, 1, 1)))
SOURCES: dict[str, tuple[str, dict[str, Any]]] = {  # what it is called, and the look of its line
    "real_test": ("real test episodes", {"color": REAL_COLOUR, "lw": 1.4}),
    "synthetic_training": ("synthetic training", {"color": PALETTE[1], "lw": 1.1}),
    "synthetic_on_real": ("synthetic answer to real queries", {"color": PALETTE[0], "lw": 1.1}),
}
AGENTS = (
    *("ppo", "sac", "es", "dqn", "ddpg", "td3"),
    *("q_learning", "sarsa", "discrete_td3", "ddqn", "dueling_ddqn"),
)
DIVERGING = "PuOr"
SEQUENTIAL = "viridis"

RC: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": LABEL,
    "axes.labelsize": LABEL,
    "figure.dpi": DPI,
    "figure.titlesize": 10,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so figures look alike everywhere
    "font.size": LABEL,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.title_fontsize": SMALL,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}


def looks(ways: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The look of a line per environment, and of one in the real task.

    ways: environment -> how it was made. Environments that were made alike have shades of one
    colour, and other dashes; the one that is called as its way has the colour itself.
    """
    found: dict[str, dict[str, Any]] = {REAL: {"color": REAL_COLOUR, "ls": "-"}}
    for way, colour in WAYS.items():
        alike = [name for name in ways if ways[name] == way and name != REAL]
        alike.sort(key=lambda name: name.replace("_", "+") != way)
        for name, shade, dashes in zip(alike, cycle(SHADES), cycle(DASHES), strict=False):
            found[name] = {"color": shaded(colour, shade), "ls": dashes}
    return found


def shaded(colour: str, shade: float) -> str:
    """A colour, darker (to -1) or lighter (to 1)."""
    towards = 1.0 if shade > 0 else 0.0
    red, green, blue = (x + abs(shade) * (towards - x) for x in to_rgb(colour))
    return to_hex((red, green, blue))


def lines(names: Iterable[str], **more: Any) -> dict[str, dict[str, Any]]:
    """The look of each line of what is no way of making an environment."""
    n = len(PALETTE)
    return {
        name: {"color": PALETTE[i % n], "ls": DASHES[i // n % len(DASHES)], **more}
        for i, name in enumerate(names)
    }


def agents(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The look of a line per agent, the same in all figures."""
    return lines([*AGENTS, *sorted(set(names) - set(AGENTS))], lw=1.3)


def blank(height: float, width: float = WIDTH) -> Figure:
    """An empty figure, so many inches high and wide."""
    # the layout does not see that an axis may choose longer labels afterwards: leave some room
    layout = ConstrainedLayoutEngine(w_pad=0.08)
    return Figure((width, height), layout=layout)


def save(figure: Figure, path: Path) -> None:
    """Write a PNG, a large one in 256 colours; the same figure gives the same bytes."""
    content = BytesIO()
    with applied():
        figure.savefig(content, format="png", dpi=DPI)
    image = Image.open(content).convert("RGB")
    if len(content.getvalue()) > LARGE:
        image = image.quantize(256, dither=Image.Dither.NONE)
    with atomic(path) as partial:  # nothing but pixels: no date, no program
        image.save(partial, format="png", optimize=True)


def heading(figure: Figure, about: str, scale: str, what: str = "") -> None:
    """The title, which names what the figure is about, and the scale."""
    title = f"{about}, scale “{scale}”{f': {what}' if what else ''}"
    figure.suptitle(fill(title, LONG), x=0.01, ha="left")


def applied() -> AbstractContextManager[None]:
    """The common style and nothing else, whatever the settings of the user are."""
    return mpl_style.context(["default", RC])
