"""Does a claim hold? By where an interval lies, in one of three words.

A claim says that a number is in some range. It `holds` where the whole interval of the estimate is
within this range, it `does not hold` where all of it is outside, and is `undecided` where the
interval reaches over an end of the range: the value in its middle never decides. A claim on each of
several numbers holds if it does for all of them, and does not hold if it does not for one; a claim
on one of several numbers holds if it does for one, and does not hold if it does for none.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthgym.analysis.core.estimate import (
    GAIN,
    GAIN_SHARE,
    NEVER,
    Format,
    Numbers,
    written,
)

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"
SHOWN = 10  # so many numbers of one claim are written out, more are counted
MARGIN = 0.1  # of what is between random actions and the best agent known: that little is equal
Claim = Mapping[str, Any]


@dataclass(frozen=True)
class Range:
    """Numbers from `least` to `most`, without these where the range is open."""

    least: float = -math.inf
    most: float = math.inf
    open: bool = False

    def judge(self, e: Mapping[str, float | None]) -> str:
        """Where the interval {low, high} of an estimate, or else its {value}, lies.

        None stands for NEVER.
        """
        bounds = [e.get(bound, e.get("value")) for bound in ("low", "high")]
        low, high = (NEVER if bound is None else float(bound) for bound in bounds)
        if self._below(high) or self._above(low):
            return FAILS
        return UNDECIDED if self._below(low) or self._above(high) else HOLDS

    def _below(self, value: float) -> bool:
        return value < self.least or (self.open and value == self.least)

    def _above(self, value: float) -> bool:
        return value > self.most or (self.open and value == self.most < NEVER)


EXPECTATIONS: Mapping[str, Callable[[Claim], Range]] = {
    # of a difference, in units of what `margin` is in
    "better": lambda claim: Range(least=0, open=True),
    "worse": lambda claim: Range(most=0, open=True),
    "equal": lambda claim: Range(-claim.get("margin", MARGIN), claim.get("margin", MARGIN)),
    "no_worse": lambda claim: Range(least=-claim.get("margin", MARGIN)),
    # of a value
    "more_than": lambda claim: Range(least=claim["value"], open=True),
    "at_least": lambda claim: Range(least=claim["value"]),
    "at_most": lambda claim: Range(most=claim["value"]),
    "between": lambda claim: Range(*claim["value"]),
    "never": lambda claim: Range(least=NEVER, most=NEVER),
}


def expected(claim: Claim) -> Range:
    """The range in which a claim says that a number is."""
    return EXPECTATIONS[claim["expect"]](claim)


def all_of(verdicts: Sequence[str]) -> str:
    """The verdict on a claim that is about each of several numbers."""
    if FAILS in verdicts:
        return FAILS
    return HOLDS if set(verdicts) == {HOLDS} else UNDECIDED


def any_of(verdicts: Sequence[str]) -> str:
    """The verdict on a claim that is about one of several numbers."""
    if HOLDS in verdicts:
        return HOLDS
    return FAILS if set(verdicts) == {FAILS} else UNDECIDED


@dataclass(frozen=True)
class Evidence:
    """A number that a claim is about."""

    name: str  # of the arm, network, ...; empty where there is one number
    estimate: Mapping[str, Any]  # {value, low, high}, as it is written
    how: Format = GAIN
    judged: Mapping[str, Any] | None = None  # the estimate in the units of the claim, if others
    text: str = ""  # how the estimate is written, where that is in a way of its own

    def judge(self, claim: Claim) -> str:
        return expected(claim).judge(self.judged or self.estimate)

    def __str__(self) -> str:
        share = "" if self.judged is None else f" ({written(self.judged, GAIN_SHARE)})"
        text = self.text or written(self.estimate, self.how) + share
        return f"{self.name}{': ' * bool(self.name)}{text}"


Measure = Callable[[Claim], Sequence[Evidence]]


def judge(claims: Sequence[Claim], measures: Mapping[str, Measure], **about: Any) -> list[Numbers]:
    """The claims of a plan with their verdicts: {**about, claim, verdict, here, ...}.

    measures: name -> the numbers that a claim is about, none where this scale does not have them:
    such a claim is left out. A claim with `parts` holds if all of them do.
    """
    rows = []
    for claim in claims:
        parts = [{**claim, **part} for part in claim.get("parts", [{}])]
        found = [(part, list(_measure(part, measures)(part))) for part in parts]
        if not all(evidence for _, evidence in found):
            continue
        verdict = all_of([_verdict(part, evidence) for part, evidence in found])
        here = "; ".join(_text(part, evidence) for part, evidence in found)
        rows.append({**about, "claim": claim["says"], "verdict": verdict, "here": here})
    return rows


def _measure(claim: Claim, measures: Mapping[str, Measure]) -> Measure:
    if claim["measure"] not in measures:
        raise ValueError(
            f"The claim “{claim['says']}” is about {claim['measure']}, of which this report has no "
            f"numbers. It has some of: {', '.join(measures)}."
        )
    return measures[claim["measure"]]


def _verdict(claim: Claim, evidence: Sequence[Evidence]) -> str:
    verdicts = [one.judge(claim) for one in evidence]
    return any_of(verdicts) if claim.get("each") == "any" else all_of(verdicts)


def _text(claim: Claim, evidence: Sequence[Evidence]) -> str:
    if len(evidence) == 1:
        return str(evidence[0])
    count = Counter(one.judge(claim) for one in evidence)
    if len(evidence) > SHOWN:
        return (
            f"{count[HOLDS]} of {len(evidence)} hold, {count[FAILS]} do not hold, "
            f"{count[UNDECIDED]} are undecided"
        )
    return f"{count[HOLDS]} of {len(evidence)}: {'; '.join(map(str, evidence))}"


def span_of(task: Mapping[str, Any]) -> float | None:
    """The return between random actions and the best agent known; None where it is not known."""
    best = task["reference"]["expert"]
    return None if best is None else float(best - task["reference"]["random"])
