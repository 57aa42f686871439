"""What every learned environment needs: its module by name, as tasks and agents have."""

import importlib
from typing import Any


def module_of(synth: Any) -> Any:
    """The module of a config section `synth`: it has `make`, `load` and `init_theta`."""
    return importlib.import_module(synth.module)
