"""Death at a checkpoint, within the process of a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from synthgym.core import resume


@contextmanager
def killed(module: Any, after: int) -> Iterator[None]:
    """So many checkpoints are written by a module, and it dies when it has written another."""
    left = iter(range(after))

    def keep(path: Path, tree: Any, about: Any) -> None:
        resume.keep(path, tree, about)
        if next(left, None) is None:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "resume", SimpleNamespace(keep=keep, found=resume.found))
        with pytest.raises(KeyboardInterrupt):
            yield
