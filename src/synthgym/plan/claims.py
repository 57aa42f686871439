"""Claims of a plan: what is expected, written before it is computed."""

from collections.abc import Collection, Mapping
from typing import Any

from synthgym.plan.layers import Values
from synthgym.plan.schema import (
    EXPECTATIONS,
    Claim,
    ConfigError,
    check,
    check_known,
    check_unique,
    listed,
    mapping,
    short,
)

SIDES = ("of", "over")
TRIALS = ("trials", "over_trials")


def planned_claims(
    claims: Mapping[str, Any], arms: list[str], others: Collection[str], trials: Collection[str]
) -> list[Values]:
    """Return the claims as a budget can judge them: with its arms and trials only.

    `others`: what claims may also name. A claim of which nothing is left, or nothing of one of its
    parts, is left out.
    """
    kept = (_kept(claim, arms, others, trials) for claim in claims.values())
    return [claim for claim in kept if claim is not None]


def _kept(
    claim: Values, arms: list[str], others: Collection[str], trials: Collection[str]
) -> Values | None:
    kept = dict(claim)
    for side in SIDES:
        if side in claim:
            every = arms if claim[side] == ["all"] else claim[side]
            kept[side] = [name for name in every if name in (*arms, *others)]
    for kind in TRIALS:
        if kind in claim:
            kept[kind] = [name for name in claim[kind] if name in trials]
    if "parts" in claim:
        kept["parts"] = [_kept(part, arms, others, trials) for part in claim["parts"]]
    emptied = [part for part in (*SIDES, *TRIALS) if part in kept and not kept[part]]
    return None if emptied or None in kept.get("parts", []) else kept


def check_claim(
    claim: object, place: str, names: Collection[str], trials: Collection[str], whole: bool = True
) -> None:
    """Refuse a claim that makes no sense, by a ConfigError.

    `names` and `trials`: those of all budgets.
    """
    claim = mapping(claim, place)
    parts = claim.get("parts", [])
    check(claim, Claim, place, complete=("says",) if whole else ())
    for side in SIDES:
        if side in claim:
            check_unique(claim[side], f"{place}.{side}")
            for name in claim[side]:
                check_known(name, [*names, "all"], "arm", f"{place}.{side}", "the experiment")
    for kind in TRIALS:
        for trial in claim.get(kind, []):
            check_known(trial, trials, "trial", f"{place}.{kind}", "the experiment")
    _check_sides(claim, place)
    for number, part in enumerate(parts):
        check(part, Claim, f"{place}.parts[{number}]")
        shared = {name: value for name, value in claim.items() if name != "parts"}
        check_claim({**shared, **part}, f"{place}.parts[{number}]", names, trials)
    if not parts and whole:
        _check_expected(claim, place)


def _check_sides(claim: Values, place: str) -> None:
    """Refuse a comparison of arms with themselves, in the same trials."""
    same = claim.get("over_trials", claim.get("trials")) == claim.get("trials")
    if same and (both := [name for name in claim.get("of", []) if name in claim.get("over", [])]):
        raise ConfigError(f"{place}.over: {listed(both)} cannot be compared with itself.")


def _check_expected(claim: Values, place: str) -> None:
    """Refuse a claim that expects nothing, or less or more than one number, or a range."""
    if "expect" not in claim:
        raise ConfigError(f"{place}: must say what to expect: {listed(EXPECTATIONS)}.")
    expect = claim["expect"]
    if EXPECTATIONS[expect] != "value":
        return
    if "value" not in claim:
        raise ConfigError(f"{place}: {expect} needs a value.")
    value, place = claim["value"], f"{place}.value"
    check(value, list[float] if expect == "between" else float, place)
    if expect == "between" and (len(value) != 2 or not value[0] < value[1]):
        raise ConfigError(f"{place}: must be [low, high] with low < high, not {short(value)}.")
