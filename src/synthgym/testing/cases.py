"""What an agent is trained in, what it is judged in, and what it has to reach there."""

import math
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthgym.core.checking import check_known
from synthgym.testing.sequential import rank

Policy = Callable[[Any], Any]  # an action for an observation
EPISODES = 20  # of a trial
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)  # of sound agents that may fail: the first that tells them apart
PROBE_P0 = 0.05  # of a probe; docs/testing.md says how many sound agents fail
BATTERY = "synthgym.testing.battery"


@dataclass(frozen=True)
class Case:
    """A place to train in and a trial; neither is made yet."""

    id: str  # for Gymnasium
    trial: str  # likewise
    low: float  # return of an agent that has learned nothing, or the wrong
    high: float  # of a sound one
    limit: float  # return that a seed has to reach
    p0: float  # sound agents that do not, at most
    expected: str  # what sound agents do, in words
    suspect: str  # what looks broken if it fails; empty: it depends
    steps: int  # of training
    gamma: float | None = None  # discount that it is made for, if any
    settings: Mapping[str, Any] | None = None  # of the environment
    of_trial: Mapping[str, Any] | None = None

    def make(self, library: str = "gymnasium") -> Any:
        """A fresh environment to train in."""
        if library == "gymnax":
            import gymnax

            return gymnax.make(self.id.partition(":")[2], **(self.settings or {}))[0]
        import gymnasium

        return gymnasium.make(self.id, **(self.settings or {}))

    def passes(self, returned: float) -> bool:
        """Whether a return is good enough; one that is not finite is not."""
        better = (returned - self.limit) * (self.high - self.low) >= 0  # than the limit, or as good
        return math.isfinite(returned) and better

    def judge(self, policy: Policy, seed: int, episodes: int) -> tuple[float, int]:
        """Mean return of a policy in the trial, and how many different actions it takes.

        A policy with a memory has a method `reset`, which is called before each episode.
        """
        import gymnasium

        with warnings.catch_warnings():  # CartPole-v0 is out of date for Gymnasium
            warnings.simplefilter("ignore", DeprecationWarning)
            env = gymnasium.make(self.trial, **(self.of_trial or {}))
        total, actions = 0.0, set()
        env.reset(seed=seed)
        for _ in range(episodes):
            (observation, _), over = env.reset(), False
            getattr(policy, "reset", lambda: None)()
            while not over:
                action = np.asarray(policy(observation))
                if action.dtype.kind == "f" and not np.isfinite(action).all():
                    return -math.inf, 0
                actions.add(action.tobytes())
                fitting: Any = action.reshape(env.action_space.shape or ())
                if isinstance(env.action_space, gymnasium.spaces.Discrete):
                    fitting = np.int64(fitting)
                observation, reward, terminated, truncated, _ = env.step(fitting)
                total, over = total + float(reward), terminated or truncated
        env.close()
        return total / episodes, len(actions)


def find(env: str, variant: str | None = None) -> Case:
    """The case of that name, of the zoo or of the battery. Raises ValueError for another name."""
    name = env.rpartition(":")[2]
    return probe(name) if name.startswith("Probe-") else synthetic(name, variant)


def synthetic(name: str, variant: str | None = None) -> Case:
    """An environment of the zoo, whose agents are judged in the real task.

    A seed has to reach the tolerance limit of the sound agents in the card, of all algorithms
    together: at most a share `p0` of them is below it. That share is the smallest for which the
    limit is half of the way from random actions to the median, or more. If there is none, or the
    median is not half of the way to an expert, the environment tells nothing.
    Raises ValueError then, or where the task is none of Gymnasium's.
    """
    import gymnasium

    from synthgym import zoo

    card = zoo.card(name, variant)
    task, worth = card["task"], card["transfer"]
    if task["id"] not in gymnasium.registry:
        raise ValueError(f"{name}: its agents are judged in {task['id']}, no task of Gymnasium's.")
    returns = sorted(r for one in worth.values() for r in one.get("returns", ()))
    if not returns:
        raise ValueError(f"{name}: its card has no returns of single agents.")
    random, median = task["reference"]["random"], float(np.median(returns))
    expert = task["reference"]["expert"] or median
    shares = [
        (p0, returns[place - 1])
        for p0 in SHARES
        if (place := rank(len(returns), p0)) and returns[place - 1] >= (random + median) / 2
    ]
    if not shares or median <= (random + expert) / 2:
        raise ValueError(
            f"{name} ({card['variant']}): too many sound agents learn too little in it for a test; "
            "another variant or task may do."
        )
    p0, limit = shares[0]
    algorithms = ", ".join(sorted(worth))
    return Case(
        id=f"synthgym:{name}",
        trial=task["id"],
        low=random,
        high=median,
        limit=limit,
        p0=p0,
        expected=(
            f"at least {limit:,.1f}, as {1 - p0:.0%} of {len(returns)} sound agents do "
            f"({algorithms}; their median is {median:,.1f}, random actions earn {random:,.1f})"
        ),
        suspect="",
        steps=max(one["steps"] for one in worth.values()),
        settings={"variant": variant} if variant else None,
    )


def probe(name: str) -> Case:
    """A process of the battery, which is its own trial."""
    from synthgym.testing import battery

    check_known(name, battery.IDS, "probe", "env", BATTERY)
    process = battery.PROCESSES[battery.IDS[name][0]]
    return Case(
        id=f"{BATTERY}:{name}",
        trial=f"{BATTERY}:{name}",
        low=process.wrong,
        high=process.right,
        limit=process.limit,
        p0=PROBE_P0,
        expected=f"about {process.right:g} (what is right there: {process.asks})",
        suspect=process.suspect,
        steps=process.steps,
        gamma=process.gamma,
        of_trial={"trial": True},
    )


def names() -> list[str]:
    """Environments of the zoo that can tell whether an agent learns."""
    from synthgym import zoo

    return [name for name in zoo.names() if _tells(name)]


def probes(needs: Collection[str] = (), continuous: bool = False) -> list[str]:
    """Processes of the battery, of one kind of action, that ask for no more than an agent has."""
    from synthgym.testing import battery

    return [
        name
        for name, (process, kind) in battery.IDS.items()
        if kind == continuous and battery.PROCESSES[process].needs in ("", *needs)
    ]


def _tells(name: str) -> bool:
    try:
        synthetic(name)
    except ValueError:
        return False
    return True
