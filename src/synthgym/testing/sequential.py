"""How many seeds does a verdict on an agent take? By the sequential test of Wald (1945).

A sound agent fails with a seed with a probability of at most `p0`, a broken one of at least `P1`.
After each seed the ratio of the likelihoods of the two is compared with two bounds. For an agent
that fails with probability p0 the ratio is a martingale with mean 1 (for less it only falls). So
it ever reaches 1 / ALPHA with a probability of at most ALPHA (Ville's inequality): no more sound
agents are refused, however many seeds there are. In the same way a broken agent passes with a
probability of at most BETA. Both hold exactly, where Wald's own bounds are approximate.
"""

import math
from dataclasses import dataclass

ALPHA = 1e-3  # of sound agents are refused, at most
BETA = 0.025  # of broken agents pass, at most
P1 = 0.9  # a broken agent fails with so many seeds, at least
CONFIDENCE = 0.95  # that the probability of a sound agent to fail is at most `p0`


@dataclass(frozen=True)
class Verdict:
    """Seeds so far."""

    p0: float
    failed: int = 0
    passed: int = 0

    def after(self, fails: bool) -> "Verdict":
        """One seed later."""
        return Verdict(self.p0, self.failed + fails, self.passed + (not fails))

    @property
    def evidence(self) -> float:
        """The logarithm of the ratio of likelihoods."""
        per_failure, per_pass = math.log(P1 / self.p0), math.log((1 - P1) / (1 - self.p0))
        return self.failed * per_failure + self.passed * per_pass

    @property
    def refused(self) -> bool:
        return self.evidence >= -math.log(ALPHA)

    @property
    def accepted(self) -> bool:
        return self.evidence <= math.log(BETA)


def fewest(p0: float) -> int:
    """Seeds without which no agent is refused, however bad it is."""
    return math.ceil(-math.log(ALPHA) / math.log(P1 / p0))


def rank(count: int, p0: float) -> int:
    """Which of `count` sound agents, from the worst, a seed has to reach; 0: there are too few.

    The highest for which, with `CONFIDENCE`, another agent of the same kind does worse with a
    probability of at most `p0`: a distribution-free tolerance limit (Wilks 1941). The probability
    to do worse than the k-th of n is distributed as Beta(k, n - k + 1), so it is at most p0 with
    the probability that a binomial variable of n and p0 is k or more.
    """
    below = 0.0  # P(variable < k)
    for k in range(count + 1):
        below += math.comb(count, k) * p0**k * (1 - p0) ** (count - k)
        if 1 - below < CONFIDENCE:
            return k
    return count
