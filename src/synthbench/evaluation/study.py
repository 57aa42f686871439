"""A study: many agents of one algorithm, each with its own settings, tested on the real task."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from jaxtyping import PyTree

from synthbench import parallel
from synthbench.agents import base as agents
from synthbench.agents import spaces, stopping
from synthbench.display import Work
from synthbench.io import write_table
from synthbench.parallel import devices_for, spread
from synthbench.rng import root, stream
from synthbench.tasks.rollout import episode_returns
from synthbench.types import Env, Hyperparameters

AT_A_TIME = 5  # agents on one device, even if more would fit: so that progress is seen


def study(
    agent_config: Any,
    env: Env,
    task: Env,
    settings: Any,
    seed: int,
    title: str,
    given: Hyperparameters | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train `settings.draws` agents in `env`, test each on `task` while it learns and at the end.

    `given`: what all of them have besides the hyperparameters of their config, as a learned drift.

    Returns the columns of curves.parquet and episodes.parquet that come from the training itself.
    Draw `i` has the same hyperparameters in every environment and on the real task for the same
    seed, so that studies are paired.
    """
    agent = agents.load(agent_config, env.spec)
    key = stream(root(seed), f"study {agent.name}")
    drawn = spaces.draw(
        stream(key, "hyperparameters"), agent_config, settings.draws, settings.hyperparameters
    )
    keys = jax.random.split(stream(key, "agents"), settings.draws)
    learns_after = getattr(agent, "warmup_episodes", 0)
    stop = stopping.rule(settings.stop, settings.solved, begin=learns_after)
    # Training between tests is of whole iterations; where those are few, there are fewer tests.
    num_iterations = agents.iterations(agent, settings.steps)
    tests = -(-num_iterations // -(-num_iterations // settings.evaluations))

    def one(place, hyperparameters, key):
        env, given = place

        def test(key, params):
            return episode_returns(key, task, partial(agent.act, params), settings.episodes)

        _, curve = agents.train_with_tests(
            *(agent, env, hyperparameters | given, key, settings.steps, tests, test), stop
        )
        return curve

    devices, first = len(jax.devices()), _rows(drawn, 0)
    fits = parallel.chunk(*agents.footprint(agent, env, first, settings.steps), count=AT_A_TIME)
    chunk = devices * min(fits, -(-settings.draws // devices))
    train = spread(jax.vmap(one, (None, 0, 0)), devices_for(chunk), (False, True, True))
    curves = []
    with Work(title, settings.draws, "agent") as work:
        for begin in range(0, settings.draws, chunk):
            end = min(begin + chunk, settings.draws)
            # The last chunk is filled up with its last agent, so that it has the compiled shape.
            chosen = np.minimum(np.arange(begin, begin + chunk), end - 1)
            curve = train((env, given or {}), _rows(drawn, chosen), keys[chosen])
            curves.append(_rows(jax.tree.map(np.asarray, curve), slice(end - begin)))
            work.done(end, f"return {curves[-1].result[0][:, -1].mean():.1f}")
    curve = jax.tree.map(lambda *x: np.concatenate(x), *curves)
    return _curves(agent.name, curve, drawn), _episodes(agent.name, curve)


def write(
    out: Path, tables: tuple[pd.DataFrame, pd.DataFrame], task: str, environment: str, seed: int
) -> list[str]:
    """Write curves.parquet and episodes.parquet, with where the agents were trained."""
    names = ["curves.parquet", "episodes.parquet"]
    for table, name in zip(tables, names, strict=True):
        table.insert(0, "task", task)
        table.insert(1, "environment", environment)
        table.insert(2, "environment_seed", seed)
        write_table(out / name, table)
    return names


def _rows(tree: PyTree, which: Any) -> PyTree:
    return jax.tree.map(lambda x: x[which], tree)


def _curves(name: str, curve: agents.Curve, drawn: dict[str, Any]) -> pd.DataFrame:
    returns, _ = curve.result  # [draw, test, episode]
    draws, tests, _ = returns.shape
    table = {
        "agent": name,
        "draw": np.repeat(np.arange(draws), tests),
        "step": curve.step.reshape(-1),
        "episode": curve.episode.reshape(-1),
        "return_": returns.mean(-1).reshape(-1),
    }
    settings = {f"hp_{key}": np.repeat(np.asarray(x), tests) for key, x in drawn.items()}
    return pd.DataFrame(table | settings)


def _episodes(name: str, curve: agents.Curve) -> pd.DataFrame:
    returns, lengths = (x[:, -1] for x in curve.result)  # of the finished agents
    draws, episodes = returns.shape
    return pd.DataFrame(
        {
            "agent": name,
            "draw": np.repeat(np.arange(draws), episodes),
            "episode": np.tile(np.arange(episodes), draws),
            "return_": returns.reshape(-1),
            "length": lengths.reshape(-1),
        }
    )
