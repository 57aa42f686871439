"""What training gives: what the agent does, and what it believes that to be worth."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Trained(NamedTuple):
    """A trained agent."""

    act: Callable[[Any], Any]  # an action for an observation, as the environment takes it
    value: Callable[[Any], float]  # discounted return from there on, as the agent believes
