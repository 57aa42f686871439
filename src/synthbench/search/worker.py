"""One of several processes that search: `python -m synthbench.search.worker DIRECTORY`.

`DIRECTORY` is the checkpoint of a search that has begun, which other machines may share. Work and
its results are there; this process writes no others.
"""

import json
import os
import sys
from pathlib import Path


def main(directory: Path, threads: int | None = None, parent: int | None = None) -> None:
    """Work until all is done, or `parent`, the process that began this one, is no more."""
    from synthbench.job import prepare_devices

    prepare_devices(threads)
    from synthbench.config import typed
    from synthbench.search.hyperparameters import work

    config = typed(json.loads((directory / "search.json").read_text()))
    work(config, directory, lambda: parent is not None and os.getppid() != parent)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
