"""Are verdicts wrong as seldom as promised? Enumerated, not drawn."""

import pytest

from synthgym.testing.cases import PROBE_P0, SHARES
from synthgym.testing.learning import SEEDS
from synthgym.testing.sequential import ALPHA, BETA, CONFIDENCE, P1, Verdict, fewest, rank


def outcomes(p0: float, fails: float, seeds: int = SEEDS) -> tuple[float, float, float]:
    """Probabilities to be refused and accepted, and the mean number of seeds."""
    refused = accepted = mean = 0.0
    open_: dict[Verdict, float] = {Verdict(p0): 1.0}
    for _ in range(seeds):
        mean += sum(open_.values())
        after: dict[Verdict, float] = {}
        for verdict, weight in open_.items():
            for failed, share in ((True, fails), (False, 1 - fails)):
                then = verdict.after(failed)
                refused += weight * share * then.refused
                accepted += weight * share * then.accepted
                if not (then.refused or then.accepted):
                    after[then] = after.get(then, 0.0) + weight * share
        open_ = after
    return refused, accepted, mean


@pytest.mark.parametrize("p0", [PROBE_P0, *SHARES])
def test_a_sound_agent_is_refused_in_fewer_than_1_of_1000_runs(p0: float) -> None:
    refused, _, mean = outcomes(p0, p0)
    assert 0.0 < refused < ALPHA == 0.001
    assert refused <= outcomes(p0, p0, 200)[0] < ALPHA  # however many seeds
    assert mean < 9.0
    assert outcomes(p0, p0 / 2)[0] < refused  # a better one still less


@pytest.mark.parametrize("p0", [PROBE_P0, *SHARES])
def test_a_broken_agent_passes_seldom_and_is_caught_early(p0: float) -> None:
    _, accepted, _ = outcomes(p0, P1)
    assert 0.0 < accepted < BETA
    refused, _, mean = outcomes(p0, 1.0)  # it fails with every seed
    assert refused == 1.0
    assert mean == fewest(p0) <= SEEDS


def test_four_seeds_refuse_and_two_accept_where_one_in_ten_sound_agents_fails() -> None:
    """After four failures 9^4 = 6,561 is above 1,000; after two passes 1/9^2 is below 1/40."""
    assert fewest(0.1) == 4
    assert not Verdict(0.1, failed=3).refused
    assert Verdict(0.1, passed=2).accepted
    assert not Verdict(0.1, passed=1).accepted


def test_the_limit_is_the_one_of_tables_of_tolerance_limits() -> None:
    """Without one of 29 agents nothing is known with 95 % confidence, as 0.9^28 is above 0.05."""
    assert 0.9**28 > 1 - CONFIDENCE > 0.9**29
    assert (rank(28, 0.1), rank(29, 0.1)) == (0, 1)
    assert rank(46, 0.1) == 2  # Wilks's second order
    assert rank(60, 0.5) == 24  # the sign test's: P(24 or more heads of 60) = 0.954
