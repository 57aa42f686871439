"""Does an agent learn? It is trained with one seed after the other until that is decided."""

import inspect
import statistics
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from synthgym.core.checking import check_known
from synthgym.testing.cases import EPISODES, Case, Policy, find
from synthgym.testing.sequential import Verdict, fewest

SEEDS = 20
GAMMA = 0.99  # the usual discount
LIBRARIES = ("gymnasium", "gymnax")
Train = Callable[..., Policy]
NOTHING, BIT = -0.1, 0.1  # of the way from random actions to the median of sound agents


@dataclass(frozen=True)
class Examined:
    """What was found with some seeds."""

    case: Case
    verdict: Verdict
    returns: tuple[float, ...] = ()
    constant: int = 0  # seeds whose policy always did the same

    @property
    def sentence(self) -> str:
        """What was returned, what was expected, in how many seeds, and what to look at."""
        shown = ", ".join(f"{one:,.1f}" for one in self.returns)
        failed, count = self.verdict.failed, len(self.returns)
        where = [place.rpartition(":")[2] for place in (self.case.id, self.case.trial)]
        return (
            f"Trained in {where[0]}, the agent returns {shown} in {where[1]}; that fails with "
            f"{failed} of {count} seeds. A sound agent returns {self.case.expected}. {self.suspect}"
        )

    @property
    def suspect(self) -> str:
        """What to look at, in a sentence."""
        if self.constant == len(self.returns):
            return (
                "Its action is always the same: look at the loss (its sign, what is detached), at "
                "whether parameters change, and at how an action is made of what the network says."
            )
        if self.case.suspect:
            return f"Look at {self.case.suspect}."
        case, middle = self.case, statistics.median_low(self.returns)
        share = (middle - case.low) / (case.high - case.low)
        if share < NOTHING:
            return "That is worse than random actions: look at signs, of the advantage or the loss."
        if share < BIT:
            return (
                "That is what random actions earn, it learns nothing: look at whether gradients "
                "reach the parameters, at the learning rate, and at the order of what is stored."
            )
        return (
            "It learns something, not enough: look at the number and size of its updates, at how "
            "much it still explores, and at the scale of observations and actions."
        )


def assert_learns(
    train: Train,
    env: str = "Synthetic-CartPole-v1",
    *,
    seeds: int | Iterable[int] = SEEDS,
    steps: int | None = None,
    variant: str | None = None,
    episodes: int = EPISODES,
    library: str = "gymnasium",
) -> None:
    """Fail, in a sentence, where agents that are trained in an environment do not learn.

    Args:
        train: `train(env, seed)` trains an agent in a fresh environment, and returns its policy:
            `policy(observation)` is an action. If it has a parameter `steps` or `gamma`, it is
            told how many steps of training there should be, or the discount.
        env: a name of the zoo, whose agents are judged in the real task of Gymnasium, or of the
            battery (`synthgym.testing.battery`), such as Probe-Patience-v0.
        seeds: how many at most, or which. Most sound agents need two, most broken ones four.
        steps: of training, in the place of those of the environment.
        variant: of the environment in the zoo; the default one unless given.
        episodes: of each trial.
        library: gymnasium or gymnax: what the environment for `train` is of.

    Raises:
        AssertionError: it fails too often for a sound agent; of these fewer than 1 in 1,000 do.
        ValueError: there is no such environment, it tells nothing, `train` cannot be told its
            discount, or these are too few seeds.
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    *_, found = examine(train, find(env, variant), seeds, steps, episodes, library)
    if found.verdict.refused:
        raise AssertionError(found.sentence)


def examine(
    train: Train,
    case: Case,
    seeds: int | Iterable[int] = SEEDS,
    steps: int | None = None,
    episodes: int = EPISODES,
    library: str = "gymnasium",
) -> Iterator[Examined]:
    """What is known after each seed, until it is enough."""
    check_known(library, LIBRARIES, "library", "assert_learns", "synthgym.testing")
    chosen = list(range(seeds) if isinstance(seeds, int) else seeds)
    if len(chosen) < (least := fewest(case.p0)):
        raise ValueError(f"{len(chosen)} seeds can refuse no agent in {case.id}: give {least}.")
    if lacking(train, case):
        raise ValueError(
            f"{case.id} is made for a discount of {case.gamma}: `train` needs a parameter gamma."
        )
    told: dict[str, Any] = {"steps": steps or case.steps, "gamma": case.gamma or GAMMA}
    told = {name: value for name, value in told.items() if name in parameters(train)}
    found = Examined(case, Verdict(case.p0))
    for seed in chosen:
        policy = train(case.make(library), seed, **told)
        returned, actions = case.judge(policy, seed, episodes)
        found = Examined(
            case,
            found.verdict.after(not case.passes(returned)),
            (*found.returns, returned),
            found.constant + (actions == 1),
        )
        yield found
        if found.verdict.refused or found.verdict.accepted:
            return


def lacking(train: Train, case: Case) -> bool:
    """Whether a case has a discount of its own, and `train` cannot be told."""
    return case.gamma not in (None, GAMMA) and "gamma" not in parameters(train)


def parameters(train: Train) -> Collection[str]:
    """Names of what it can be told."""
    return inspect.signature(train).parameters
