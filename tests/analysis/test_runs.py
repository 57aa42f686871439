from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from synthgym.analysis import runs
from synthgym.analysis.core.tables import place, read, read_runs


def curve(environment: str, steps: list[int], returns: list[float], draw: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "environment": environment,
            "environment_seed": -1 if environment == "real" else 0,
            "agent": "ppo",
            "draw": draw,
            "step": steps,
            "episode": [step // 10 for step in steps],
            "return_": returns,
        }
    )


def test_finished_is_the_last_evaluation_of_each_run() -> None:
    curves = pd.concat([curve("real", [20, 10], [2, 1], 0), curve("real", [10, 30], [3, 4], 1)])
    assert runs.finished(curves.reset_index())["return_"].tolist() == [2, 4]


def test_a_search_that_has_ended_counts_as_it_ended() -> None:
    table = pd.DataFrame({"environment_seed": [0, 0, 1, 1, 1], "generation": [5, 10, 5, 10, 15]})
    table["return_"] = [1, 2, 3, 4, 5]
    assert [runs.latest(table, at)["return_"].tolist() for at in (5, 10, 15)] == [
        [1, 3],
        [2, 4],
        [2, 5],
    ]


def test_equal_steps_is_the_first_evaluation_not_before_the_end_of_the_synthetic_training() -> None:
    curves = pd.concat(
        [curve("bandit", [50, 100], [0, 0]), curve("real", [80, 120, 160], [1, 2, 3])]
    )
    assert runs.at_equal_steps(curves.reset_index())["step"].tolist() == [120]


def test_equal_steps_of_a_shorter_real_training_is_its_end() -> None:
    curves = pd.concat([curve("bandit", [500], [0]), curve("real", [80, 120], [1, 2])])
    assert runs.at_equal_steps(curves.reset_index())["step"].tolist() == [120]


def test_an_agent_without_synthetic_training_has_no_equal_steps() -> None:
    assert runs.at_equal_steps(curve("real", [80, 120], [1, 2])).empty


def test_first_solved_is_the_first_evaluation_at_the_threshold() -> None:
    solved = runs.first_solved(curve("real", [10, 20, 30, 40], [1, 5, 2, 9]), threshold=5)
    assert solved["step"].tolist() == [20]


def test_a_run_that_never_solves_has_no_first_solved() -> None:
    assert runs.first_solved(curve("real", [10, 20], [1, 4.9]), threshold=5).empty


PROGRESS = pd.DataFrame(
    {
        "environment": ["a", "a", "b", "b", "b", "c", "c", "d"],
        "agent": ["ppo", "dqn", "", "", "ppo", "", "", "ppo+sac"],
        "stage": ["metatrain"] * 2
        + ["teacher", "distil", "metatrain", "teacher", "distil", "grade"],
    }
)


def test_meta_agents_are_those_really_used_or_those_that_judge_a_grading() -> None:
    seen = {"a": ["dqn", "ppo"], "b": ["ppo"], "c": [], "d": ["ppo", "sac"]}
    assert runs.meta_agents(PROGRESS) == seen


def test_environments_are_made_by_the_stages_in_their_progress() -> None:
    made = {"a": "evolved", "b": "distilled+evolved", "c": "distilled", "d": "graded"}
    assert runs.made(PROGRESS) == made


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("results/quick/tasks/cartpole/mdp_ppo/seed12/metatrain/x", ("cartpole", "mdp_ppo", 12)),
        ("results/quick/tasks/cartpole/real/ppo/curves.parquet", ("cartpole", "real", -1)),
        ("tasks/of/mine/results/quick/tasks/acrobot/b/seed0/transfer/ppo/x", ("acrobot", "b", 0)),
    ],
)
def test_place_of_a_table(path: str, expected: tuple[str, str, int]) -> None:
    assert place(Path(path)) == expected


def test_a_table_of_no_job_is_refused() -> None:
    with pytest.raises(ValueError, match=r"progress\.parquet is in no directory"):
        place(Path("somewhere/progress.parquet"))


def test_read_says_where_rows_come_from_and_leaves_out_empty_tables(tmp_path: Path) -> None:
    paths = []
    for name, rows in (("b", [3]), ("a", [1, 2]), ("c", [])):
        path = tmp_path / f"results/smoke/tasks/cartpole/{name}/seed1/metatrain/progress.parquet"
        path.parent.mkdir(parents=True)
        pd.DataFrame({"generation": rows}).to_parquet(path)
        paths.append(path)
    table = read_runs("progress", paths)
    assert table["generation"].tolist() == [1, 2, 3]
    assert table["environment"].tolist() == ["a", "a", "b"]
    assert table["environment_seed"].tolist() == [1, 1, 1]


def test_no_table_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no surface table"):
        read_runs("surface", [])


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("mdps/acrobot/fixed/seed3/model", {"family": "mdps", "arm": "fixed", "seed": 3}),
        ("mdps/acrobot/fixed/transfer/td3", {"arm": "fixed", "trial": "td3"}),
        ("rewards/cliff/real/plain/fixed", {"arm": "real", "baseline": "plain", "trial": "fixed"}),
        ("comparisons/unseen/real/dqn", {"experiment": "unseen", "arm": "real", "trial": "dqn"}),
    ],
)
def test_a_table_says_which_job_its_rows_are_of(
    place: str, expected: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "results/quick" / place / "curves.parquet"
    path.parent.mkdir(parents=True)
    pd.DataFrame({"step": [1, 2], "family": "given"}).to_parquet(path)
    table = read([path], *expected, task="experiment")
    assert table["task"].tolist() == [place.split("/")[1]] * 2
    assert table["family"].tolist() == ["given"] * 2  # what a table says itself stays
    for name in set(expected) - {"family"}:
        assert table[name].tolist() == [expected[name]] * 2


def test_no_tables_have_no_rows() -> None:
    assert read([], "arm").empty
