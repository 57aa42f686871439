"""What was published about reward networks (Ferreira et al. 2022), and does it hold here?

Values are read off their figures, within 2 to 3 % of the axis; of HalfCheetah there is none.
"""

from collections.abc import Callable, Mapping
from typing import Any

Numbers = Mapping[str, Any]
Curve = Mapping[int, float]
EXCLUSIVE = ("exclusive_potential", "exclusive_non_potential")
ADDITIVE = ("additive_potential", "additive_non_potential")
NON_POTENTIAL = ("exclusive_non_potential", "additive_non_potential")
LINES = (
    *("exclusive_potential", "additive_potential"),
    *("exclusive_non_potential", "additive_non_potential", "plain"),
)


def _rows(steps: tuple[int, ...], more: str, *rows: tuple[float, ...]) -> dict[str, Curve]:
    """A curve for each of LINES, and for the baseline `more`."""
    names = (*LINES, more)
    return {name: dict(zip(steps, row, strict=True)) for name, row in zip(names, rows, strict=True)}


PUBLISHED: Mapping[str, Mapping[str, Mapping[str, Curve]]] = {
    "cliff": {
        "fixed": _rows(
            (250, 500, 1000, 1500, 2500, 5000),
            "count",
            (-36, -17, -15, -15, -16, -23),
            (-12, -12, -12, -12, -12, -12),
            (-45, -43, -45, -49, -50, -51),
            (-26, -12, -12, -12, -12, -12),
            (-50, -48, -45, -12, -12, -12),
            (-51, -50, -50, -12, -12, -12),
        ),
        "varied": _rows(
            (1000, 5000),
            "count",
            *((-53, -63), (-38, -22), (-57, -51), (-30, -28), (-50, -22), (-50, -31)),
        ),
        "unseen": _rows(
            (500, 5000),
            "count",
            *((-30, -48), (-28, -39), (-44, -52), (-32, -45), (-49, -18), (-50, -22)),
        ),
    },
    "cartpole_v0": {
        "fixed": _rows(
            (1000, 5000, 10000, 20000, 30000, 40000, 50000),
            "icm",
            (199, 200, 200, 197, 197, 196, 197),
            (33, 46, 65, 132, 173, 182, 188),
            (121, 171, 182, 190, 194, 194, 193),
            (111, 147, 166, 167, 174, 175, 173),
            (11, 43, 58, 114, 177, 190, 191),
            (10, 39, 58, 122, 173, 186, 191),
        ),
        "varied": _rows(
            (1000, 50000),
            "icm",
            *((189, 183), (59, 165), (127, 186), (134, 181), (21, 161), (18, 161)),
        ),
        "unseen": _rows(
            (1000, 50000),
            "icm",
            *((199, 146), (149, 192), (200, 165), (199, 172), (100, 188), (67, 189)),
        ),
    },
    "mountain_car_continuous": {
        "fixed": _rows(
            (75000, 100000, 125000, 150000, 200000, 250000),
            "icm",
            (-11, 49, 6, 3, 8, 13),
            (10, 59, 74, 62, 74, 82),
            (86, 93, 93, 93, 93, 93),
            (93, 93, 90, 91, 83, 81),
            (10, 64, 79, 74, 81, 84),
            (14, 67, 78, 70, 82, 86),
        ),
        "varied": _rows(
            (100000, 250000),
            "icm",
            *((6, -1), (39, 69), (48, 65), (70, 79), (47, 71), (44, 71)),
        ),
        "unseen": _rows(
            (100000, 250000),
            "icm",
            *((-5, -5), (80, 89), (68, 91), (86, 92), (75, 92), (72, 89)),
        ),
    },
}
# The mean return at which the best there is counts as reached: -12 to the nearest whole number.
LEVELS = {"cliff": -12.5}


def value(task: str, experiment: str, line: str, step: int) -> float | None:
    """The published return, if there is one."""
    return PUBLISHED.get(task, {}).get(experiment, {}).get(line, {}).get(step)


def steps(task: str, experiment: str) -> list[int]:
    """Where returns are compared: all steps for which one was published."""
    lines = PUBLISHED.get(task, {}).get(experiment, {})
    return sorted({step for curve in lines.values() for step in curve})


