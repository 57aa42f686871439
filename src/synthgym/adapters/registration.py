"""How do gymnax and Gymnasium learn of the trained environments? By their own `register`.

A library that is imported already is told at once, another one when it is imported: so neither is
imported for it, and `import synthgym` costs nothing where neither is used. Nothing in a library
is changed. (Neither looks for entry points of packages: Gymnasium gave that up with 1.0.)
"""

import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType
from typing import Any

GYMNAX, GYMNASIUM = "synthgym.adapters.gymnax_env", "synthgym.adapters.gymnasium_env"


def with_gymnax() -> None:
    """Register with gymnax the environments that it does not know yet."""
    import gymnax

    for name in _names():
        if name not in gymnax.registered_envs:
            gymnax.register(name, _factory(name))


def with_gymnasium() -> None:
    """Register with Gymnasium; `make_vec` gets a vector environment of its own.

    Threshold and limit of steps are those of the real task, for who asks `gymnasium.spec`: episodes
    of a bandit are over before, and no return in it is one of the task.
    """
    import gymnasium

    from synthgym import zoo

    for name in _names():
        if name not in gymnasium.registry:
            task = zoo.card(name)["task"] if name != zoo.ANY else {}
            gymnasium.register(
                name,
                entry_point=f"{GYMNASIUM}:make",
                vector_entry_point=f"{GYMNASIUM}:make_vec",
                reward_threshold=task.get("solved"),
                max_episode_steps=task.get("horizon"),
                kwargs={"name": name},
            )


LIBRARIES: Mapping[str, Callable[[], None]] = MappingProxyType(
    {"gymnax": with_gymnax, "gymnasium": with_gymnasium}
)


def announce() -> None:
    """Register with the libraries that are imported, and with the others once they are."""
    later = set()
    for library, register in LIBRARIES.items():
        if library in sys.modules:
            register()
        else:
            later.add(library)
    if later and not any(isinstance(finder, _Announcer) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Announcer(later))


class _Announcer(MetaPathFinder):
    """Finds nothing itself; has a library registered with as soon as it is imported."""

    def __init__(self, waiting: set[str]):
        self.waiting = waiting

    def find_spec(
        self, fullname: str, path: Any, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.waiting:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec and spec.loader:  # one of its own, as each search makes
            loader, run = spec.loader, spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                del loader.exec_module
                run(module)
                self.waiting.discard(fullname)
                LIBRARIES[fullname]()

            loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _names() -> list[str]:
    from synthgym import zoo

    try:
        return [zoo.ANY, *zoo.names()]
    except ValueError as error:  # who imports the library may want nothing of the zoo
        warnings.warn(f"trained environments are not registered: {error}", stacklevel=2)
        return []


def _factory(name: str) -> Callable[..., Any]:
    def factory(**kwargs: object) -> Any:
        return importlib.import_module(GYMNAX).make(name, **kwargs)

    factory.__name__ = f"make {name}"
    return factory
