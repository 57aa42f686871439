"""Other versions of trained environments: from a tag of any repository that has a zoo, through DVC.

They go to the user's cache, and are verified before they count.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from synthgym.core.checking import check_known
from synthgym.core.extras import installation
from synthgym.zoo import folders, guard
from synthgym.zoo.bounded import LARGEST, LARGEST_TEXT
from synthgym.zoo.folders import CARD, ENVIRONMENT, INDEX

FOLDER = "zoo"  # of a repository


def pull(repository: str, revision: str, names: Sequence[str] = ()) -> list[Path]:
    """Fetch these environments, or all, of a revision; their files.

    Raises ValueError where the repository cannot be reached or has no such version, and where what
    it has is not in order; then nothing is kept. ModuleNotFoundError without DVC.
    """
    target = folders.fetched() / folders.safe(revision, "version")
    source = _source(repository, revision)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        folder = Path(temporary)
        _fetch(source, INDEX, folder, LARGEST_TEXT)
        known = folders.index(folder)["environments"]
        for name in names:
            check_known(name, sorted(known), "environment", repository, revision)
        fetched = [
            Path(folders.safe(name, "name"), folders.safe(variant, "variant"))
            for name in names or known
            for variant in known[name]["variants"]
        ]
        for place in fetched:
            _fetch(source, f"{place}/{CARD}", folder, LARGEST_TEXT)
            _fetch(source, f"{place}/{ENVIRONMENT}", folder, LARGEST)
            guard.environment(folder / place / ENVIRONMENT)
        shutil.copytree(folder, target, dirs_exist_ok=True)
    return [target / place / ENVIRONMENT for place in fetched]


class _Source(NamedTuple):
    name: str  # for sentences
    files: Any  # DVC's view of the repository


def _source(repository: str, revision: str) -> _Source:
    try:
        from dvc.api import DVCFileSystem
    except ModuleNotFoundError as error:
        sentence = f"`zoo pull` needs DVC, which is not here: {installation('workflow')}."
        raise ModuleNotFoundError(f"{sentence} ({error})", name=error.name) from error
    return _Source(f"{repository} at {revision}", DVCFileSystem(repository, rev=revision))


def _fetch(source: _Source, name: str, folder: Path, limit: int) -> None:
    from dvc.exceptions import DvcException
    from dvc.scm import SCMError

    path, target = f"{FOLDER}/{name}", folder / name
    try:
        size = source.files.info(path)["size"]
        if size is None or size > limit:
            raise ValueError(f"{path} of {source.name} has {size} bytes; {limit:,} are allowed.")
        target.parent.mkdir(parents=True, exist_ok=True)
        source.files.get_file(path, str(target))
    except FileNotFoundError:
        raise ValueError(f"{source.name} has no zoo: there is no {path}.") from None
    except (DvcException, SCMError, OSError) as error:
        raise ValueError(f"{source.name} cannot be fetched: {_why(error)}.") from None


def _why(error: BaseException) -> str:
    """The words of DVC's error, and of its cause, which DVC often leaves out."""
    first = last = error
    while last.__cause__ is not None:
        last = last.__cause__
    words = dict.fromkeys([str(first), str(last)])
    return " ".join(": ".join(words).split()).rstrip(".")
