"""Verdicts on claims: by the whole interval, and in units of what there is to be learned."""

import pytest

from synthgym.analysis import verdicts


@pytest.mark.parametrize(
    ("low", "high", "of_better", "of_equal"),
    [
        (-9.0, 9.0, "undecided", "holds"),
        (1.0, 9.0, "holds", "holds"),
        (-20.0, -11.0, "does not hold", "does not hold"),
        (11.0, 20.0, "holds", "in part: better"),
        (-20.0, 20.0, "undecided", "undecided"),
        (-20.0, -1.0, "does not hold", "undecided"),
    ],
)
def test_a_verdict_is_of_the_interval(
    low: float, high: float, of_better: str, of_equal: str
) -> None:
    difference = {"value": (low + high) / 2, "low": low, "high": high}
    assert verdicts.better(difference) == of_better
    assert verdicts.equal(difference, 100.0) == of_equal
    assert verdicts.equal(difference, None) == "undecided"


def test_the_span_is_from_random_actions_to_the_best_agent_known() -> None:
    assert verdicts.span_of({"reference": {"random": -500.0, "expert": -80.0}}) == 420.0
    assert verdicts.span_of({"reference": {"random": -500.0, "expert": None}}) is None
