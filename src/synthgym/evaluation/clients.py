"""Agents of another library, trained in a synthetic environment, judged in Gymnasium's own task.

Stable-Baselines3 (Raffin et al. 2021), with Stable-Baselines3-Contrib, as its users have it: with
its default settings, where the plan says no others, and its own test of an agent, which takes the
best action. Its agents took no part in any meta-training, and the code that trains and judges them
is not ours.
"""

import importlib
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import gymnasium
import jax
import numpy as np
import pandas as pd

from synthgym.adapters.gymnasium_env import GymnasiumEnv
from synthgym.core.display import Work
from synthgym.core.extras import installation
from synthgym.core.io import write_table
from synthgym.core.job import Inputs
from synthgym.core.rng import root, stream
from synthgym.core.settings import REAL, Config, plain
from synthgym.synth import in_numpy, stored

LARGEST_SEED = 2**31 - 1  # what numpy and torch take
CONTRIB = MappingProxyType({"sb3_crossq": "CrossQ"})  # agent -> its class in Contrib


class Judged(NamedTuple):
    """An agent after some training: how long that was, and its test episodes."""

    step: int  # environment steps of training, which an algorithm may round up
    episode: int  # episodes of training that ended
    returns: list[float]  # per test episode
    lengths: list[int]


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Write curves.parquet, a row per test of an agent, and episodes.parquet, of the last one.

    Without an environment among the inputs agents are trained in Gymnasium's task itself, with the
    same seeds. Raises ModuleNotFoundError, with what to install, where the library is not here.
    """
    library, name, draws = stable_baselines3(), config.clients.agent, config.clients.draws
    place: gymnasium.Env
    if paths := inputs.get("environment"):
        (path,) = paths
        env = stored.load(path, config)
        place, environment = GymnasiumEnv(in_numpy.of(env), config.task.id), _name(path)
        seed = config.seed
    else:
        place, environment, seed = gymnasium.make(config.task.id), REAL, -1
    agents = []
    with Work(f"{name} in {config.task.name} {environment}", draws, "agent") as work:
        for draw, seeds in enumerate(seeds_of(config.seed, name, draws)):
            agents.append(train_and_judge(library, place, config, *seeds))
            work.done(draw + 1, f"return {np.mean(agents[-1][-1].returns):.1f}")
    about = {"task": config.task.name, "environment": environment, "environment_seed": seed}
    about["agent"] = name
    write_table(out / "curves.parquet", curves(agents).assign(**about))
    last = [tests[-1] for tests in agents]
    write_table(out / "episodes.parquet", episodes(last).assign(**about))
    return ["curves.parquet", "episodes.parquet"]


def stable_baselines3() -> ModuleType:
    """The library. Raises ModuleNotFoundError, with what to install, where it is not here."""
    try:
        import stable_baselines3
        import torch
    except ModuleNotFoundError:
        what = "agents of Stable-Baselines3 need it, and it is not here"
        raise ModuleNotFoundError(f"{what}: {installation('sb3')}.") from None
    torch.set_num_threads(1)  # networks as small as these gain nothing from more
    return stable_baselines3


def train_and_judge(
    library: ModuleType, place: gymnasium.Env, config: Config, seed_train: int, seed_test: int
) -> list[Judged]:
    """Train one agent in `place`, an environment of Gymnasium; test it in Gymnasium's own task.

    All its tests are of the same first states.
    """
    monitor, how = library.common.monitor.Monitor, config.clients
    watched, task = monitor(place), monitor(gymnasium.make(config.task.id))
    evaluations = how.evaluations if "evaluations" in how else 1
    others = plain(how.settings) if "settings" in how else {}
    tests: list[Judged] = []

    def test(agent: Any) -> None:
        task.reset(seed=seed_test)  # what follows draws from the same generator
        returns, lengths = library.common.evaluation.evaluate_policy(
            agent, task, n_eval_episodes=how.episodes, return_episode_rewards=True
        )
        ended = len(watched.get_episode_lengths())
        tests.append(Judged(agent.num_timesteps, ended, returns, lengths))

    def after_step(known: dict[str, Any], _: dict[str, Any]) -> bool:
        due = how.steps * (len(tests) + 1) // evaluations
        if due <= known["self"].num_timesteps < how.steps:
            test(known["self"])
        return True  # and go on

    words = {"callback": after_step} if evaluations > 1 else {}
    algorithm = _class_of(library, how.agent)
    agent = algorithm("MlpPolicy", watched, seed=seed_train, device="cpu", **others)
    agent.learn(how.steps, **words)
    test(agent)
    return tests


def _class_of(library: ModuleType, agent: str) -> Any:
    if agent in CONTRIB:
        return getattr(importlib.import_module("sb3_contrib"), CONTRIB[agent])
    return getattr(library, agent.removeprefix("sb3_").upper())


def seeds_of(seed: int, agent: str, draws: int) -> list[tuple[int, int]]:
    """Seeds of each draw, for its training and its test; the same wherever it is trained."""
    key = stream(root(seed), f"client {agent}")
    drawn = jax.random.randint(key, (draws, 2), 0, LARGEST_SEED)
    return [(int(train), int(test)) for train, test in drawn]


def curves(agents: list[list[Judged]]) -> pd.DataFrame:
    """Columns draw, step, episode, return_: mean over the episodes of each test of each agent."""
    tests = [(draw, test) for draw, of_agent in enumerate(agents) for test in of_agent]
    return pd.DataFrame(
        {
            "draw": [draw for draw, _ in tests],
            "step": [test.step for _, test in tests],
            "episode": [test.episode for _, test in tests],
            "return_": [float(np.mean(test.returns)) for _, test in tests],
        }
    )


def episodes(agents: list[Judged]) -> pd.DataFrame:
    """Columns draw, episode, return_, length: every test episode of every finished agent."""
    tables = [
        pd.DataFrame(
            {
                "draw": draw,
                "episode": range(len(agent.returns)),
                "return_": np.asarray(agent.returns, float),
                "length": np.asarray(agent.lengths, int),
            }
        )
        for draw, agent in enumerate(agents)
    ]
    return pd.concat(tables, ignore_index=True)


def _name(path: Path) -> str:
    """The environment's in the plan, from .../<environment>/seed<seed>/<stage>/<file>.

    A file that is elsewhere, as by hand, is called by its own name. (As in transfer.py; to import
    that would make the code of our own agents part of what these results depend on.)
    """
    planned = len(path.parts) >= 4 and path.parts[-3].startswith("seed")
    return path.parts[-4] if planned else path.stem
