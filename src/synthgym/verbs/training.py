"""`synthgym train` and `compare`: agents in a trained environment, judged on the real task."""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import numpy as np
import pandas as pd
from jaxtyping import Array, Float, PyTree

from synthgym import zoo
from synthgym.agents import base as agents
from synthgym.agents import defaults
from synthgym.analysis.core.statistics import Estimate, estimate
from synthgym.core import checkpoint, settings
from synthgym.core.checking import check_known
from synthgym.core.definitions import definition, groups
from synthgym.core.display import say
from synthgym.core.parallel import devices_for, spread
from synthgym.core.rng import root, stream
from synthgym.core.types import Env, PRNGKey
from synthgym.evaluation.study import study
from synthgym.jobs.places import writable
from synthgym.plan.validate import check_pair
from synthgym.synth.env import SyntheticEnv
from synthgym.tasks import base as tasks
from synthgym.tasks.rollout import episode_returns
from synthgym.verbs import drawing


class Setup(NamedTuple):
    """An agent, the environment to train it in, and the task to judge it on."""

    env: SyntheticEnv
    task: Env
    section: settings.Agent
    card: dict[str, Any]

    @property
    def title(self) -> str:
        return f"{self.section.name} in {self.card['name']} ({self.card['variant']})"


@contextmanager
def single_precision() -> Iterator[None]:
    """What agents are written for, whatever JAX_ENABLE_X64 says."""
    with jax.enable_x64(False):
        yield


@single_precision()
def train_(arguments: argparse.Namespace) -> None:
    """Train agents, say what they earn on the real task, save and film the first of them."""
    setup, out = load(arguments), writable(directory(arguments))
    params, returns = train(
        setup, arguments.agents, arguments.steps, arguments.episodes, arguments.seed
    )
    earned = estimate(returns.mean(-1))
    say(f"{setup.title}, {arguments.steps:,} steps:")
    say(f"  return on {setup.card['task']['id']}: {in_words(earned)}")
    if (solved := setup.card["task"]["solved"]) is not None:
        say(f"  the task counts as solved from {solved}")
    first = jax.tree.map(lambda x: x[0], params)
    about = {
        "kind": "policy",
        "agent": settings.plain(setup.section),
        "environment": {key: setup.card[key] for key in ("name", "variant", "version", "sha256")},
        "steps": arguments.steps,
        "seed": arguments.seed,
        "return_": float(returns[0].mean()),
    }
    checkpoint.save(out / "policy.safetensors", first, about)
    say(f"{out / 'policy.safetensors'}: the first agent, {returns[0].mean():.1f}")
    agent, _ = defaults.make(setup.section.name, setup.task.spec)
    key = stream(root(arguments.seed), "film")
    task_id = setup.card["task"]["id"]
    say(drawing.film(key, setup.task, partial(agent.act, first), task_id, out / "episode.gif"))


@single_precision()
def compare_(arguments: argparse.Namespace) -> None:
    """Train the same agents in the environment and in the real task, and draw both curves."""
    setup, out = load(arguments), writable(directory(arguments))
    curves = compare(setup, arguments)
    for where, rows in curves.groupby("environment", sort=False):
        ends = rows[rows["step"] == rows["step"].max()]
        say(f"trained in the {where}: {in_words(estimate(ends['return_']))}")
    path = out / "comparison.png"
    drawing.learning_curves(curves, setup.title, setup.card["task"], path)
    say(f"{path}: return on the real task over steps of training")


def train(
    setup: Setup, count: int, steps: int, episodes: int, seed: int
) -> tuple[PyTree, np.ndarray]:
    """Parameters of `count` agents with default settings, and their returns, [agent, episode]."""
    agent, hyperparameters = defaults.make(setup.section.name, setup.env.spec)
    keys = jax.random.split(stream(root(seed), f"train {agent.name}"), count)

    def one(key: PRNGKey) -> tuple[PyTree, Float[Array, " E"]]:
        params, _ = agents.train(agent, setup.env, hyperparameters, stream(key, "train"), steps)
        policy = partial(agent.act, params)
        returns, _ = episode_returns(stream(key, "judge"), setup.task, policy, episodes)
        return params, returns

    begun = time.monotonic()
    spread_out = cast(jax.stages.Wrapped, spread(jax.vmap(one), devices_for(count), (True,)))
    program = spread_out.lower(keys).compile()
    compiled = time.monotonic()
    params, returns = jax.block_until_ready(program(keys))
    seconds = f"compiled in {compiled - begun:.1f} s"
    say(f"{seconds}; {count} agents trained and judged in {time.monotonic() - compiled:.1f} s")
    return params, np.asarray(returns)


def compare(setup: Setup, arguments: argparse.Namespace) -> pd.DataFrame:
    """Curves of the same agents in both: the columns of curves.parquet, and `environment`."""
    how = settings.Study(
        draws=arguments.agents,
        steps=arguments.steps,
        episodes=arguments.episodes,
        evaluations=arguments.evaluations,
        hyperparameters="default",
        repeats=1,
        stop="never",
        solved=None,
    )
    tables = []
    places: dict[str, Env] = {"synthetic environment": setup.env, "real task": setup.task}
    for name, env in places.items():
        title = f"{setup.section.name} in the {name}"
        table, _ = study(setup.section, env, setup.task, how, arguments.seed, title)
        tables.append(table.assign(environment=name))
    return pd.concat(tables, ignore_index=True)


def load(arguments: argparse.Namespace) -> Setup:
    """Load what the command line names. Raises ValueError where there is no such thing."""
    which = (_source(arguments.env), arguments.variant, arguments.version)
    card = zoo.card(*which)
    name, task = arguments.agent, card["task"]["name"]
    check_known(name, groups("agent"), "agent", "--agent", "conf/agent")
    check_known(task, groups("task"), "task", arguments.env, "conf/task")
    section = definition("task", task)
    check_pair(name, section, "--agent")
    env = zoo.load(*which)
    agent = settings.Agent.read(definition("agent", name))
    return Setup(env, tasks.load(settings.Task.read(section)), agent, card)


def directory(arguments: argparse.Namespace) -> Path:
    """Where the results go."""
    chosen: Path | None = arguments.out
    source = _source(arguments.env)
    name = source.parent.name if isinstance(source, Path) else source
    return chosen or Path("outputs", f"{name}-{arguments.agent}")


def _source(env: str) -> str | Path:
    """A name of the zoo, or a file."""
    return Path(env) if env.endswith(".safetensors") else env


def in_words(returns: Estimate) -> str:
    """A return with its interval."""
    low, high = returns.low, returns.high
    return f"{returns.iqm:.1f} [{low:.1f}, {high:.1f}] (IQM, 95 % interval, n = {returns.n} agents)"
