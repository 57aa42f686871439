"""Can results go where they are to go? Found out before anything is computed."""

import tempfile
from pathlib import Path

from synthgym.core.settings import ConfigError


def writable(directory: Path) -> Path:
    """Make a directory, and try to write there. Raises ConfigError where that cannot be done."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"x")
    except OSError as error:
        why = f"nothing can be written there: {error.strerror}"
        raise ConfigError(f"{directory}: {why}.") from None
    return directory
