"""Hyperband: which rungs and brackets there are, and who is promoted."""

import pytest

from synthgym.search.schedule import brackets, budgets, promoted


@pytest.mark.parametrize(
    ("low", "high", "eta", "rungs"),
    [
        (1, 27, 3, (1, 3, 9, 27)),
        (4, 36, 3, (4, 12, 36)),
        (1, 2, 2, (1, 2)),
        (5, 36, 3, (12, 36)),  # 4 would be less than 5
        (1, 10, 3, (1, 3, 10)),  # 10/9 and 10/3, rounded
        (7, 7, 3, (7,)),
    ],
)
def test_rungs_rise_by_a_factor_up_to_the_whole_budget(
    low: int, high: int, eta: int, rungs: tuple[int, ...]
) -> None:
    assert budgets(low, high, eta) == rungs


def test_full_brackets_all_begin_on_the_lowest_rung() -> None:
    made = brackets(20, (1, 3, 9), 3, full=True)
    assert [len(bracket.configurations) for bracket in made] == [9, 9, 2]  # 20 in all
    assert [bracket.configurations[0] for bracket in made] == [0, 9, 18]
    assert {bracket.budgets for bracket in made} == {(1, 3, 9)}


def test_hyperband_begins_on_each_rung_in_turn_with_fewer_configurations() -> None:
    made = brackets(20, (1, 3, 9), 3, full=False)
    # Li et al. 2018: ceil((s_max + 1) / (s + 1) * eta^s) = 9, ceil(3 / 2 * 3) = 5, 3; again 9, cut
    assert [len(bracket.configurations) for bracket in made] == [9, 5, 3, 3]
    assert [bracket.budgets for bracket in made] == [(1, 3, 9), (3, 9), (9,), (1, 3, 9)]


def test_one_in_eta_is_promoted_and_of_equal_ones_the_first() -> None:
    assert promoted([1.0, 5.0, 3.0, 4.0, 2.0, 0.0], eta=3) == [1, 3]
    assert promoted([2.0, 2.0, 2.0], eta=3) == [0]
    assert promoted([2.0, 3.0], eta=3) == [1]  # at least one
