"""The agents: a file of PyTorch each, this package's own, Stable-Baselines3's as they are."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import gymnasium

from benchmarks.bugs import own
from benchmarks.bugs.faults import FAULTS
from benchmarks.bugs.places import BANDIT, BATTERIES, BY_HAND, CARTPOLE
from benchmarks.bugs.trained import Trained


@dataclass(frozen=True)
class About:
    """An agent."""

    steps: int  # of training
    places: tuple[str, ...]
    module: str = ""  # of its file here
    algorithm: str = ""  # of Stable-Baselines3


def here(steps: int, module: str, continuous: bool = False) -> About:
    """An agent in a file of PyTorch."""
    cartpole = () if continuous else (BANDIT, CARTPOLE)
    return About(steps, (*BATTERIES[continuous], *cartpole, BY_HAND), module)


def client(steps: int, algorithm: str, continuous: bool = False) -> About:
    """An agent of Stable-Baselines3."""
    bandit = () if continuous else (BANDIT,)
    return About(steps, (*bandit, *BATTERIES[continuous]), algorithm=algorithm)


AGENTS: Mapping[str, About] = MappingProxyType(
    {
        "ppo": here(4096, "ppo"),
        "dqn": here(4000, "dqn"),
        "ppo_continuous": here(10_240, "ppo", continuous=True),
        "sac": here(2000, "sac", continuous=True),
        "td3": here(4000, "td3", continuous=True),
        **{name: About(own.STEPS[name], BATTERIES[name in own.CONTINUOUS]) for name in own.FAULTS},
        "sb3_ppo": client(10_000, "PPO"),
        "sb3_a2c": client(10_000, "A2C"),
        "sb3_dqn": client(25_000, "DQN"),
        "sb3_sac": client(3000, "SAC", continuous=True),
        "sb3_td3": client(3000, "TD3", continuous=True),
    }
)


def faults_of(agent: str) -> Mapping[str, str]:
    """Name -> what was done wrong."""
    if agent in own.FAULTS:
        return {name: fault.wrong for name, fault in own.FAULTS[agent].items()}
    return FAULTS.get(agent, {})


def train(
    agent: str, env: gymnasium.Env, seed: int, steps: int, gamma: float = 0.99, fault: str = ""
) -> Callable[[Any], Any]:
    """Train an agent with its usual settings; its policy."""
    if AGENTS[agent].module:
        return learned(agent, env, seed, steps, gamma, fault).act
    import stable_baselines3
    import torch

    torch.set_num_threads(1)
    algorithm = getattr(stable_baselines3, AGENTS[agent].algorithm)
    trained = algorithm("MlpPolicy", env, seed=seed, gamma=gamma, device="cpu").learn(steps)
    return lambda observation: trained.predict(observation, deterministic=True)[0]


def learned(
    agent: str, env: gymnasium.Env, seed: int, steps: int, gamma: float, fault: str = ""
) -> Trained:
    """Train an agent of a file here."""
    module = importlib.import_module(f"benchmarks.bugs.{AGENTS[agent].module}")
    return module.train(env, seed, steps, gamma, fault)
