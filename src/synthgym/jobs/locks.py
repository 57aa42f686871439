"""Locks on files. One goes with its process, so that no crash leaves it."""

import errno
import fcntl
import sys
from functools import cache
from typing import IO, Any

WITHOUT = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # what file systems without locks say


def lock(file: IO[Any], wait: bool = True) -> bool:
    """Lock an open file until it is closed; whether it is locked now, or else another has it.

    A file system without locks is warned of, once, and gives them to whoever asks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in WITHOUT:
            raise
        _warn(str(error.strerror))
    return True


@cache
def _warn(reason: str) -> None:
    hint = "start one workflow at a time, as nothing keeps two from doing the same job"
    sys.stderr.write(f"synthgym: this file system has no locks ({reason}): {hint}\n")
