"""Agents of another library, trained in a synthetic environment, judged in Gymnasium's own task.

Stable-Baselines3 (Raffin et al. 2021) as its users have it: with its default settings and its own
test of an agent, which takes the best action. Its agents took no part in any meta-training, and the
code that trains and judges them is not ours.
"""

from pathlib import Path
from types import ModuleType
from typing import NamedTuple

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
from synthgym.core.settings import REAL, Config
from synthgym.synth import in_numpy, stored

LARGEST_SEED = 2**31 - 1  # what numpy and torch take


class Judged(NamedTuple):
    """An agent after its training: how long that was, and its test episodes."""

    step: int  # environment steps of training, which an algorithm may round up
    episode: int  # episodes of training that ended
    returns: list[float]  # per test episode
    lengths: list[int]


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Write curves.parquet, a row per agent at its end, and episodes.parquet, of its tests.

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
            work.done(draw + 1, f"return {np.mean(agents[-1].returns):.1f}")
    about = {"task": config.task.name, "environment": environment, "environment_seed": seed}
    about["agent"] = name
    write_table(out / "curves.parquet", curves(agents).assign(**about))
    write_table(out / "episodes.parquet", episodes(agents).assign(**about))
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
) -> Judged:
    """Train one agent in `place`, an environment of Gymnasium; test it in Gymnasium's own task."""
    monitor, settings = library.common.monitor.Monitor, config.clients
    watched, task = monitor(place), monitor(gymnasium.make(config.task.id))
    algorithm = getattr(library, settings.agent.removeprefix("sb3_").upper())
    agent = algorithm("MlpPolicy", watched, seed=seed_train, device="cpu").learn(settings.steps)
    task.reset(seed=seed_test)  # what follows draws from the same generator
    returns, lengths = library.common.evaluation.evaluate_policy(
        agent, task, n_eval_episodes=settings.episodes, return_episode_rewards=True
    )
    return Judged(agent.num_timesteps, len(watched.get_episode_lengths()), returns, lengths)


def seeds_of(seed: int, agent: str, draws: int) -> list[tuple[int, int]]:
    """Seeds of each draw, for its training and its test; the same wherever it is trained."""
    key = stream(root(seed), f"client {agent}")
    drawn = jax.random.randint(key, (draws, 2), 0, LARGEST_SEED)
    return [(int(train), int(test)) for train, test in drawn]


def curves(agents: list[Judged]) -> pd.DataFrame:
    """Columns draw, step, episode, return_: mean over the test episodes of a finished agent."""
    return pd.DataFrame(
        {
            "draw": range(len(agents)),
            "step": [agent.step for agent in agents],
            "episode": [agent.episode for agent in agents],
            "return_": [float(np.mean(agent.returns)) for agent in agents],
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
