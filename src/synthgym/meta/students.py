"""Students: agents trained in a distilled bandit, who show where in the real task they get.

The teacher then says what to do there, and the bandit is distilled anew: dataset aggregation
(DAgger, Ross et al. 2011), which Liesen et al. 2024 name as online behavioural cloning, without
numbers.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PyTree

from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.core import parallel
from synthgym.core.rng import stream
from synthgym.core.settings import Students
from synthgym.core.types import Env, Hyperparameters, PRNGKey
from synthgym.synth.env import SyntheticEnv
from synthgym.tasks.rollout import episodes

States = Float[np.ndarray, "_ o"]  # each source has its own number of them


class Class(NamedTuple):
    """A round of students: the states that they saw, and its cost."""

    states: States  # of the real task, in which they came to act
    return_: float  # mean over students and their episodes
    synthetic_steps: int  # of all their trainings
    updates: int


def taught(students: Students, env: SyntheticEnv, task: Env, key: PRNGKey) -> Class:
    """Train students in `env`, each with settings of its own; let each act in the real task."""
    (algorithm,) = students.agents.values()
    agent, count = agents.load(algorithm, env.spec), students.number
    drawn = spaces.draw(stream(key, "hyperparameters"), algorithm, count, "sampled")
    keys = jax.random.split(stream(key, "students"), count)

    def one(student: tuple[Hyperparameters, PRNGKey]) -> PyTree:
        hyperparameters, key = student
        key_train, key_act = stream(key, "train"), stream(key, "act")
        params, _ = agents.train(agent, env, hyperparameters, key_train, students.steps)
        policy = partial(agent.act, params)
        met, happened = episodes(key_act, task, policy, students.episodes)
        return met.observation, met.reward, happened

    first = jax.tree.map(lambda x: x[0], drawn)
    sizes = agents.footprint(agent, env, first, students.steps)
    chunk = parallel.chunk(*sizes, count=count)  # at a time
    run = jax.jit(lambda students: jax.lax.map(one, students, batch_size=chunk))
    observation, reward, happened = map(np.asarray, run((drawn, keys)))
    steps = agents.iterations(agent, students.steps) * agent.steps_per_iteration
    earned = reward.sum(-1, where=happened).mean()
    return Class(observation[happened], float(earned), count * steps, count * agent.updates(steps))


def in_equal_parts(key: PRNGKey, sources: Sequence[States]) -> States:
    """As many states of each source as the largest one has, drawn with replacement."""
    size, keys = max(map(len, sources)), jax.random.split(key, len(sources))
    rows = [jax.random.randint(k, (size,), 0, len(x)) for k, x in zip(keys, sources, strict=True)]
    return np.concatenate([x[np.asarray(i)] for x, i in zip(sources, rows, strict=True)])
