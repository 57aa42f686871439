"""Does an agent still learn? Tests of code for reinforcement learning, in seconds.

`assert_learns(train)` for any test; fixtures for pytest (`plugin`); `synthgym doctor
module:function` for a whole battery. Imports neither JAX nor Gymnasium until an agent is trained.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthgym.testing.learning import assert_learns

__all__ = ["assert_learns"]


def __getattr__(name: str) -> Any:
    """Find what is imported when asked for: pytest imports this package in every session."""
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from synthgym.testing import learning

    return getattr(learning, name)
