"""How to install an optional part of this package anywhere: by the packages that it needs."""

import re
import shlex
from importlib.metadata import PackageNotFoundError, requires

PACKAGE = "synthgym"


def installation(extra: str) -> str:
    """Return the command that installs what an extra of pyproject.toml names.

    It names the packages themselves, so that it works for a wheel and a checkout alike.
    """
    try:
        required = requires(PACKAGE) or []
    except PackageNotFoundError:  # a checkout that is only on the path
        return f"pip install -e '.[{extra}]'"
    marker = re.compile(rf"extra == ['\"]{extra}['\"]")
    packages = [line.partition(";")[0].strip() for line in required if marker.search(line)]
    return f"pip install {shlex.join(packages)}"
