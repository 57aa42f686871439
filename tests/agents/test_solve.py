"""Agents solve the real tasks, with the settings that conf/task/ names for them."""

from functools import partial
from typing import Any

import jax
import numpy as np
import pytest

from probes import defaults, section
from synthgym.agents import base
from synthgym.tasks import base as tasks
from synthgym.tasks.rollout import episode_returns

SEEDS = 10
EPISODES = 100


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task_name", "agent_name", "level"),
    [
        ("cartpole", "ppo", 475.0),
        ("cartpole", "dqn", 475.0),
        ("cartpole", "sac", 475.0),
        ("cartpole", "es", 475.0),
        ("cartpole_v0", "ppo", 195.0),
        ("acrobot", "ppo", -90.0),
        ("acrobot", "dqn", -90.0),
        ("mountain_car", "es", -115.0),
        ("mountain_car_continuous", "ddpg", 90.0),
        ("mountain_car_continuous", "td3", 90.0),
        ("pendulum", "ddpg", -200.0),
        ("pendulum", "td3", -200.0),
        ("pendulum", "sac", -200.0),
        ("cliff", "q_learning", -12.0),
        ("empty_room", "q_learning", 0.98),
        ("empty_room", "sarsa", 0.98),
    ],
)
def test_the_median_agent_solves_the_real_task(
    task_name: str, agent_name: str, level: float
) -> None:
    """Mean return of `EPISODES` test episodes, median of `SEEDS` agents.

    PPO is tested as conf/agent/ppo.yaml says: it samples its actions. DQN is greedy.
    """
    config = section("task", task_name)
    tuned, task = config.tuned[agent_name], tasks.load(config)
    agent_config = section("agent", agent_name, static=tuned.static)
    agent = base.load(agent_config, task.spec)
    settings = defaults(agent_config, **tuned.hyperparameters)

    def one(key: Any) -> Any:
        key_train, key_test = jax.random.split(key)
        params, _ = base.train(agent, task, settings, key_train, tuned.steps)
        return episode_returns(key_test, task, partial(agent.act, params), EPISODES)[0].mean()

    returns = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(0), SEEDS))
    print(f"{agent_name} in {task_name}: {np.sort(returns).round(1).tolist()}")  # noqa: T201
    assert np.median(returns) >= level
