"""Agents of another library learn in our environment, and are judged where it is not."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pandas as pd
import pytest

from probes import section
from synthgym.adapters.gymnasium_env import GymnasiumEnv
from synthgym.core.settings import plain
from synthgym.evaluation import clients

HERE = importlib.util.find_spec("stable_baselines3") is not None
SETTINGS = {"agent": "sb3_ppo", "draws": 2, "steps": 7, "episodes": 3}


class Monitor(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Counts steps and episodes, as that of the library."""

    def __init__(self, env: Any):
        super().__init__(env)
        self.lengths: list[int] = []
        self.seeds: list[int | None] = []

    def reset(self, **words: Any) -> Any:
        self.steps = 0
        self.seeds.append(words.get("seed"))
        return super().reset(**words)

    def step(self, action: Any) -> Any:
        result = super().step(action)
        self.steps += 1
        if result[2] or result[3]:
            self.lengths.append(self.steps)
        return result

    def get_episode_lengths(self) -> list[int]:
        return self.lengths


class Always0:
    """An agent that does the same thing always; it learns in batches of 8 steps."""

    places: ClassVar[list[Any]] = []  # where agents were trained

    def __init__(self, policy: str, env: Any, seed: int, device: str, batch: int = 8):
        assert (policy, device) == ("MlpPolicy", "cpu")
        self.env, self.seed, self.batch, self.num_timesteps = env, seed, batch, 0
        self.places.append(env)

    def learn(self, total_timesteps: int, callback: Any = None) -> "Always0":
        self.env.reset(seed=self.seed)
        while self.num_timesteps < total_timesteps:
            for _ in range(self.batch):
                if any(self.env.step(0)[2:4]):
                    self.env.reset()
                self.num_timesteps += 1
                assert callback is None or callback({"self": self}, {})
        return self


def evaluate_policy(
    agent: Any, env: Any, n_eval_episodes: int, return_episode_rewards: bool
) -> Any:
    assert return_episode_rewards
    returns, lengths = [], []
    for _ in range(n_eval_episodes):
        env.reset()
        rewards, over = [], False
        while not over:
            _, reward, terminated, truncated, _ = env.step(0)
            rewards.append(reward)
            over = terminated or truncated
        returns.append(sum(rewards))
        lengths.append(len(rewards))
    return returns, lengths


LIBRARY: Any = ModuleType("stable_baselines3")
LIBRARY.PPO = Always0
LIBRARY.common = SimpleNamespace(
    monitor=SimpleNamespace(Monitor=Monitor),
    evaluation=SimpleNamespace(evaluate_policy=evaluate_policy),
)


def job(trained: Any, **changes: Any) -> tuple[Any, Path]:
    """A job of the stage, and its environment."""
    config, path = trained
    return config.replace(clients={**SETTINGS, **changes}), path


def run(config: Any, inputs: dict[str, list[Path]], out: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = clients.run(config, inputs, out, out)
    assert names == ["curves.parquet", "episodes.parquet"]
    curves, episodes = (pd.read_parquet(out / name) for name in names)
    return curves, episodes


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "stable_baselines3", lambda: LIBRARY)
    monkeypatch.setattr(Always0, "places", [])


@pytest.mark.usefixtures("library")
def test_agents_learn_in_our_environment_and_are_tested_in_gymnasiums(
    trained: Any, tmp_path: Path
) -> None:
    config, path = job(trained)
    curves, episodes = run(config, {"environment": [path]}, tmp_path)
    assert all(isinstance(place.unwrapped, GymnasiumEnv) for place in Always0.places)
    where = {"task": "cartpole", "environment": "some_env", "environment_seed": 1}
    for table in (curves, episodes):
        named = table[[*where, "agent"]].drop_duplicates().to_dict("records")
        assert named == [where | {"agent": "sb3_ppo"}]
    assert curves.draw.tolist() == [0, 1]
    assert curves.step.tolist() == [8, 8]  # a whole batch, and no lie about it
    ended = 8 if config.synth.horizon == 1 else 2  # of 8 steps; its MDP is cut after 4, or sooner
    assert (curves.episode >= ended).all()
    assert episodes.draw.tolist() == [0, 0, 0, 1, 1, 1]
    # CartPole pays 1 a step, and falls within 7 to 11 of them if it is always pushed to the left.
    assert episodes.length.between(7, 11).all()
    assert (episodes.return_ == episodes.length).all()
    means = episodes.groupby("draw")["return_"].mean()
    np.testing.assert_allclose(curves.return_, means)


