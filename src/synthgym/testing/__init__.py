"""Does an agent still learn? Tests of code for reinforcement learning, in seconds.

`assert_learns(train)` for any test; fixtures for pytest (`plugin`); `synthgym doctor
module:function` for a whole battery. Imports neither JAX nor Gymnasium until an agent is trained.
"""

from synthgym.testing.learning import assert_learns

__all__ = ["assert_learns"]
