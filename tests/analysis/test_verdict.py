"""Verdicts are on intervals: where all of one lies, beside what a claim says."""

import math
from typing import Any

import pytest

from synthgym.analysis.core import report, verdict
from synthgym.analysis.core.verdict import Evidence, judge

UNDECIDED = "undecided"


@pytest.mark.parametrize(
    ("interval", "verdicts"),
    [
        ((5.0, 20.0), {"better": "holds", "equal": UNDECIDED, "no_worse": "holds"}),
        ((-5.0, 4.0), {"better": UNDECIDED, "equal": "holds", "no_worse": "holds"}),
        ((-25.0, 4.0), {"better": UNDECIDED, "worse": UNDECIDED, "no_worse": UNDECIDED}),
        ((-25.0, -12.0), {"better": "does not hold", "worse": "holds", "equal": "does not hold"}),
        ((-5.0, -1.0), {"better": "does not hold", "equal": "holds", "no_worse": "holds"}),
        ((12.0, 30.0), {"better": "holds", "equal": "does not hold", "no_worse": "holds"}),
        ((-5.0, 0.0), {"better": "does not hold", "worse": UNDECIDED}),
    ],
)
def test_differences_are_judged_beside_zero_and_a_margin(
    interval: tuple[float, float], verdicts: dict[str, str]
) -> None:
    """The margin is a tenth of what there is to be learned, here of 100."""
    e = Evidence({"value": 0.0, "low": interval[0], "high": interval[1]}, unit=100.0)
    assert {expect: e.judge({"expect": expect}) for expect in verdicts} == verdicts


@pytest.mark.parametrize(
    ("interval", "claim", "expected"),
    [
        ((150, 300), {"expect": "at_most", "value": 300}, "holds"),
        ((150, None), {"expect": "at_most", "value": 300}, UNDECIDED),
        ((None, None), {"expect": "at_most", "value": 300}, "does not hold"),
        ((None, None), {"expect": "never"}, "holds"),
        ((90, None), {"expect": "never"}, UNDECIDED),
        ((90, 200), {"expect": "never"}, "does not hold"),
        ((33, 53), {"expect": "between", "value": [33, 53]}, "holds"),
        ((25, 50), {"expect": "between", "value": [33, 53]}, UNDECIDED),
        ((0.5, 0.9), {"expect": "more_than", "value": 0.5}, UNDECIDED),
        ((0.5, 0.9), {"expect": "at_least", "value": 0.5}, "holds"),
    ],
)
def test_values_are_judged_beside_a_range(interval: Any, claim: Any, expected: str) -> None:
    e = Evidence(dict(zip(("low", "high"), interval, strict=True)))
    assert e.judge(claim) == expected


def test_where_it_is_not_known_what_there_is_to_learn_nothing_is_equal() -> None:
    e = Evidence({"value": 0.0, "low": -1.0, "high": 1.0}, unit=None)
    assert e.judge({"expect": "equal"}) == UNDECIDED
    assert e.judge({"expect": "better"}) == UNDECIDED
    assert verdict.span_of({"reference": {"random": -500.0, "expert": -80.0}}) == 420.0
    assert verdict.span_of({"reference": {"random": -500.0, "expert": None}}) is None


def evidence(*names: str) -> list[Evidence]:
    known = {
        "yes": Evidence({"value": 5.0, "low": 1.0, "high": 9.0}, name="yes"),
        "no": Evidence({"value": -5.0, "low": -9.0, "high": -1.0}, name="no"),
        "open": Evidence({"value": 1.0, "low": -1.0, "high": 3.0}, name="open"),
    }
    return [known[name] for name in names]


MEASURES = {"gain": lambda claim: evidence(*claim["of"])}


@pytest.mark.parametrize(
    ("of", "of_all", "of_any"),
    [
        (["yes", "yes"], "holds", "holds"),
        (["yes", "open"], UNDECIDED, "holds"),
        (["yes", "no"], "does not hold", "holds"),
        (["open", "no"], "does not hold", UNDECIDED),
        (["no", "no"], "does not hold", "does not hold"),
    ],
)
def test_a_claim_is_about_each_of_several_numbers_or_about_one(
    of: list[str], of_all: str, of_any: str
) -> None:
    claim = {"says": "It is", "measure": "gain", "of": of, "expect": "better"}
    (row,) = judge([claim], MEASURES, task="cliff")
    assert (row["task"], row["claim"], row["verdict"]) == ("cliff", "It is", of_all)
    assert row["here"].startswith(f"{sum(name == 'yes' for name in of)} of 2: {of[0]}: ")
    assert judge([{**claim, "each": "any"}], MEASURES)[0]["verdict"] == of_any


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((1.0, -1.0, 4.0), 16),  # the lower end has to come half as near: four times as many
        ((-1.0, -4.0, 1.0), 16),  # or the upper one, to fail
        ((1.0, -0.01, 4.0), 5),  # one more at least
        ((1.0, 0.5, 4.0), 0),  # is decided
        ((0.0, -1.0, 4.0), math.inf),
    ],
)
def test_it_is_said_how_many_environments_would_decide(
    interval: tuple[float, float, float], expected: float
) -> None:
    e = dict(zip(("value", "low", "high"), interval, strict=True))
    assert Evidence(e, environments=4).needed({"expect": "better"}) == expected
    assert Evidence(e, environments=1).needed({"expect": "better"}) == 0  # an interval of agents


def test_of_two_ends_that_an_interval_crosses_the_nearer_one_says_how_many() -> None:
    of = Evidence({"value": 1.0, "low": -1.0, "high": 4.0}, environments=4)
    assert of.needed({"expect": "equal"}) == pytest.approx(4 * (2 / 0.9) ** 2)  # within 0.1


def test_a_report_says_how_many_environments_would_decide_a_claim() -> None:
    def judged(name: str, low: float, environments: int) -> Any:
        e = {"value": 1.0, "low": low, "high": 4.0}
        claim = {"says": name, "expect": "better"}
        (row,) = judge([claim], {"return": lambda _: [Evidence(e, environments=environments)]})
        return row

    rows = [judged("a", -2, 4), judged("b", 0.5, 4), judged("c", -2, 0), judged("d", -99, 4)]
    assert [row["needed"] for row in rows] == [36, 0, 0, 40_000]
    lines = report.claims(rows).splitlines()[-4:]
    assert [line.split("|")[-2].strip() for line in lines] == ["about 36", "", "", "over 1,000"]
    assert "to decide" not in report.claims(rows[1:3])
    assert "over 1,000" in report.claims([{**rows[0], "needed": None}])  # as JSON has infinity


def test_a_claim_of_parts_holds_if_all_do() -> None:
    claim = {"says": "Both", "measure": "gain", "expect": "better"}
    parts = [{"of": ["yes"]}, {"of": ["no"], "expect": "worse"}]
    (row,) = judge([{**claim, "parts": parts}], MEASURES)
    assert row["verdict"] == "holds"
    assert row["here"] == "yes: +5.0 [+1.0, +9.0]; no: -5.0 [-9.0, -1.0]"
    (row,) = judge([{**claim, "parts": [{"of": ["yes"]}, {"of": ["no"]}]}], MEASURES)
    assert row["verdict"] == "does not hold"


def test_a_claim_about_what_a_scale_does_not_have_is_left_out() -> None:
    claim = {"says": "It is", "measure": "gain", "of": [], "expect": "better"}
    assert judge([claim], MEASURES) == []
    with pytest.raises(ValueError, match="Name one of these as its measure: gain"):
        judge([{**claim, "measure": "height"}], MEASURES)
