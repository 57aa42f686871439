"""Trained environments from their files, whatever kind they are."""

from pathlib import Path
from typing import cast

from synthgym.core.settings import Config
from synthgym.synth.base import module_of
from synthgym.synth.env import SyntheticEnv


def load(path: Path, config: Config) -> SyntheticEnv:
    """The environment of a job's configuration; ValueError where the file does not fit it."""
    return cast(SyntheticEnv, module_of(config.synth).load(path, config.synth, config.task))
