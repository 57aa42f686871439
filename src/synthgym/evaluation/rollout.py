"""One episode of an agent in the real task, after training in a synthetic environment.

To be looked at: one agent, with the settings of its conf/agent/ file. How well agents do is
measured by `transfer`.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from jax.typing import ArrayLike

from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.core import settings
from synthgym.core.io import write_table
from synthgym.core.job import Inputs
from synthgym.core.rng import root, stream
from synthgym.core.settings import Config
from synthgym.core.types import Env, Transition
from synthgym.synth import stored
from synthgym.tasks import base as tasks
from synthgym.tasks.rollout import episodes


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Write rollout.parquet: a row per step of the episode and quantity."""
    (path,) = inputs["environment"]
    env = stored.load(path, config)
    (agent,) = config.agents.values()
    table = in_rows(record(config, env, agent), config.task.observation_names)
    write_table(out / "rollout.parquet", table.assign(agent=agent.name))
    return ["rollout.parquet"]


def record(config: Config, env: Env, algorithm: settings.Agent) -> Transition:
    """One real episode, [step, ...], of an agent trained in `env` for `transfer.steps`."""
    task, agent = tasks.load(config.task), agents.load(algorithm, env.spec)
    key = stream(root(config.seed), f"rollout {agent.name}")
    drawn = spaces.draw(stream(key, "hyperparameters"), algorithm, 1, "default")
    hyperparameters = {name: values[0] for name, values in drawn.items()}

    @jax.jit  # the environment is an argument, so that those of a kind share a compiled program
    def train_and_test(env, key):
        key_train, key_test = stream(key, "train"), stream(key, "test")
        params, _ = agents.train(agent, env, hyperparameters, key_train, config.transfer.steps)
        return episodes(key_test, task, partial(agent.act, params), 1)

    transitions, happened = train_and_test(env, key)
    kept = np.asarray(happened[0])
    return jax.tree.map(lambda x: np.asarray(x[0])[kept], transitions)


def observed(observations: ArrayLike, names: Sequence[str]) -> dict[str, np.ndarray]:
    """What the names stand for: each number of an observation, or the mean of an image's channel.

    Observations are [sample, o]. Channels come last in an image, so that of `c` names each has
    every `c`th number.
    """
    rows = np.asarray(observations)
    channels = rows.reshape(len(rows), -1, len(names)).mean(1)
    return dict(zip(names, channels.T, strict=True))


def in_rows(episode: Transition, names: Sequence[str]) -> pd.DataFrame:
    """Columns step, kind, quantity, value: what was observed, done and earned at each step."""
    actions = episode.action.reshape(len(episode.reward), -1)
    seen = observed(episode.observation, names)
    columns: dict[tuple[str, str], Any] = {("observation", name): x for name, x in seen.items()}
    several = actions.shape[1] > 1
    for i, action in enumerate(actions.T):
        columns["action", f"action {i}" if several else "action"] = action
    columns["reward", "reward"] = episode.reward
    parts = [
        {"step": np.arange(len(values)), "kind": kind, "quantity": quantity, "value": values}
        for (kind, quantity), values in columns.items()
    ]
    return pd.concat(
        [pd.DataFrame(part).astype({"value": float}) for part in parts], ignore_index=True
    )
