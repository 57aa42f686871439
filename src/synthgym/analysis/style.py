"""What do all figures share? Colours, sizes, fonts, and how a figure becomes a file."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec

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
# environments of the plan keep their colours at every scale; others take what is left.
REAL_COLOUR = "#555555"
PLANNED = {
    "bandit_ppo": "#0072B2",
    "bandit_dqn": "#D55E00",
    "mdp_ppo": "#009E73",
    "mdp_dqn": "#CC79A7",
    "bandit_all": "#56B4E9",
    "evolved": "#0072B2",
    "distilled": "#E69F00",
    "distilled_evolved": "#009E73",
    "world_model": "#56B4E9",
    "distilled_ppo": "#56B4E9",
}
OTHERS = ("#E69F00", "#F0E442", "#56B4E9", "#CC79A7", "#009E73", "#D55E00", "#0072B2")
SOURCES = {
    "real_test": ("real test episodes", REAL_COLOUR),
    "synthetic_training": ("synthetic training", "#E69F00"),
    "synthetic_on_real": ("synthetic answer to real queries", "#0072B2"),
}
ACTIONS = ("#0072B2", "#F0E442", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
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

P = ParamSpec("P")


def colours(environments: Iterable[str]) -> dict[str, str]:
    """A colour per environment, and grey for `real`."""
    others = sorted(set(environments) - {REAL, *PLANNED})
    return {
        REAL: REAL_COLOUR,
        **PLANNED,
        **{name: OTHERS[i % len(OTHERS)] for i, name in enumerate(others)},
    }


def lines(agents: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The look of a line per agent, the same in all figures: six colours, then dashed ones."""
    names = [*AGENTS, *sorted(set(agents) - set(AGENTS))]
    n = len(LINES)
    return {
        name: {"color": LINES[i % n], "ls": ("-", (0, (4, 1.5)))[i // n % 2], "lw": 1.3}
        for i, name in enumerate(names)
    }


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the common style."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with applied():
            return draw(*args, **kwargs)

    return drawn


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


def heading(figure: Figure, task: Mapping[str, Any], scale: str, what: str) -> None:
    """The title, which names task and scale."""
    figure.suptitle(f"{task['id']}, scale “{scale}”: {what}", x=0.01, ha="left")


def applied() -> AbstractContextManager[None]:
    """The common style and nothing else, whatever the settings of the user are."""
    return mpl_style.context(["default", RC])
