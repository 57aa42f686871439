"""Scores of an agent's training that a search may maximise, after Ferreira et al. 2022.

The final return is all that counts for a synthetic environment. A reward network is to make agents
fast, so that what counts is how soon they solve the task, or how much they earn on the way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from synthgym.core.settings import Meta


@dataclass(frozen=True)
class Objective:
    """How an agent is tested while it trains, and what its score is made of."""

    name: str  # of SCORES
    tests: int  # evenly spaced over the training
    window: int  # tests, whose mean has to be `level`
    level: float  # return at which training ends; infinite: it never does
    solved: float  # return at which the task counts as solved
    penalty: float  # environment steps per unit of return below that

    def score(
        self, step: Int[Array, ""], returns: Float[Array, " T"], final: Float[Array, ""]
    ) -> Float[Array, ""]:
        """Higher is better. Steps that it trained, returns of the tests in it, and thereafter."""
        return SCORES[self.name](self, step, returns, final)


def steps_to_solve(
    objective: Objective,
    step: Int[Array, ""],
    returns: Float[Array, " T"],
    final: Float[Array, ""],
) -> Float[Array, ""]:
    """Minus the steps until training ended, minus a penalty for a return that does not solve.

    Their first objective ("reward threshold").
    """
    return -(step + objective.penalty * jnp.maximum(0.0, objective.solved - final))


def area_under_curve(
    objective: Objective,
    step: Int[Array, ""],
    returns: Float[Array, " T"],
    final: Float[Array, ""],
) -> Float[Array, ""]:
    """Mean return over the steps of training: their second objective over the number of steps.

    (They add up the return of a test after each episode, times the episode's steps.)
    """
    return returns.mean()


SCORES: Mapping[str, Callable[..., Float[Array, ""]]] = {
    "steps_to_solve": steps_to_solve,
    "area_under_curve": area_under_curve,
}


def of(meta: Meta) -> Objective | None:
    """The objective of a search; None where the final return is all that counts."""
    if "objective" not in meta or meta.objective.name not in SCORES:
        return None
    scoring = meta.objective
    level = scoring.solved if scoring.name == "steps_to_solve" else None
    return Objective(
        name=scoring.name,
        tests=scoring.tests,
        window=scoring.window,
        level=float("inf") if level is None else level,
        solved=0.0 if level is None else level,
        penalty=scoring.penalty,
    )
