"""One of several processes that search: `python -m synthgym.search.worker DIRECTORY`.

`DIRECTORY` is the checkpoint of a search that has begun, which other machines may share. What a
worker finds is there; it writes no results.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

PATIENCE = 1.0  # seconds between looks at whether there is still somebody to work for


def main(directory: Path, threads: int | None = None, parent: int | None = None) -> None:
    """Work until all is done, or `parent`, the process that began this one, is no more."""
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    from synthgym.jobs.run import prepare_devices

    prepare_devices(threads)
    from synthgym.core.settings import Config
    from synthgym.search.hyperparameters import work

    work(Config.read(json.loads((directory / "search.json").read_text())), directory)


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PATIENCE)
    os._exit(1)  # as if killed, which nothing here minds


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
