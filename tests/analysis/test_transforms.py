"""The report on score transforms, worked out by hand."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthgym.analysis import style, transforms
from synthgym.analysis.figures import transforms as figures
from synthgym.analysis.figures.transforms import ORDER

TASK = {
    "id": "EmptyRoom22",
    "agent": "q_learning",
    "generations": 50,
    "population": 16,
    "sigma": 0.1,
    "claims": [
        {
            "says": "Best transform",
            "measure": "score",
            "of": ["all_better_2"],
            "over": ["linear", "rank"],
            "expect": "better",
        },
        {
            "says": "Best step",
            "measure": "score_of_steps",
            "of": ["all_better_2"],
            "steps": [0.3, 1.0],
            "expect": "better",
        },
    ],
}
TASKS = {"empty_room": TASK}


def runs(generations: dict[tuple[str, bool, float], list[int]]) -> pd.DataFrame:
    """Searches of as many seeds as there are numbers; 50 generations: not solved."""
    rows = [
        {
            "task": "empty_room",
            "transform": transform,
            "mirrored": mirrored,
            "step_size": step,
            "seed": seed,
            "solved": number < 50,
            "generations": number,
            "score": 1 - number / 50,
        }
        for (transform, mirrored, step), numbers in generations.items()
        for seed, number in enumerate(numbers)
    ]
    return pd.DataFrame(rows)


TABLE = runs(
    {
        ("linear", True, 0.1): [50, 25],
        ("linear", True, 1.0): [50, 50],
        ("all_better_2", True, 0.1): [0, 25],
        ("all_better_2", True, 1.0): [10, 0],
    }
)


def numbers(table: pd.DataFrame) -> Any:
    return transforms.summarise("probe", TASKS, table)["tasks"]["empty_room"]


def test_means_and_shares_are_those_of_the_searches() -> None:
    """linear: (0 + 0.5 + 0 + 0) / 4, one of four; all better 2: (1 + 0.5 + 0.8 + 1) / 4."""
    cells = numbers(TABLE)["ways"]["mirrored"]
    assert list(cells) == ["linear", "all_better_2"]
    assert cells["linear"]["score"]["value"] == 0.125
    assert cells["linear"]["solved"]["value"] == 0.25
    assert cells["all_better_2"]["score"]["value"] == 0.825
    assert cells["all_better_2"]["n"] == 4
    best = cells["all_better_2"]["best"]
    assert (best["step_size"], best["score"]["value"], best["n"]) == (1.0, 0.9, 2)
    assert cells["linear"]["published"] == {"score": 0.167, "solved": 0.33}
    assert numbers(TABLE)["solved_at_start"] == 2 / 8


def test_intervals_of_means_resample_seeds_and_those_of_shares_are_wilsons() -> None:
    """Of linear, seed 0 has a mean of 0, seed 1 of 0.25: resamples of two have 0, 0.125, 0.25."""
    cells = numbers(TABLE)["ways"]["mirrored"]
    score = cells["linear"]["score"]
    assert (score["low"], score["high"]) == (0.0, 0.25)
    # Wilson with z = 1.96, 2 of 2: from 2 / (2 + 1.96^2).
    share = cells["all_better_2"]["best"]["solved"]
    assert share["low"] == pytest.approx(2 / (2 + 1.96**2), abs=1e-3)
    assert share["high"] == 1.0


def test_a_difference_is_paired_by_seed() -> None:
    """Seed 0: (1 + 0.8) / 2 - 0; seed 1: (0.5 + 1) / 2 - 0.25."""
    lead = transforms.difference(TABLE, "transform", "all_better_2", "linear")
    assert lead["value"] == pytest.approx((0.9 + 0.5) / 2)
    assert (lead["low"], lead["high"]) == pytest.approx((0.5, 0.9))


@pytest.mark.parametrize(
    ("inside", "outside", "of_transform", "of_step"),
    [
        ([0, 0, 0], [10, 10, 10], "holds", "holds"),
        ([10, 10, 10], [0, 0, 0], "holds", "does not hold"),
        ([40, 45, 40], [40, 50, 35], "does not hold", "undecided"),
        ([20, 5, 5], [40, 40, 50], "undecided", "holds"),  # ahead with seed 1 only
    ],
)
def test_claims_are_about_the_transform_and_its_step(
    inside: list[int], outside: list[int], of_transform: str, of_step: str
) -> None:
    """Linear solves after 26 generations, 0.48."""
    table = runs(
        {
            ("linear", True, 1.0): [26] * 12,
            ("linear", True, 10.0): [26] * 12,
            ("rank", True, 1.0): [49] * 12,
            ("rank", True, 10.0): [49] * 12,
            ("all_better_2", True, 1.0): inside * 4,
            ("all_better_2", True, 10.0): outside * 4,
        }
    )
    claims = transforms.summarise("probe", TASKS, table)["claims"]
    few = transforms.summarise("probe", TASKS, table[table["seed"] < 9])["claims"]
    assert [claim["verdict"] for claim in few] == ["undecided", "undecided"]
    assert [claim["verdict"] for claim in claims] == [of_transform, of_step]
    assert claims[0]["here"].startswith("mirrored, all better 2 less linear: ")
    assert claims[1]["here"].startswith("mirrored, step 1 less 10: ")


def test_without_anything_to_compare_there_is_no_verdict() -> None:
    one = TABLE[TABLE["transform"] == "linear"]
    assert transforms.summarise("probe", TASKS, one)["claims"] == []


def test_the_report_is_written_whole(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    cells = product(ORDER, [True, False], [0.01, 0.1, 1.0, 10.0])
    table = runs({cell: generator.integers(0, 51, size=4).tolist() for cell in cells})
    path = tmp_path / "results/probe/transforms/empty_room/runs.parquet"
    path.parent.mkdir(parents=True)
    table.to_parquet(path)
    config = {"scale": "probe", "transform_tasks": TASKS}
    written = transforms.run(config, {"runs": [path]}, tmp_path, tmp_path)
    assert [(tmp_path / name).exists() for name in written] == [True] * 3
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert "## EmptyRoom22, q_learning" in lines
    assert sum(line.startswith("| mirrored ") for line in lines) == 8
    assert sum(line.startswith("| not mirrored ") for line in lines) == 8
    assert any("0.238" in line and "all better 2" in line for line in lines)


def test_the_figure_has_a_panel_per_transform_and_a_line_for_each_way() -> None:
    cells = product(ORDER, [True, False], [0.1, 1.0])
    table = runs({cell: [5, 50] for cell in cells})
    summary = transforms.summarise("probe", TASKS, table)
    with style.applied():
        drawn = figures.transforms(summary, TASKS, "probe")
        drawn.canvas.draw_idle()
    titles = [axes.get_title(loc="left") for axes in drawn.axes]
    assert titles[2:4] == ["NES", "NES unnormalised"]
    assert len(titles) == 8
    for axes in drawn.axes:
        curves = [line.get_ydata() for line in axes.lines if line.get_marker() in ("o", "s")]
        assert [np.asarray(curve).tolist() for curve in curves] == [[0.45, 0.45]] * 2
