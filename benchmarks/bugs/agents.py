"""The agents: two in a file each, with faults by name, and Stable-Baselines3's as they are."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium

from benchmarks.bugs.faults import FAULTS
from benchmarks.bugs.places import BANDIT, BATTERY, CARTPOLE, CONTINUOUS


@dataclass(frozen=True)
class About:
    """An agent."""

    steps: int  # of training
    places: tuple[str, ...] = (BANDIT, *BATTERY, CARTPOLE)
    algorithm: str = ""  # of Stable-Baselines3; empty: a file here


AGENTS: Mapping[str, About] = {
    "ppo": About(4096),
    "dqn": About(4000),
    "sb3_ppo": About(10_000, (BANDIT, *BATTERY), "PPO"),
    "sb3_a2c": About(10_000, (BANDIT, *BATTERY), "A2C"),
    "sb3_dqn": About(25_000, (BANDIT, *BATTERY), "DQN"),
    "sb3_sac": About(3000, CONTINUOUS, "SAC"),
    "sb3_td3": About(3000, CONTINUOUS, "TD3"),
}


def faults_of(agent: str) -> Mapping[str, str]:
    """Name -> what was done wrong."""
    return FAULTS.get(agent, {})


def train(
    agent: str, env: gymnasium.Env, seed: int, steps: int, gamma: float = 0.99, fault: str = ""
) -> Callable[[Any], Any]:
    """Train an agent with its usual settings; its policy."""
    if not AGENTS[agent].algorithm:
        module = importlib.import_module(f"benchmarks.bugs.{agent}")
        return module.train(env, seed, steps, gamma, fault)
    import stable_baselines3
    import torch

    torch.set_num_threads(1)
    algorithm = getattr(stable_baselines3, AGENTS[agent].algorithm)
    learned = algorithm("MlpPolicy", env, seed=seed, gamma=gamma, device="cpu").learn(steps)
    return lambda observation: learned.predict(observation, deterministic=True)[0]
