"""Does a claim hold? By where an interval lies, in one of three words.

A claim says that a number is in some range. It `holds` where the whole interval of the estimate is
within this range, it `does not hold` where all of it is outside, and is `undecided` where the
interval reaches over an end of the range: the value in its middle never decides. A claim on each of
several numbers holds if it does for all of them, and does not hold if it does not for one; a claim
on one of several numbers holds if it does for one, and does not hold if it does for none.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthgym.analysis.core.estimate import GAIN, GAIN_SHARE, NEVER, Format, Numbers, less, written

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

    def judge(self, e: Mapping[str, Any]) -> str:
        """By the interval {low, high} of an estimate; None stands for NEVER."""
        low, high = (NEVER if bound is None else bound for bound in (e["low"], e["high"]))
        if self._below(high) or self._above(low):
            return FAILS
        return UNDECIDED if self._below(low) or self._above(high) else HOLDS

    def factor(self, e: Mapping[str, Any]) -> float:
        """How many times as many runs bring both ends of an interval to the same side of each end
        of the range, if its middle stays and it narrows by the root of their number.
        """
        factors = [1.0]
        for bound in (self.least, self.most):
            if e["low"] <= bound <= e["high"]:
                reach = e["value"] - e["low"] if bound <= e["value"] else e["high"] - e["value"]
                apart = abs(e["value"] - bound)
                factors.append((reach / apart) ** 2 if apart else math.inf)
        return max(factors)

    def _below(self, value: float) -> bool:
        return value < self.least or (self.open and value == self.least)

    def _above(self, value: float) -> bool:
        return value > self.most or (self.open and value == self.most < NEVER)


RANGES: Mapping[str, Callable[[float, Any], Range]] = {  # by margin, and value of the claim
    "better": lambda margin, _: Range(least=0, open=True),
    "worse": lambda margin, _: Range(most=0, open=True),
    "equal": lambda margin, _: Range(-margin, margin),
    "no_worse": lambda margin, _: Range(least=-margin),
    "more_than": lambda _, value: Range(least=value, open=True),
    "at_least": lambda _, value: Range(least=value),
    "at_most": lambda _, value: Range(most=value),
    "between": lambda _, value: Range(*value),
    "never": lambda _, value: Range(least=NEVER),
}


def together(verdicts: Sequence[str], decides: str = FAILS, otherwise: str = HOLDS) -> str:
    """The verdict on several numbers: on each of them, where one that fails decides."""
    if decides in verdicts:
        return decides
    return otherwise if set(verdicts) == {otherwise} else UNDECIDED


@dataclass(frozen=True)
class Evidence:
    """A number that a claim is about."""

    estimate: Mapping[str, Any]  # {value, low, high}
    how: Format = GAIN
    name: str = ""  # of the arm, network, ...; empty where there is one number
    # What margins are shares of, in the unit of the estimate: `span_of` a task. None: not known.
    unit: float | None = 1.0
    note: str = ""
    enough: bool = True  # whether it is from enough runs for an interval to decide by
    environments: int = 0  # of so many, which the interval resamples; 0: it does not

    def judge(self, claim: Claim) -> str:
        expect = claim["expect"]
        if not self.enough or (self.unit is None and expect in ("equal", "no_worse")):
            return UNDECIDED
        return self._range(claim).judge(self.estimate)

    def needed(self, claim: Claim) -> float:
        """About how many environments would decide; 0 where it is decided, or is not of several."""
        if self.environments < 2 or self.judge(claim) != UNDECIDED:
            return 0
        return max(
            self.environments + 1, self.environments * self._range(claim).factor(self.estimate)
        )

    def _range(self, claim: Claim) -> Range:
        margin = claim.get("margin", MARGIN) * (self.unit or 1.0)
        return RANGES[claim["expect"]](margin, claim.get("value"))

    def __str__(self) -> str:
        text = f"{self.name}: " if self.name else ""
        text += written(self.estimate, self.how)
        if self.unit not in (1.0, None):
            text += f" ({written(less(self.estimate, 0.0, self.unit), GAIN_SHARE)})"
        return f"{text} {self.note}".strip()


Measure = Callable[[Claim], Iterable[Evidence]]


def judge(claims: Iterable[Claim], measures: Mapping[str, Measure], **about: Any) -> list[Numbers]:
    """The claims of a plan with their verdicts: {**about, claim, verdict, here, estimates, needed}.

    measures: name -> the numbers that a claim is about, none where this scale does not have them:
    such a claim is left out. A claim with `parts` holds if all of them do. needed: about how many
    environments would decide all of its numbers; 0 where that is not known.
    """
    rows = []
    for claim in claims:
        parts = [{**claim, **part} for part in claim.get("parts", [{}])]
        found = [(part, list(_measure(part, measures)(part))) for part in parts]
        if all(evidence for _, evidence in found):
            judged = {
                "claim": claim["says"],
                "verdict": together([_verdict(part, evidence) for part, evidence in found]),
                "here": "; ".join(_text(part, evidence) for part, evidence in found),
                "estimates": [dict(one.estimate) for _, evidence in found for one in evidence],
            }
            needed = max(one.needed(part) for part, evidence in found for one in evidence)
            judged["needed"] = needed if judged["verdict"] == UNDECIDED else 0
            rows.append({**about, **judged})
    return rows


def of_arms(
    cells: Mapping[str, Numbers], key: str, how: Format, note: str, claim: Claim
) -> Iterator[Evidence]:
    """An estimate of each arm that a claim is about, where there is one: a measure."""
    for arm, numbers in cells.items():
        if arm in claim["of"] and numbers.get(key):
            yield Evidence(numbers[key], how, arm, note=note.format(**numbers))


def _measure(claim: Claim, measures: Mapping[str, Measure]) -> Measure:
    name = claim.get("measure", "return")
    if name not in measures:
        raise ValueError(
            f"The claim “{claim['says']}” is about {name}, of which this report has no numbers. "
            f"Name one of these as its measure: {', '.join(measures)}."
        )
    return measures[name]


def _verdict(claim: Claim, evidence: Sequence[Evidence]) -> str:
    verdicts = [one.judge(claim) for one in evidence]
    return together(verdicts, *((HOLDS, FAILS) if claim.get("each") == "any" else ()))


def _text(claim: Claim, evidence: Sequence[Evidence]) -> str:
    if len(evidence) == 1:
        return str(evidence[0])
    count = Counter(one.judge(claim) for one in evidence)
    held = f"{count[HOLDS]} of {len(evidence)}"
    if len(evidence) > SHOWN:
        return f"{held} hold, {count[FAILS]} do not hold, {count[UNDECIDED]} are undecided"
    return f"{held}: {'; '.join(map(str, evidence))}"


def span_of(task: Mapping[str, Any]) -> float | None:
    """The return between random actions and the best agent known; None where it is not known."""
    best = task["reference"]["expert"]
    return None if best is None else float(best - task["reference"]["random"])
