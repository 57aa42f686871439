"""What is refused in a plan, at which place, and in which words."""

import itertools
from typing import Any

import pytest
import yaml
from plans import KINDS, PARTS, ROOT, plan, refusal

from synthgym.plan.compose import Composer
from synthgym.plan.plan import Plan
from synthgym.plan.schema import ConfigError

ROWS: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests/plan/refusals.yaml").read_text())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, next(iter(row.items())))))
def test_nonsense_is_refused_in_a_sentence_that_names_the_place(row: dict[str, Any]) -> None:
    edits = {path: value for path, value in row.items() if path not in ("at", "says")}
    first = next(iter(edits))
    where = f"scales.{first}" if first.startswith("smoke.") else f"experiment {first}"
    where, says = row.get("at", where), row["says"]
    separator = "" if says.startswith(".") else ": "
    assert refusal(edits).startswith(f"{where}{separator}{says}")


def test_the_plan_whose_parts_are_edited_is_in_order() -> None:
    plan({}, *KINDS).check()


VALUES: list[Any] = [None, 3, "x", True, [1], ["x"], {}, {"x": 3}]


@pytest.mark.parametrize(
    "path",
    [
        *(f"{kind}.{part}" for kind in KINDS for part in PARTS[kind]),
        *(f"smoke.{part}" for part in (*PARTS["smoke"], "experts", "insight", "clients", "choices")),
        *("lengths.arms.mdp", "lengths.trials.wide", "lengths.claims.same", "rewards.without.found"),
        *("lengths.only", "lengths.budgets", "smoke.environments.mdp_dqn", "smoke.tasks.cartpole"),
    ],
)
def test_whatever_a_part_is_the_plan_is_in_order_or_refused(path: str) -> None:
    for value in VALUES:
        try:
            planned = plan({path: value})
            planned.check()
        except ConfigError:
            continue
        assert all(job.config([]) for job in planned.jobs.values())
