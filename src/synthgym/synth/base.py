"""Learned environments: the protocol they share, and their modules by name."""

import importlib
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from jaxtyping import PyTree

from synthgym.core import settings
from synthgym.core.types import Env, PRNGKey


@runtime_checkable
class Learned(Env, Protocol):
    """An environment with parameters; those of a population have one more axis."""

    theta: PyTree

    def replace(self, *, theta: PyTree) -> "Learned": ...


@runtime_checkable
class Module(Protocol):
    """A module that provides learned environments."""

    def make(self, synth: settings.Synth, task: settings.Task) -> Learned: ...

    def load(self, path: Path, synth: settings.Synth, task: settings.Task) -> Learned: ...

    def init_theta(self, key: PRNGKey, env: Learned) -> PyTree: ...


def module_of(synth: settings.Synth) -> Module:
    """The module of these settings."""
    return cast(Module, importlib.import_module(synth.module))
