"""What diverged is the worst: in rankings, searches and tables."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from synthgym.analysis.core import report, tables
from synthgym.core.checkpoint import save
from synthgym.core.failure import as_worst
from synthgym.core.settings import ConfigError
from synthgym.jobs.run import _refuse_diverged
from synthgym.meta.strategies import TRANSFORMS, Ferreira
from synthgym.meta.teacher import School
from synthgym.search.hyperparameters import best
from synthgym.search.journal import COST, Journal, Tried, importances
from synthgym.search.rungs import Worth
from synthgym.search.schedule import promoted


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, -jnp.inf])
@pytest.mark.parametrize("transform", sorted(TRANSFORMS))
def test_a_candidate_that_diverged_is_as_the_worst(transform: str, bad: float) -> None:
    search = Ferreira(jnp.zeros(3), jnp.ones(3), 4, 0.5, transform, mirrored=False)
    state = search.init(jax.random.key(0))
    candidates, _ = search.ask(jax.random.key(1), state)
    told = [
        search.mean(search.tell(jax.random.key(2), state, candidates, jnp.array(scores)))
        for scores in ([1.0] * 4 + [3.0, bad, 2.0, 4.0], [1.0] * 4 + [3.0, 1.0, 2.0, 4.0])
    ]
    assert jnp.isfinite(told[0]).all()
    assert (told[0] == told[1]).all()


def test_scores_that_are_all_finite_stay_and_none_is_no_score() -> None:
    scores = jnp.array([-1.5, 0.1, 3e30])
    assert (as_worst(scores) == scores).all()
    assert (as_worst(jnp.full(2, jnp.nan)) == 0).all()


def test_what_diverged_is_not_promoted_nor_worth_anything() -> None:
    assert promoted([1, float("nan"), 2, 3], 2) == [2, 3]
    assert promoted([float("inf"), 1], 2) == [1]
    assert Worth({"ppo": [1.0, 2.0], "dqn": [float("nan")]}, {}).value == -np.inf


def test_an_agent_that_diverged_counts_as_the_worst_of_its_task_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for seed, returns in enumerate(([10.0, np.nan, 30.0], [20.0, 5.0, np.inf])):
        path = (
            tmp_path
            / f"results/quick/tasks/cartpole/evolved/seed{seed}/transfer/ppo/curves.parquet"
        )
        path.parent.mkdir(parents=True)
        table = {"agent": "ppo", "draw": range(3), "step": 1, "episode": 1, "return_": returns}
        pd.DataFrame(table).to_parquet(path)
        paths.append(path.relative_to(tmp_path))
    with pytest.MonkeyPatch.context() as here:
        here.chdir(tmp_path)
        runs = tables.read_runs("curves", paths)
    assert runs["return_"].tolist() == [10.0, 5.0, 30.0, 20.0, 5.0, 5.0]
    text = report.diverged()
    assert f"{paths[0]}: 1 (agent ppo draw 1)" in text
    assert f"{paths[1]}: 1 (agent ppo draw 2)" in text
    assert str(paths[0]) in capsys.readouterr().out
    assert report.diverged() == ""


def test_a_teacher_of_which_all_diverged_is_none() -> None:
    class Diverging(School):
        def __init__(self) -> None:
            self.config = type("C", (), {"teacher": type("T", (), {"candidates": 2})})()

        def candidate(self, number: int) -> tuple[None, dict[str, float]]:
            return None, {"fitness_mean": -np.inf}

    with pytest.raises(ConfigError, match="diverged"):
        Diverging().best()


def tried(*values: float) -> list[Tried]:
    space = np.linspace(0.1, 0.9, len(values))
    return [
        Tried(i, {"meta.sigma": float(x)}, {3: value}, {3: {}}, True)
        for i, (x, value) in enumerate(zip(space, values, strict=True))
    ]


def test_the_best_setting_has_a_value_or_there_is_none() -> None:
    assert best(tried(np.nan, 1.0, np.inf, 2.0), 3).number == 3
    with pytest.raises(ConfigError, match="all 2 configurations"):
        best(tried(np.nan, np.inf), 3)


def test_a_search_for_settings_goes_on_past_one_that_diverged(tmp_path: Path) -> None:
    space = {"meta.sigma": {"uniform": [0.0, 1.0]}}
    journal = Journal(tmp_path / "journal.log", space, 0)
    for number, value in enumerate([np.nan, 1.0, np.inf, 2.0, np.nan]):
        journal.configuration(number, random=0.0)
        journal.report(number, 3, value, dict.fromkeys(COST, 1.0))
        journal.end(number, whole=number % 2 == 0)
    assert all(one.ended for one in journal.tried().values())
    shares = importances(tried(np.nan, 1.0, 3.0, 2.0, np.inf, 0.0, 4.0, 5.0), space)["shares"]
    assert shares["meta.sigma"] == pytest.approx(1.0)


def test_what_diverged_is_no_result(tmp_path: Path) -> None:
    save(tmp_path / "x.safetensors", {"a": jnp.array([1.0, jnp.nan])}, {})
    with pytest.raises(ConfigError, match="a is not finite: it has diverged"):
        _refuse_diverged(tmp_path, ["x.safetensors", "y.parquet"])