def level(task: str, solved: float | None) -> float | None:
    """The return of which it is told how soon agents have it."""
    return LEVELS.get(task, solved)


def verdicts(tasks: Numbers) -> list[dict[str, str]]:
    """Every claim about what is in the summary: {task, claim, verdict, here}."""
    found = []
    for task, experiments in tasks.items():
        for experiment, claim, judge in (*CLAIMS.get(task, ()), *(_general(task))):
            if experiment in experiments and (judged := judge(experiments[experiment])):
                verdict, here = judged
                found.append({"task": task, "claim": claim, "verdict": verdict, "here": here})
    return found


Judge = Callable[[Numbers], tuple[str, str] | None]


def _soon(line: str, limit: float) -> Judge:
    """The mean over agents is at the level within `limit` steps."""

    def judge(lines: Numbers) -> tuple[str, str] | None:
        if line not in lines:
            return None
        e = lines[line]["mean_reaches"]
        return _verdict(e, lambda x: x is not None and x <= limit), _said(e, "steps")

    return judge


def _around(line: str, low: float, high: float) -> Judge:
    """The mean over agents gets to the level after about so many steps."""

    def judge(lines: Numbers) -> tuple[str, str] | None:
        if line not in lines:
            return None
        e = lines[line]["mean_reaches"]
        return _verdict(e, lambda x: x is not None and low <= x <= high), _said(e, "steps")

    return judge


def _not_within(names: tuple[str, ...]) -> Judge:
    """None of these gets to the level."""

    def judge(lines: Numbers) -> tuple[str, str] | None:
        there = [name for name in names if name in lines]
        if not there:
            return None
        never = [name for name in there if lines[name]["mean_reaches"]["value"] is None]
        here = "; ".join(f"{n}: {_said(lines[n]['mean_reaches'], 'steps')}" for n in there)
        return _share(len(never), len(there)), here

    return judge


def _one_at(names: tuple[str, ...], step: int, limit: float) -> Judge:
    """The best of these is at `limit` or above after so many steps."""

    def judge(lines: Numbers) -> tuple[str, str] | None:
        there = {n: lines[n]["at"].get(step) for n in names if n in lines}
        there = {n: e for n, e in there.items() if e is not None}
        if not there:
            return None
        best = max(there, key=lambda name: there[name]["value"])
        verdict = _verdict(there[best], lambda x: x >= limit)
        return verdict, f"{best}: {_said(there[best])}"

    return judge


def _near(line: str, step: int, low: float, high: float) -> Judge:
    """The return after so many steps is about that."""

    def judge(lines: Numbers) -> tuple[str, str] | None:
        e = lines[line]["at"].get(step) if line in lines else None
        return e and (_verdict(e, lambda x: low <= x <= high), _said(e))

    return judge


def _faster(kinds: tuple[str, ...], without: str = "plain") -> Judge:
    """Networks of these kinds: the mean over the training is above that of agents without one."""

    def judge(lines: Numbers) -> tuple[str, str] | None:
        there = [name for name in kinds if name in lines]
        if without not in lines or not there:
            return None
        other = lines[without]["area"]
        above = [name for name in there if lines[name]["area"]["low"] > other["high"]]
        here = "; ".join(f"{name}: {_said(lines[name]['area'])}" for name in [*there, without])
        return _share(len(above), len(there)), here

    return judge


def _ends_below(lines: Numbers) -> tuple[str, str] | None:
    """All kinds end below the plain agent."""
    there = [name for name, numbers in lines.items() if numbers["networks"]]
    if "plain" not in lines or not there:
        return None
    below = [name for name in there if lines[name]["below_plain"]]
    here = "; ".join(f"{name}: {_said(lines[name]['minus_plain'])} to plain" for name in there)
    return _share(len(below), len(there)), here


def _verdict(e: Numbers, fits: Callable[[Any], bool]) -> str:
    """holds: the whole interval does; in part: only the estimate does."""
    if not fits(e["value"]):
        return "does not hold"
    return "holds" if fits(e["low"]) and fits(e["high"]) else "in part"


def _share(number: int, of: int) -> str:
    return "holds" if number == of else "in part" if number else "does not hold"


def _said(e: Numbers, unit: str = "") -> str:
    value, low, high = ("never" if x is None else f"{x:,.4g}" for x in map(e.get, _BOUNDS))
    return f"{value} [{low}, {high}]{f' {unit}' if unit else ''}"