@pytest.mark.usefixtures("library")
def test_without_an_environment_they_learn_in_gymnasiums_task(trained: Any, tmp_path: Path) -> None:
    config, path = job(trained)
    (tmp_path / "real").mkdir()
    curves, _ = run(config, {}, tmp_path / "real")
    assert {type(place.unwrapped).__name__ for place in Always0.places} == {"CartPoleEnv"}
    assert curves[["environment", "environment_seed"]].drop_duplicates().to_numpy().tolist() == [
        ["real", -1]
    ]
    run(config, {"environment": [path]}, tmp_path)
    seeds = [place.seeds[0] for place in Always0.places]
    assert len(set(seeds)) == 2
    assert seeds[:2] == seeds[2:]  # pairs of agents that differ only in where they learn


@pytest.mark.usefixtures("library")
def test_they_are_tested_as_they_learn_with_the_settings_of_the_plan(
    trained: Any, tmp_path: Path
) -> None:
    config, _ = job(trained, steps=20, evaluations=4, settings={"batch": 6})
    curves, episodes = run(config, {}, tmp_path)
    assert Always0.places[0].unwrapped.spec.id == "CartPole-v1"
    assert curves.draw.tolist() == [0] * 4 + [1] * 4
    assert curves.step.tolist() == [5, 10, 15, 24] * 2  # the last at the end, of four batches of 6
    assert curves.groupby("draw").episode.is_monotonic_increasing.all()
    assert len(episodes) == 2 * 3  # of the finished agents
    # All tests are of the same first states, and this agent always does the same.
    assert (curves.groupby("draw").return_.nunique() == 1).all()
    assert curves.return_.nunique() == 2


def test_tests_are_drawn_by_their_seed() -> None:
    seeds = clients.seeds_of(0, "sb3_ppo", 3)
    assert len({number for pair in seeds for number in pair}) == 6
    assert clients.seeds_of(0, "sb3_ppo", 5)[:3] == seeds
    assert clients.seeds_of(0, "sb3_a2c", 3) != seeds
    assert clients.seeds_of(1, "sb3_ppo", 3) != seeds


def test_without_the_library_a_sentence_says_what_to_install(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)  # as if it were not installed
    config, path = job(trained)
    with pytest.raises(ModuleNotFoundError, match=r"pip install .*stable-baselines3.*\.$"):
        clients.run(config, {"environment": [path]}, tmp_path, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not HERE, reason="Stable-Baselines3 is not here")
@pytest.mark.parametrize("agent", ["sb3_dqn", "sb3_ppo", "sb3_a2c"])
def test_the_library_itself_learns_here(trained: Any, tmp_path: Path, agent: str) -> None:
    config, path = job(trained, agent=agent, steps=50)
    first = run(config, {"environment": [path]}, tmp_path)
    again = run(config, {"environment": [path]}, tmp_path)
    assert first[0].step.min() >= 50
    assert len(first[1]) == 6
    pd.testing.assert_frame_equal(first[1], again[1])


@pytest.mark.skipif(not HERE, reason="Stable-Baselines3 is not here")
@pytest.mark.parametrize("task", ["cartpole", "pendulum"])
def test_rivals_learn_with_the_settings_of_their_task(
    trained: Any, tmp_path: Path, task: str
) -> None:
    config = trained[0].replace(task=section("task", task))
    for name, rival in section("task", task).rivals.items():
        few = {**plain(rival), "steps": 40, "evaluations": 2, "episodes": 1, "draws": 1}
        curves, _ = run(config.replace(clients=few), {}, tmp_path)
        assert (curves.step.min(), curves.step.max() >= 40) == (20, True), name
