"""What bandits know, put together: numbers as worked out, and a figure with a row for each."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from synthgym.analysis import insight
from synthgym.analysis.page import text

CARTPOLE: dict[str, Any] = {
    "id": "CartPole-v1",
    "solved": 475.0,
    "observation_names": ["a", "b", "c"],
    "surface": ["a", "c"],
    "reference": {"random": 20.0, "expert": 500.0},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("insight")
    place = root / "results/quick/insight/cartpole/distilled/seed0"
    place.mkdir(parents=True)
    weights = {
        "best paid": (0.1, 0.2, 0.7),
        "trained 0": (0.1, 0.3, 0.8),
        "trained 1": (0.3, 0.1, 0.6),
    }
    rows = [
        {"policy": policy, "quantity": name, "permutation": w, "gradient": w / 2}
        for policy, every in weights.items()
        for name, w in zip("abc", every, strict=True)
    ]
    returns = {"best paid": [500.0] * 8, "trained": [400.0] * 8, "random": [20.0] * 8}
    states = [
        pd.DataFrame({"source": source, "quantity": name, "value": shift + np.linspace(-1, 1, 101)})
        for source, shift in (("context", 1.0), ("visited", 0.0))
        for name in "abc"
    ]
    tables = {
        "policies": pd.concat(
            [pd.DataFrame({"policy": p, "return_": r}) for p, r in returns.items()]
        ),
        "importance": pd.DataFrame(rows),
        "symmetry": pd.DataFrame(
            {"policy": ["best paid", "trained 0", "trained 1"], "agreement": [0.9, 0.5, 0.7]}
        ),
        "states": pd.concat(states),
    }
    inputs = {}
    for name, table in tables.items():
        table.to_parquet(place / f"{name}.parquet")
        inputs[name] = [place / f"{name}.parquet"]
    claims = [
        {"says": "as good", "measure": "best_paid_less_trained", "expect": "no_worse"},
        {"says": "symmetric", "measure": "mirrored", "expect": "at_least", "value": 0.9},
    ]
    config = {"scale": "quick", "insight_tasks": {"cartpole": CARTPOLE}, "claims": claims}
    assert insight.run(config, inputs, root, root) == ["summary.json", "table.md", "insight.png"]
    return root


def test_numbers_are_those_worked_out(made: Path) -> None:
    numbers = json.loads((made / "summary.json").read_text())["tasks"]["cartpole"]["distilled"]
    assert numbers["returns"]["best paid"]["iqm"] == 500
    assert numbers["returns"]["trained"]["n"] == 8
    assert numbers["importance"]["trained"]["a"]["permutation"] == pytest.approx(0.2)
    assert numbers["symmetry"] == {"best paid": 0.9, "trained": pytest.approx(0.6)}
    # a: 0.1 and 0.2; b: 0.2 and 0.2; c: 0.7 and 0.7. The ties of a and b make it sqrt(3) / 2.
    assert numbers["agreement"]["permutation"] == pytest.approx(3**0.5 / 2, rel=1e-4)
    deviation = np.linspace(-1, 1, 101).std()
    assert numbers["distances"]["b"] == pytest.approx(1 / deviation, rel=1e-4)


def test_claims_are_of_the_best_paid_action(made: Path) -> None:
    as_good, symmetric = json.loads((made / "summary.json").read_text())["claims"]
    assert as_good["verdict"] == "holds"  # better by 100 of 480
    assert as_good["here"] == "+100.0 [+100.0, +100.0] (+21% [+21%, +21%]) return"
    assert (symmetric["verdict"], symmetric["here"]) == (
        "holds",
        "0.90 [0.90, 0.90] in the mirror",
    )


def test_the_table_is_for_the_page_and_the_figure_is_wide(made: Path) -> None:
    blocks = text.blocks((made / "table.md").read_text())
    assert sum(isinstance(block, text.Table) for block in blocks) == 3
    with Image.open(made / "insight.png") as image:
        assert image.width == 1080