_BOUNDS = ("value", "low", "high")

CLAIMS: Mapping[str, tuple[tuple[str, str, Judge], ...]] = {
    "cliff": (
        (
            "fixed",
            "additive potential networks are at -12 within 300 steps (published: 200)",
            _soon("additive_potential", 300),
        ),
        (
            "fixed",
            "additive non-potential networks are at -12 within 300 steps (published: 280)",
            _soon("additive_non_potential", 300),
        ),
        (
            "fixed",
            "plain Q-learning is at -12 after about 1,430 steps (here: within a quarter of that)",
            _around("plain", 0.75 * 1430, 1.25 * 1430),
        ),
        ("fixed", "exclusive networks do not get to -12 (published)", _not_within(EXCLUSIVE)),
    ),
    "cartpole_v0": (
        (
            "fixed",
            "an exclusive network is at 170 or above after 5,000 steps (published: 200, 171)",
            _one_at(EXCLUSIVE, 5000, 170),
        ),
        (
            "fixed",
            "plain DDQN is near 43 after 5,000 steps (here: within 10)",
            _near("plain", 5000, 33, 53),
        ),
    ),
    "mountain_car_continuous": (
        (
            "fixed",
            "a non-potential network is at 90 or above after 100,000 steps (published: 93)",
            _one_at(NON_POTENTIAL, 100000, 90),
        ),
    ),
}


def _general(task: str) -> tuple[tuple[str, str, Judge], ...]:
    """What was claimed of every task; of half-cheetah as well, though without a number."""
    if task not in (*PUBLISHED, "halfcheetah"):
        return ()
    faster = "networks that add to the reward make agents faster (mean over training)"
    tuned = "networks make agents faster than tuning the plain one does (ours; mean over training)"
    return (
        ("fixed", faster, _faster(ADDITIVE)),
        ("varied", f"with varied hyperparameters, {faster}", _faster(ADDITIVE)),
        ("unseen", f"after transfer to another algorithm, {faster}", _faster(ADDITIVE)),
        ("unseen", "after transfer, every kind ends below the plain agent", _ends_below),
        ("fixed", tuned, _faster((*EXCLUSIVE, *ADDITIVE), "plain_tuned")),
        ("unseen", f"after transfer, {tuned}", _faster((*EXCLUSIVE, *ADDITIVE), "plain_tuned")),
    )


# What their search (BOHB) found, with which the environments of their Fig. 2 were made: task ->
# setting -> value. The widths of the synthetic networks were 83 and 167.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "cartpole_v0": {
        "meta.sigma": 0.0124,
        "meta.step_size": 0.148,
        "meta.transform": "nes_unnormalised",
        "meta.mirrored": True,
        "agents.ddqn.hyperparameters.learning_rate": 3.04e-4,
        "agents.ddqn.hyperparameters.gamma": 0.988,
        "agents.ddqn.hyperparameters.tau": 0.00848,
        "agents.ddqn.hyperparameters.epsilon_start": 0.809,
        "agents.ddqn.hyperparameters.epsilon_end": 0.0371,
        "agents.ddqn.hyperparameters.epsilon_decay": 0.961,
        "agents.ddqn.static.warmup_episodes": 1,
        "agents.ddqn.static.batch_size": 199,
        "agents.ddqn.static.hidden": [57],
        "agents.ddqn.static.activation": "tanh",
    },
    "acrobot": {
        "meta.sigma": 0.0114,
        "meta.step_size": 0.727,
        "meta.transform": "nes_unnormalised",
        "meta.mirrored": True,
        "agents.ddqn.hyperparameters.learning_rate": 2.22e-3,
        "agents.ddqn.hyperparameters.gamma": 0.991,
        "agents.ddqn.hyperparameters.tau": 0.0209,
        "agents.ddqn.hyperparameters.epsilon_start": 0.904,
        "agents.ddqn.hyperparameters.epsilon_end": 0.0471,
        "agents.ddqn.hyperparameters.epsilon_decay": 0.899,
        "agents.ddqn.static.warmup_episodes": 20,
        "agents.ddqn.static.batch_size": 149,
        "agents.ddqn.static.hidden": [112],
        "agents.ddqn.static.activation": "leaky_relu",
    },
}
