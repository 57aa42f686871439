"""Style of all figures: colours, sizes, fonts, and how a figure becomes a file."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

from matplotlib import style as mpl_style
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from synthgym.analysis.core.tables import REAL
from synthgym.core.io import atomic

WIDTH = 7.2  # inches; 1080 pixels, a README shows about 900
LABEL, SMALL = 8.5, 7.5  # points
DPI = 150
LARGE = 120_000  # bytes

# Okabe & Ito (2008): told apart with any common colour vision. The real task is grey, and the
# ways of making an environment that are planned keep their colours; others take what is left.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
BLUE, RED, GREEN, PINK, SKY, ORANGE = PALETTE
MORE = ("#8C564B", "#999933")  # where six are too few
REAL_COLOUR = "#555555"
PLANNED = {
    "bandit_ppo": BLUE,
    "bandit_dqn": RED,
    "mdp_ppo": GREEN,
    "mdp_dqn": PINK,
    "bandit_all": SKY,
    "evolved": BLUE,
    "distilled": ORANGE,
    "distilled_evolved": GREEN,
    "world_model": SKY,
    "distilled_ppo": SKY,
    "varied": BLUE,
    "fixed": RED,
}
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)))
SOURCES = {
    "real_test": ("real test episodes", REAL_COLOUR),
    "synthetic_training": ("synthetic training", ORANGE),
    "synthetic_on_real": ("synthetic answer to real queries", BLUE),
}
ACTIONS = (BLUE, "#F0E442", RED, GREEN, PINK, SKY, ORANGE)
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


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour per way of making an environment, and grey for `real`."""
    names = list(names)
    others = [name for name in dict.fromkeys(names) if name not in (REAL, *PLANNED)]
    taken = {PLANNED[name] for name in names if name in PLANNED}
    spare = [colour for colour in (*PALETTE, *MORE) if colour not in taken]
    return {REAL: REAL_COLOUR, **PLANNED, **dict(zip(others, cycle(spare), strict=False))}


def looks(names: Iterable[str], **more: Any) -> dict[str, dict[str, Any]]:
    """The look of each line: six colours, then dashed ones."""
    n = len(PALETTE)
    return {
        name: {"color": PALETTE[i % n], "ls": DASHES[i // n % len(DASHES)], **more}
        for i, name in enumerate(names)
    }


def agents(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The look of a line per agent, the same in all figures."""
    return looks([*AGENTS, *sorted(set(names) - set(AGENTS))], lw=1.3)


def blank(height: float) -> Figure:
    """An empty figure, `height` inches high."""
    # the layout does not see that an axis may choose longer labels afterwards: leave some room
    layout = ConstrainedLayoutEngine(w_pad=0.08)
    return Figure((WIDTH, height), layout=layout)


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
    figure.suptitle(f"{about}, scale “{scale}”{f': {what}' if what else ''}", x=0.01, ha="left")


def applied() -> AbstractContextManager[None]:
    """The common style and nothing else, whatever the settings of the user are."""
    return mpl_style.context(["default", RC])
