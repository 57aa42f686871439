"""A job's configuration as method code sees it: frozen, with attribute access."""

import typing
from collections.abc import Mapping
from typing import Any


class Section(dict[str, Any]):
    """A frozen part of a job's configuration; `config.meta.sigma` is `config["meta"]["sigma"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            there = ", ".join(self) or "nothing"
            raise AttributeError(f"no {name} in this configuration, only {there}") from None

    def _refuse(self, *_: Any, **__: Any) -> typing.NoReturn:
        raise TypeError("the configuration of a job is frozen")

    __setattr__ = __delattr__ = __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = clear = setdefault = _refuse


def typed(config: Any) -> Any:
    """A job's configuration as a frozen object with attribute access; its lists become tuples."""
    if isinstance(config, Mapping):
        return Section({name: typed(value) for name, value in config.items()})
    return tuple(typed(item) for item in config) if isinstance(config, list | tuple) else config
