"""A study is of as many agents as asked for, paired with other studies of the same seed."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import learners
from probes import PROBES, table
from synthgym.core import settings as sections
from synthgym.evaluation import baseline, expert, study, transfer

LEARNER = learners.section("learner", "extra")
ENV = PROBES["action by observation"]
# The task has observations close to each other, which not every agent tells apart.
TASK = table((-0.2, 0.05, 0.2), ((1.0, -1.0), (-1.0, 1.0), (-1.0, 1.0)), start=(0.4, 0.3, 0.3))
CURVES = ["agent", "draw", "step", "episode", "return_"]
EPISODES = ["agent", "draw", "episode", "return_", "length"]
FILES = ["curves.parquet", "episodes.parquet"]
PLACE = ["task", "environment", "environment_seed"]
NAMES = [f"hp_{name}" for name in LEARNER.hyperparameters]


def studied(
    env: Any, seed: int = 0, agent: Any = LEARNER, **changes: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    values = {"draws": 5, "steps": 8, "episodes": 3, "evaluations": 2}
    settings = sections.Study.read(
        {**values, "hyperparameters": "sampled", "stop": "never", "solved": None, **changes}
    )
    return study.study(agent, env, TASK, settings, seed, "a study")


@pytest.fixture(scope="module")
def tables() -> Any:
    """In chunks of 2 agents, on two devices."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "AT_A_TIME", 1)
        return studied(ENV)


def test_the_last_chunk_may_be_smaller(tables: Any) -> None:
    curves, episodes = tables
    assert list(curves) == CURVES + NAMES
    assert curves.draw.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert curves.step.tolist() == [4, 8] * 5
    assert curves.episode.tolist() == [4, 8] * 5  # each step ends an episode in this probe
    assert list(episodes) == EPISODES
    assert episodes.draw.tolist() == [d for d in range(5) for _ in range(3)]
    assert episodes.episode.tolist() == [0, 1, 2] * 5
    assert (episodes.length == 1).all()


def test_few_iterations_are_not_made_more_for_the_sake_of_tests() -> None:
    """Two iterations of 4 steps, though three tests were asked for; three in parts of two."""
    assert studied(ENV, draws=1, evaluations=3)[0].step.tolist() == [4, 8]
    assert studied(ENV, draws=1, steps=12, evaluations=2)[0].step.tolist() == [8, 16]


def test_chunks_do_not_change_what_a_draw_does(tables: Any) -> None:
    """The same five agents, all at once."""
    for chunked, whole in zip(tables, studied(ENV), strict=True):
        pd.testing.assert_frame_equal(chunked, whole, rtol=1e-4)


def test_the_end_of_a_curve_is_the_mean_of_the_last_episodes(tables: Any) -> None:
    curves, episodes = tables
    last = curves.groupby("draw")["return_"].last()
    np.testing.assert_allclose(last, episodes.groupby("draw")["return_"].mean(), rtol=1e-6)
    assert last.nunique() > 1


def test_settings_are_those_of_the_draw_in_any_environment_and_number(tables: Any) -> None:
    other = ENV.replace(reward=-ENV.reward)
    curves, _ = studied(other, draws=7)
    paired = curves[curves.draw < 5].reset_index(drop=True)
    pd.testing.assert_frame_equal(paired[NAMES], tables[0][NAMES])
    assert curves.hp_rate.nunique() > 1
    assert not studied(ENV, seed=1)[0].hp_rate.equals(tables[0].hp_rate)


SHAPED = LEARNER.replace(shapes=[{"num_envs": 4}, {"num_envs": 4, "unused": 1}])


def test_agents_take_shapes_in_turn() -> None:
    curves, episodes = studied(ENV, agent=SHAPED)
    assert curves.groupby("draw")["hp_shape"].first().tolist() == [0, 1, 0, 1, 0]
    assert episodes.draw.tolist() == [d for d in range(5) for _ in range(3)]
    plain = studied(ENV)[0]
    pd.testing.assert_frame_equal(curves.drop(columns="hp_shape"), plain, rtol=1e-4)
    only = studied(ENV, agent=SHAPED, hyperparameters="default")[0]
    assert "hp_shape" not in only


def test_repeated_settings_are_the_same_in_all_environments() -> None:
    """Settings in pairs of agents, which have a shape together."""
    curves, _ = studied(ENV, agent=SHAPED, draws=6, repeats=2)
    first = curves.groupby("draw")[[*NAMES, "hp_shape"]].first()
    assert first["hp_shape"].tolist() == [0, 0, 1, 1, 0, 0]
    assert first["hp_rate"].nunique() == 3
    assert first["hp_rate"].tolist()[::2] == first["hp_rate"].tolist()[1::2]
    other = studied(ENV, seed=7, agent=SHAPED, draws=6, repeats=2)[0]
    pd.testing.assert_frame_equal(other.groupby("draw")[[*NAMES, "hp_shape"]].first(), first)
    assert not other["return_"].equals(curves["return_"])


@pytest.fixture(scope="module")
def real(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the baseline of the job is."""
    out = tmp_path_factory.mktemp("baseline")
    assert baseline.run(trained[0], {}, out, out) == FILES
    return out


def test_transfer_and_baseline_write_tables_of_the_same_kind(
    trained: Any, real: Path, tmp_path: Path
) -> None:
    config, path = trained
    assert transfer.run(config, {"environment": [path]}, tmp_path, tmp_path) == FILES
    places = {"transfer": ["cartpole", "some_env", 1], "baseline": ["cartpole", "real", -1]}
    settings = []
    for name, directory in {"transfer": tmp_path, "baseline": real}.items():
        curves, episodes = (pd.read_parquet(directory / file) for file in FILES)
        draws = getattr(config, name).draws
        assert list(curves) == PLACE + CURVES + NAMES
        assert list(episodes) == PLACE + EPISODES
        assert curves[PLACE].drop_duplicates().to_numpy().tolist() == [places[name]]
        assert curves.groupby("draw").size().tolist() == [2] * draws
        assert episodes.groupby("draw").size().tolist() == [3] * draws
        assert episodes.return_.between(1, 10).all()  # on the real task, cut after 10 steps
        assert (episodes.return_ == episodes.length).all()
        settings.append(curves[NAMES].head(2 * 2))
    pd.testing.assert_frame_equal(*settings)


def test_experts_are_agents_with_their_default_settings_in_the_real_task(
    trained: Any, tmp_path: Path
) -> None:
    """The plan has made those tuned for the task the defaults of the job."""
    config = trained[0]
    assert expert.run(config, {}, tmp_path, tmp_path) == FILES
    curves, episodes = (pd.read_parquet(tmp_path / file) for file in FILES)
    for table_ in (curves, episodes):
        assert table_[PLACE].drop_duplicates().to_numpy().tolist() == [["cartpole", "real", -1]]
    assert (curves.hp_rate == 1.0).all()
    assert curves.draw.nunique() == config.expert.draws


def test_a_study_stops_agents_that_have_learnt_enough() -> None:
    """With 4 environments and episodes of one step, 10 episodes end in 3 iterations."""
    curves, _ = studied(ENV, steps=32, stop="solved", solved=-10.0)
    assert curves.step.tolist() == [12, 12] * 5
    assert studied(ENV, steps=32)[0].step.tolist() == [16, 32] * 5


def test_an_environment_by_hand_is_called_by_its_file() -> None:
    assert transfer._environment(Path("results/x/bandit_ppo/seed0/metatrain/e.safetensors")) == (
        "bandit_ppo"
    )
    assert transfer._environment(Path("/srv/outputs/try/environment.safetensors")) == (
        "environment"
    )
