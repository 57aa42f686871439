"""What Ferreira et al. 2022 published about synthetic MDPs.

Mean returns and training steps: their Fig. 3 and 7 and the scripts that draw them; means over
generations: their Fig. 2. Mean returns of Acrobot were not found.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Published(NamedTuple):
    """Of agents of one algorithm trained in one place; None: not found."""

    return_: float | None
    steps: float | None


# task -> agent -> where it is trained
RETURNS: Mapping[str, Mapping[str, Mapping[str, Published]]] = {
    "cartpole_v0": {
        "ddqn": {
            "real": Published(190.67, 16_888),
            "varied": Published(190.70, 6_819),
            "fixed": Published(175.46, 6_380),
            "fitted": Published(15.01, None),
        },
        "dueling_ddqn": {
            "real": Published(179.07, 12_745),
            "varied": Published(188.99, 6_781),
            "fixed": Published(178.33, 6_503),
            "fitted": Published(9.91, None),
        },
        "discrete_td3": {
            "real": Published(187.86, 17_875),
            "varied": Published(83.04, 5_832),
            "fixed": Published(46.31, 5_371),
            "fitted": Published(10.22, None),
        },
    },
    "acrobot": {
        "ddqn": {
            "real": Published(None, 15_389),
            "varied": Published(None, 18_240),
            "fixed": Published(None, 18_178),
        },
        "dueling_ddqn": {
            "real": Published(None, 29_531),
            "varied": Published(None, 18_376),
            "fixed": Published(None, 18_541),
        },
        "discrete_td3": {
            "real": Published(None, 80_837),
            "varied": Published(None, 14_138),
            "fixed": Published(None, 13_481),
        },
    },
}

# task -> generation -> mean over 40 runs of the return in the search mean's environment
FEASIBILITY: Mapping[str, Mapping[int, float]] = {
    "cartpole_v0": {0: 15.3, 10: 47.2, 25: 78.1, 50: 111.0, 75: 128.3, 100: 144.3},
    "acrobot": {0: -479.0, 10: -236.5, 25: -154.5, 50: -130.6, 75: -130.6, 100: -136.5},
}

# task -> generation -> runs of 20 that had solved the task by then
SOLVED_BY: Mapping[str, Mapping[int, int]] = {
    "cartpole_v0": {25: 1, 50: 4, 100: 9, 199: 12},
    "acrobot": {25: 10, 50: 16, 123: 20},
}
RUNS = 20


def of(task: str, agent: str, place: str) -> Published:
    """What was published, or nothing."""
    nothing = Published(None, None)
    return RETURNS.get(task, {}).get(agent, {}).get(place, nothing)
