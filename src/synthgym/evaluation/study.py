"""A study: many agents of one algorithm, each with its own settings, tested on the real task."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Key, PyTree

from synthgym.agents import base as agents
from synthgym.agents import spaces, stopping
from synthgym.core import parallel, settings
from synthgym.core.display import Work
from synthgym.core.io import write_table
from synthgym.core.parallel import devices_for, spread
from synthgym.core.rng import root, stream
from synthgym.core.types import Env, Hyperparameters
from synthgym.tasks.rollout import episode_returns

AT_A_TIME = 5  # agents on one device, even if more would fit: so that progress is seen


def study(
    algorithm: settings.Agent,
    env: Env,
    task: Env,
    how: settings.Study,
    seed: int,
    title: str,
    given: Hyperparameters | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train `how.draws` agents in `env`, test each on `task` while it learns and at the end.

    Returns what `Study` does.
    """
    return Study(algorithm, env, task, how, given)(env, seed, title)


class Study:
    """Agents of one algorithm, to be trained in environments that differ in their leaves only.

    `env` is one of them; `given`: what all agents have besides the hyperparameters of their config,
    as a learned drift.
    """

    def __init__(
        self,
        algorithm: settings.Agent,
        env: Env,
        task: Env,
        how: settings.Study,
        given: Hyperparameters | None = None,
    ):
        self.config, self.how, self.given = algorithm, how, given or {}
        shapes = spaces.shapes(algorithm, how.hyperparameters)
        self.repeats = how.repeats if "repeats" in how else 1
        number = -(-how.draws // self.repeats // len(shapes)) * self.repeats
        self.programs = [Program(shape, env, task, how, number) for shape in shapes]

    def __call__(self, env: Env, seed: int, title: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The columns of curves.parquet and episodes.parquet that come from the training itself.

        Draw `i` has the same hyperparameters and shape in every environment and on the real task
        for the same seed, so that studies are paired. With `repeats`, so many draws in a row have
        the same, whatever the seed.
        """
        name, draws, shapes = self.config.name, self.how.draws, len(self.programs)
        key, repeats = stream(root(seed), f"study {name}"), self.repeats
        common = key if repeats == 1 else stream(root(0), f"study {name}")
        key_settings, mode = stream(common, "hyperparameters"), self.how.hyperparameters
        once = spaces.draw(key_settings, self.config, draws // repeats, mode)
        drawn = {name: jnp.repeat(x, repeats) for name, x in once.items()}
        keys = jax.random.split(stream(key, "agents"), draws)
        curves, episodes = [], []
        with Work(title, draws, "agent") as work:
            for shape, program in enumerate(self.programs[: draws // repeats]):
                numbers = np.flatnonzero(np.arange(draws) // repeats % shapes == shape)
                setting = {name: x[numbers] for name, x in drawn.items()}
                curve = program((env, self.given), setting, keys[numbers], work)
                if shapes > 1:
                    setting["shape"] = jnp.full(len(numbers), float(shape))
                curves.append(_curves(name, curve, setting, numbers))
                episodes.append(_episodes(name, curve, numbers))
        return _by_draw(curves), _by_draw(episodes)


class Program:
    """How `number` agents of one shape are trained and tested: compiled once."""

    def __init__(
        self, algorithm: settings.Agent, env: Env, task: Env, how: settings.Study, number: int
    ):
        agent = agents.load(algorithm, env.spec)
        learns_after = getattr(agent, "warmup_episodes", 0)
        stop = stopping.rule(how.stop, how.solved, begin=learns_after)
        # Training between tests is of whole iterations; where those are few, there are fewer tests.
        num_iterations = agents.iterations(agent, how.steps)
        tests = -(-num_iterations // -(-num_iterations // how.evaluations))

        def one(place, hyperparameters, key):
            env, given = place

            def test(key, params):
                return episode_returns(key, task, partial(agent.act, params), how.episodes)

            _, curve = agents.train_with_tests(
                *(agent, env, hyperparameters | given, key, how.steps, tests, test), stop
            )
            return curve

        sizes = agents.footprint(agent, env, spaces.default(algorithm), how.steps)
        devices = len(jax.devices())
        fits = parallel.chunk(*sizes, count=AT_A_TIME)
        self.chunk = devices * min(fits, -(-number // devices))
        batched = (False, True, True)
        self.train = spread(jax.vmap(one, (None, 0, 0)), devices_for(self.chunk), batched)

    def __call__(
        self, place: PyTree, drawn: Hyperparameters, keys: Key[Array, " D"], work: Work
    ) -> agents.Curve:
        """Curves [draw, test, ...] of agents with these settings."""
        curves, number, before = [], len(keys), work.count
        for begin in range(0, number, self.chunk):
            end = min(begin + self.chunk, number)
            # The last chunk is filled up with its last agent, so that it has the compiled shape.
            chosen = np.minimum(np.arange(begin, begin + self.chunk), end - 1)
            curve = self.train(place, _rows(drawn, chosen), keys[chosen])
            curves.append(_rows(jax.tree.map(np.asarray, curve), slice(end - begin)))
            work.done(before + end, f"return {curves[-1].result[0][:, -1].mean():.1f}")
        return jax.tree.map(lambda *x: np.concatenate(x), *curves)


def _by_draw(tables: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables).sort_values("draw", kind="stable", ignore_index=True)


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


def _rows(tree: PyTree, which: np.ndarray | slice) -> PyTree:
    return jax.tree.map(lambda x: x[which], tree)


def _curves(
    name: str, curve: agents.Curve, drawn: dict[str, Any], draws: np.ndarray
) -> pd.DataFrame:
    returns, _ = curve.result  # [draw, test, episode]
    tests = returns.shape[1]
    table = {
        "agent": name,
        "draw": np.repeat(draws, tests),
        "step": curve.step.reshape(-1),
        "episode": curve.episode.reshape(-1),
        "return_": returns.mean(-1).reshape(-1),
    }
    settings = {f"hp_{key}": np.repeat(np.asarray(x), tests) for key, x in drawn.items()}
    return pd.DataFrame(table | settings)


def _episodes(name: str, curve: agents.Curve, draws: np.ndarray) -> pd.DataFrame:
    returns, lengths = (x[:, -1] for x in curve.result)  # of the finished agents
    episodes = returns.shape[1]
    return pd.DataFrame(
        {
            "agent": name,
            "draw": np.repeat(draws, episodes),
            "episode": np.tile(np.arange(episodes), len(draws)),
            "return_": returns.reshape(-1),
            "length": lengths.reshape(-1),
        }
    )
