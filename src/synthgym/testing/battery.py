"""Small decision processes, each made to expose one kind of fault of an agent.

One-step bandits cannot see what an agent makes of the future. Each process is a table of states,
whose number an agent sees, one-hot. A state in which the actions differ has a twin, in which they
have changed places: so neither an untrained agent passes, nor one that always does the same. Where
an agent is at fault, another action is the best for it, and the fault shows in its policy.

In a continuous variant the action is one number, within bounds. It counts as the second of the
two with a probability that rises from one number to another: a critic finds a slope, and each of
the two can be had.

As environments of Gymnasium: `gymnasium.make("synthgym.testing.battery:Probe-Patience-v0")`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium import spaces

END = ""  # no state: nothing is to be had there
TWIN = "'"
UNIT = (-1.0, 1.0)
PASS = 0.75  # of the way from the return of wrong actions to that of right ones
Info = dict[str, Any]


class Row(NamedTuple):
    """What follows on an action."""

    reward: float = 0.0
    state: str = END  # that follows; it is seen also where the episode ends
    ends: bool = True  # the episode terminates
    again: str = END  # where the next episode begins; END: as any


def to(state: str) -> Row:
    """Nothing but another state."""
    return Row(0.0, state, False)


class Tables(NamedTuple):
    """A process in numbers: of each state and action, as `Row`."""

    names: list[str]
    reward: np.ndarray
    following: np.ndarray
    ends: np.ndarray
    again: np.ndarray  # -1: as any
    start: np.ndarray  # states in which episodes of the training begin
    trial: np.ndarray  # and those of the trial: where there is a choice


@dataclass(frozen=True)
class Process:
    """A process, written for one twin of each state: `right` is the first of two rows."""

    asks: str  # what a sound agent has to do
    suspect: str  # what looks broken in an agent that fails
    right: float  # return without a discount, if every action is right
    wrong: float  # if every one is wrong
    # One row: whatever the action. A twin leads to the other twin.
    rows: Mapping[str, tuple[Row, ...]]
    start: tuple[str, ...] = ("choice",)
    horizon: int = 100  # steps, after which episodes of the training are truncated
    gamma: float = 0.99  # discount at which the right action is right
    steps: int = 10_000  # of training
    offset: float = 0.0  # of observations
    blind: tuple[str, ...] = ()  # states that look like the first of these
    needs: str = ""  # what an agent must have to pass
    # Of continuous actions; where they are others, there is no discrete variant.
    bounds: tuple[float, float] = UNIT
    # From here to there the action becomes the second. What is beyond has no slope: an actor that
    # gets there too early stays.
    rises: tuple[float, float] = (-0.75, 0.75)

    @property
    def limit(self) -> float:
        """The return from which an agent passes."""
        return self.wrong + PASS * (self.right - self.wrong)


def chain(name: str, length: int, reward: float) -> dict[str, tuple[Row, ...]]:
    """States one after the other, with a reward after the last."""
    states = [f"{name}{i}" for i in range(length)]
    rows = [(to(state),) for state in states[1:]]
    return dict(zip(states, [*rows, (Row(reward),)], strict=True))


def levels(length: int, wrong: str) -> dict[str, tuple[Row, ...]]:
    """A reward for each right action; a wrong one ends the episode, or does not."""
    names = ["choice", *(f"level{i}" for i in range(1, length))]
    following = [*names[1:], END]
    return {
        name: (
            Row(1.0, then, then == END),
            Row(0.0, then, then == END) if wrong == "goes on" else Row(),
        )
        for name, then in zip(names, following, strict=True)
    }


PROCESSES: Mapping[str, Process] = MappingProxyType(
    {
        "Patience": Process(
            "a larger reward one step later is better than a smaller one now",
            "values of the next state: a discount too small, no bootstrapping, an inverted mask",
            3.0,
            1.0,
            {"choice": (to("later"), Row(1.0)), "later": (Row(3.0),)},
        ),
        "Impatience": Process(
            "with a discount of 0.5, a reward now is better than a slightly larger one later",
            "the discount: gamma is not used, or is another",
            4.0,
            5.6,
            # As many steps either way: a bonus for entropy (SAC) favours neither.
            {
                "choice": (Row(4.0, "rest", False), to("later")),
                "rest": (Row(0.0),),
                "later": (Row(5.6),),
            },
            gamma=0.5,
        ),
        "Delay": Process(
            "a reward follows four steps after the action that decides about it",
            "credit over several steps: returns, traces, advantages, or the target network",
            1.0,
            0.0,
            {
                "choice": (to("good0"), to("bad0")),
                **chain("good", 4, 1.0),
                **chain("bad", 4, 0.0),
            },
        ),
        "Termination": Process(
            "nothing follows on the end of an episode, whatever is seen there",
            "termination: values are bootstrapped through it",
            1.0,
            0.0,
            {
                "choice": (Row(1.0, "poor", True, "poor"), Row(0.0, "rich", True, "rich")),
                "rich": (Row(3.0),),
                "poor": (Row(0.0),),
            },
        ),
        "Truncation": Process(
            "what follows counts, although a time limit cuts the episode in training",
            "truncation: a time limit is treated as the end, or another state is bootstrapped from",
            6.0,
            4.0,  # more than half of it, so that values that are half of what they should be show
            {
                "before": (to("choice"),) * 2,
                "choice": (to("rich"), Row(4.0, "poor", False)),
                "rich": (Row(6.0),),
                "poor": (Row(0.0),),
            },
            start=("before", "rich", "poor"),
            horizon=2,
        ),
        "Options": Process(
            "what follows is worth what its better action brings, not what both do on average",
            "the value of the next state: not that of the best action there, nor of the policy",
            2.0,
            1.0,
            {"choice": (to("fork"), Row(1.0)), "fork": (Row(2.0), Row(-1.0))},
            start=("choice", "fork"),
        ),
        "Sequence": Process(
            "six choices in turn, each with its own reward at once",
            "the order of what is stored: observation, action and reward are of different steps",
            6.0,
            0.0,
            levels(6, "goes on"),
        ),
        "Ladder": Process(
            "sixteen choices in turn, of which a wrong one ends the episode",
            "exploration that never falls, or experience that is not renewed",
            16.0,
            0.0,
            levels(16, "ends"),
        ),
        "Bounds": Process(
            "actions far from the middle are right, between bounds of -3 and 1",
            "scale and bounds of actions: they are those of another interval, such as [-1, 1]",
            1.0,
            0.0,
            {"choice": (Row(1.0), Row(0.0))},
            bounds=(-3.0, 1.0),
            rises=(-2.5, -1.0),
        ),
        "Offset": Process(
            "two observations are told apart by one part in a thousand",
            "the normalisation of observations: frozen, or another in the test than in training",
            1.0,
            0.0,
            {"choice": (Row(1.0), Row(0.0))},
            offset=1000.0,
            needs="normalisation",
        ),
        "Memory": Process(
            "what was seen at the beginning says which action is right three steps later",
            "recurrent state: not carried on, not reset, or without a gradient",
            1.0,
            0.0,
            {
                "cue": (to("wait0"),) * 2,
                "wait0": (to("wait1"),) * 2,
                "wait1": (to("choice"),) * 2,
                "choice": (Row(1.0), Row(0.0)),
            },
            start=("cue",),
            blind=("choice", "wait0", "wait1"),
            needs="memory",
        ),
    }
)


@cache
def tables(name: str) -> Tables:
    """A process in numbers, twins included."""
    process = PROCESSES[name]
    twins = [state + TWIN for state, rows in process.rows.items() if len(rows) == 2]
    names = [*process.rows, *twins, END]

    def number(state: str, twin: bool) -> int:
        return names.index(state + TWIN if state + TWIN in twins and not twin else state)

    shape = (len(names), 2)
    reward, following = np.zeros(shape), np.full(shape, len(names) - 1)
    ends, again = np.ones(shape, bool), np.full(shape, -1)
    for i, state in enumerate(names[:-1]):
        twin, rows = state.endswith(TWIN), process.rows[state.removesuffix(TWIN)] * 2
        for action in (0, 1):
            row = rows[1 - action if twin else action]
            reward[i, action], ends[i, action] = row.reward, row.ends
            following[i, action] = number(row.state, twin)
            again[i, action] = number(row.again, twin) if row.again else -1
    start = [number(state, twin) for state in process.start for twin in (False, True)]
    trial = np.array([number(process.start[0], twin) for twin in (False, True)])
    return Tables(names, reward, following, ends, again, np.array(start), trial)


class Probe(gymnasium.Env[np.ndarray, Any]):
    """A process as an environment; a trial has no time limit, and begins in its first state."""

    def __init__(self, name: str, continuous: bool = False, trial: bool = False):
        self.metadata = {"render_modes": []}
        self.process = PROCESSES[name]
        self._tables, self._trial = tables(name), trial
        names, blind = self._tables.names, self.process.blind
        looks = [
            names.index(blind[0]) if n.removesuffix(TWIN) in blind else i
            for i, n in enumerate(names)
        ]
        self._seen = np.eye(len(names), dtype=np.float32)[looks] + np.float32(self.process.offset)
        low, high = self._seen.min(), self._seen.max()
        self.observation_space = spaces.Box(float(low), float(high), (len(names),), np.float32)
        self.action_space: spaces.Space[Any] = (
            spaces.Box(*self.process.bounds, (1,), np.float32) if continuous else spaces.Discrete(2)
        )
        self._state, self._next, self._time = -1, -1, 0

    def reset(
        self, *, seed: int | None = None, options: Info | None = None
    ) -> tuple[np.ndarray, Info]:
        super().reset(seed=seed)
        if seed is not None:
            self._next = -1
        begins = self._tables.trial if self._trial else self._tables.start
        self._state = self._next if self._next >= 0 else int(self.np_random.choice(begins))
        self._next, self._time = -1, 0
        return self._seen[self._state].copy(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, Info]:
        assert self._state >= 0, "Call reset before using step method."
        now, table, choice = self._state, self._tables, self._choice(action)
        self._state, self._time = int(table.following[now, choice]), self._time + 1
        terminated = bool(table.ends[now, choice])
        truncated = self._time >= self.process.horizon and not (self._trial or terminated)
        if (terminated or truncated) and not self._trial:
            self._next = int(table.again[now, choice])
        return (
            self._seen[self._state].copy(),
            float(table.reward[now, choice]),
            terminated,
            truncated,
            {},
        )

    def _choice(self, action: Any) -> int:
        if isinstance(self.action_space, spaces.Discrete):
            assert self.action_space.contains(int(action)), f"{action!r} is no action"
            return int(action)
        share = np.interp(float(np.asarray(action).reshape(())), self.process.rises, (0.0, 1.0))
        return int(self.np_random.random() < share)


IDS = {
    f"Probe-{name}{kind}-v0": (name, bool(kind))
    for name in PROCESSES
    for kind in (("", "Continuous") if PROCESSES[name].bounds == UNIT else ("Continuous",))
}
for _id, (_name, _continuous) in IDS.items():
    gymnasium.register(
        _id, entry_point=f"{__name__}:Probe", kwargs={"name": _name, "continuous": _continuous}
    )
