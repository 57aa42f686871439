"""Trained environments by name: `zoo.names()`, `zoo.load(name)`, `zoo.card(name)`.

They come with the package, a few kilobytes each, with a card that says what each was trained for
and what it is worth. Other versions are fetched by `synthgym zoo pull`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgym.zoo import folders
from synthgym.zoo.cards import read_card
from synthgym.zoo.folders import names, variants

if TYPE_CHECKING:
    from synthgym.synth.env import SyntheticEnv
    from synthgym.synth.in_numpy import NumpyEnv

ANY = "Synthetic"  # the name of whichever environment lies at a path
__all__ = ["ANY", "card", "found", "in_numpy", "load", "names", "variants"]


def load(
    name: str | Path, variant: str | None = None, version: str | None = None
) -> "SyntheticEnv":
    """The environment of that name, as an `Env`; or, given a Path, that of a file.

    variant: how it was made, of `variants(name)`; the default one unless given.
    version: as it is here, or as `synthgym zoo pull` fetched it; the one here unless given.

    Nothing in a file is executed. Raises ValueError, in a sentence, where there is no such
    environment, or its file is damaged, foreign, or not the one that its card describes.
    """
    from synthgym.zoo import guard

    return guard.environment(_file(name, variant, version))


def in_numpy(
    name: str | Path, variant: str | None = None, version: str | None = None
) -> "NumpyEnv":
    """The same without JAX, for clients of Gymnasium; arguments and errors as those of `load`."""
    from synthgym.zoo import guard

    return guard.in_numpy(_file(name, variant, version))


def card(
    name: str | Path, variant: str | None = None, version: str | None = None
) -> dict[str, Any]:
    """The card of an environment: task, cost, agents seen, measured transfer, limits, ...

    Arguments and errors as those of `load`.
    """
    if not isinstance(name, Path):
        return read_card(_file(name, variant, version).parent / folders.CARD)
    from synthgym.zoo import guard

    return guard.card_of(name)


def found(
    name: str, variant: str | None, version: str | None, path: str | Path | None
) -> tuple[str | Path, dict[str, Any]]:
    """What `load` takes, and the card, of a name or of the file at a path.

    Raises ValueError where the file is of another name, and that is not `ANY`.
    """
    if path is None and name == ANY:
        raise ValueError(f"{ANY} is whichever environment lies at a path: say `path=FILE`.")
    source = name if path is None else Path(path)
    about = card(source, variant, version)
    if name not in (ANY, about["name"]):
        raise ValueError(f"{path} is {about['name']}, not {name}.")
    return source, about


def _file(name: str | Path, variant: str | None, version: str | None) -> Path:
    return name if isinstance(name, Path) else folders.file(name, variant, version)
