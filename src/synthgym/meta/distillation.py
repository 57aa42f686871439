"""Distillation: an environment from a teacher's policy, in the place of meta-training."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from synthgym.core import checkpoint as files
from synthgym.core.display import say
from synthgym.core.io import read_table, write_table
from synthgym.core.job import Inputs, device
from synthgym.core.rng import root, stream
from synthgym.core.settings import Config, plain
from synthgym.core.types import PRNGKey, Transition
from synthgym.meta import students
from synthgym.meta import teacher as teachers
from synthgym.meta.progress import EVALUATIONS, PROGRESS, cost, row, table
from synthgym.synth import distil, exact
from synthgym.synth.base import module_of
from synthgym.synth.env import SyntheticEnv
from synthgym.synth.exact import ExactBandit
from synthgym.tasks import base as tasks

CONTEXTS = 4096  # that a generator network of contexts is fitted to


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Write environment.safetensors, and what it took, from a teacher's policy."""
    (policy,), (progress,) = inputs["policy"], inputs["progress"]
    (agent,) = config.teacher.agents.values()
    teacher = teachers.load(policy, config.task, agent)
    say(f"teacher earns {teacher.return_:.1f}")
    env, rows = made(config, teacher)
    rows = [*read_table(progress).to_dict("records"), *rows]
    write_table(out / "progress.parquet", table(rows, PROGRESS))
    write_table(out / "evaluations.parquet", table([], EVALUATIONS).astype({"agent": str}))
    about = {"kind": "synthetic environment", "config": plain(config), "cost": cost(rows)}
    files.save(out / "environment.safetensors", env.theta, about)
    return ["environment.safetensors", "progress.parquet", "evaluations.parquet"]


def made(config: Config, teacher: teachers.Teacher) -> tuple[SyntheticEnv, list[dict[str, Any]]]:
    """The environment, after all rounds of students; and rows of progress.parquet, one a round."""
    begun, task = time.monotonic(), tasks.load(config.task)
    seen = visits(config, teacher)
    env, took = _fitted(config, teacher, seen, seen.observation, real_steps=len(seen.reward))
    rows, met = [{**took, "seconds": time.monotonic() - begun}], [np.asarray(seen.observation)]
    settings = config.distil.students if "students" in config.distil else None
    for number in range(settings.rounds if settings else 0):
        assert settings
        begun, key = time.monotonic(), jax.random.fold_in(_key(config, "round"), number)
        taught = students.taught(settings, env, task, stream(key, "students"))
        say(f"students of round {number + 1}/{settings.rounds} earn {taught.return_:.1f}")
        met.append(taught.states)
        states = students.in_equal_parts(stream(key, "states"), met)
        spent = {"real_steps": len(taught.states), "synthetic_steps": taught.synthetic_steps}
        env, took = _fitted(config, teacher, seen, states, **spent, updates=taught.updates)
        rows.append({**took, "seconds": time.monotonic() - begun})
    return env, rows


def _fitted(
    config: Config, teacher: teachers.Teacher, seen: Transition, states: ArrayLike, **spent: int
) -> tuple[SyntheticEnv, dict[str, Any]]:
    """The environment of a round, and its row of progress.parquet, with what was `spent` before."""
    env, errors = environment(config, teacher, seen, states)
    if errors:
        said = ", ".join(f"{head} {x:.3f}" for head, x in errors.items())
        say(f"error of each network: {said}")
    updates = spent.pop("updates", 0) + len(errors) * config.distil.fit_steps
    took = row("distil", float("nan"), spent.pop("real_steps"), updates, **spent)
    took["device"] = device()
    return env, took | {f"error_{head}": error for head, error in errors.items()}


def visits(config: Config, teacher: teachers.Teacher) -> Transition:
    """Transitions of the teacher in the real task, [step], with some of its actions at random."""
    return distil.visit(
        _key(config, "visit"),
        tasks.load(config.task),
        partial(teacher.agent.act, teacher.params),
        config.distil.episodes,
        config.distil.exploration,
    )


def environment(
    config: Config, teacher: teachers.Teacher, seen: Transition, states: ArrayLike | None = None
) -> tuple[SyntheticEnv, dict[str, float]]:
    """A bandit of the teacher's preferences, or an MDP of what it met; and each network's error.

    A bandit of tables has no network, and so no error.

    `states`: of the real task, among which the contexts of a bandit are, if not those it met.
    """
    settings, env = config.distil, module_of(config.synth).make(config.synth, config.task)
    assert isinstance(env, SyntheticEnv)
    fit = distil.Fit(settings.fit_steps, settings.fit_batch_size, settings.fit_learning_rate)
    if env.spec.bandit:
        visited = jnp.asarray(seen.observation if states is None else states)
        count = env.initial_states or CONTEXTS
        key, share = _key(config, "contexts"), settings.indifferent
        contexts = distil.contexts(key, visited, count, settings.noise, share)
        preferences = partial(teacher.agent.preferences, teacher.params)
        where = partial(distil.outside, visited)
        if isinstance(env, ExactBandit):
            return exact.written(env, contexts, preferences, settings.reward, where), {}
        return distil.bandit(
            _key(config, "bandit"), env, contexts, preferences, settings.reward, fit, where
        )
    return distil.mdp(_key(config, "mdp"), env, seen, _first(config, env, seen), fit)


def _first(config: Config, env: SyntheticEnv, seen: Transition) -> Float[Array, "K o"]:
    """States in which the episodes began, so many as the table is to have."""
    ended = pd.Series(seen.terminated | seen.truncated)
    first = jnp.asarray(seen.observation)[ended.shift(fill_value=True).to_numpy()]
    count = env.initial_states or len(first)
    return distil.contexts(_key(config, "contexts"), first, count, noise=0.0)


def _key(config: Config, name: str) -> PRNGKey:
    return stream(stream(root(config.seed), "distil"), name)
