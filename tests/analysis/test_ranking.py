"""Agreement of orders, by numbers that can be worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from synthgym.analysis import ranking

REAL = np.array([1.0, 2.0, 3.0, 4.0])
KEYS = ["arm", "environment_seed"]


def curves(returns: dict[tuple[str, int], list[list[float]]]) -> pd.DataFrame:
    """Of each place and setting the returns of its agents; two tests each, the last counts."""
    return pd.DataFrame(
        {
            "arm": arm,
            "environment_seed": seed,
            "draw": 10 * i + j,
            "step": step,
            "return_": value,
            "hp_learning_rate": 0.1 * i,
            "hp_of_others": np.nan,
        }
        for (arm, seed), settings in returns.items()
        for i, agents in enumerate(settings)
        for j, end in enumerate(agents)
        for step, value in ((200, end), (100, -99.0))
    )


def test_finished_agents_have_a_setting_and_a_half() -> None:
    found = ranking.finished(
        curves({("a", 0): [[1.0, 2.0, 3.0, 4.0], [np.nan, 8.0, 0.0, 8.0]]}), KEYS
    )
    assert found["setting"].tolist() == [0] * 4 + [1] * 4
    assert found["half"].tolist() == [0, 1] * 4
    assert found["return_"].tolist() == [1, 2, 3, 4, -99, 8, 0, 8]  # diverged: as the worst
    assert found["step"].tolist() == [200] * 8


def test_orders_are_compared_environment_by_environment() -> None:
    """Of 1, 2, 4, 3 one pair of six is the wrong way round: tau 4 / 6, Spearman 0.8."""
    returns = np.array([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 4.0, 3.0]])
    assert ranking.spearman(returns, REAL) == pytest.approx(0.9)
    assert ranking.kendall(returns, REAL) == pytest.approx((1 + 4 / 6) / 2)
    assert ranking.kendall(-returns[:1], REAL) == pytest.approx(-1)


def test_what_is_all_alike_agrees_by_no_means() -> None:
    assert ranking.kendall(np.zeros((1, 4)), REAL) == 0
    assert ranking.spearman(np.zeros((1, 4)), REAL) == 0
    assert ranking.kendall(REAL[None], np.zeros(4)) == 0


def test_ties_count_as_in_tau_b() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(4, size=(2, 30)).astype(float)
    assert ranking.kendall(one[None], other) == pytest.approx(stats.kendalltau(one, other)[0])


def test_regret_is_of_the_setting_that_is_best_in_the_environment() -> None:
    returns = np.array([[9.0, 0.0, 1.0, 2.0], [0.0, 1.0, 2.0, 9.0]])
    assert ranking.regret(returns, REAL) == (3 + 0) / 2
    assert ranking.regret(returns, REAL, top=2) == 0  # the second best of the first is 4


def test_agreement_is_that_of_all_agents_of_a_setting() -> None:
    in_task = [[1.0, 1.0], [2.0, 2.0], [3.0, 4.0], [4.0, 3.0]]
    bandit = [[10.0, 12.0], [20.0, 21.0], [60.0, 60.0], [50.0, 51.0]]
    rows = ranking.finished(
        curves({("real", -1): in_task, ("a", 0): bandit, ("a", 1): bandit}), KEYS
    )
    found = ranking.agreement(rows[rows["arm"] == "a"], rows[rows["arm"] == "real"])
    assert (found["settings"], found["environments"]) == (4, 2)
    assert found["kendall"]["value"] == pytest.approx(5 / np.sqrt(6 * 5))  # 3.5 is there twice
    assert found["halves"] == pytest.approx(4 / 6)
    assert found["regret"]["value"] == 0
    assert found["regret_of_chance"] == pytest.approx(3.5 - 2.5)
    assert (found["steps"], found["real_steps"]) == (1600, 1600)
    assert -1 <= found["kendall"]["low"] <= found["kendall"]["value"] <= found["kendall"]["high"]


def test_agents_of_unequal_halves_count_alike() -> None:
    three = [[9.0, 0.0, 9.0], [5.0, 7.0, 5.0], [1.0, 1.0, 1.0]]  # means 6, 5.7; of halves 4.5, 6
    rows = ranking.finished(curves({("real", -1): three, ("a", 0): [[3.0], [2.0], [1.0]]}), KEYS)
    found = ranking.agreement(rows[rows["arm"] == "a"], rows[rows["arm"] == "real"])
    assert found["kendall"]["value"] == pytest.approx(1)
