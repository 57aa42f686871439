"""Distillation: an environment from a teacher's policy, in the place of meta-training."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pandas as pd
from jaxtyping import Array, Float

from synthbench import checkpoint as files
from synthbench.display import say
from synthbench.io import read_table, write_table
from synthbench.meta import teacher as teachers
from synthbench.meta.progress import EVALUATIONS, PROGRESS, row, table
from synthbench.rng import root, stream
from synthbench.synth import distil
from synthbench.synth import env as synth
from synthbench.synth.env import SyntheticEnv
from synthbench.tasks import base as tasks
from synthbench.types import PRNGKey, Transition

CONTEXTS = 4096  # that a generator network of contexts is fitted to


def run(config: Any, inputs: Mapping[str, list[Path]], out: Path, checkpoint: Path) -> list[str]:
    """Write environment.safetensors, and what it took, from a teacher's policy."""
    (policy,), (progress,) = inputs["policy"], inputs["progress"]
    (section,) = config.teacher.agents.values()
    teacher = teachers.load(policy, config.task, section)
    begun = time.monotonic()
    seen = visits(config, teacher)
    env, errors = environment(config, teacher, seen)
    seconds = time.monotonic() - begun
    took = row("distil", seconds, len(seen.reward), len(errors) * config.distil.fit_steps)
    took |= {f"error_{head}": error for head, error in errors.items()}
    write_table(
        out / "progress.parquet",
        table([*read_table(progress).to_dict("records"), took], PROGRESS),
    )
    write_table(out / "evaluations.parquet", table([], EVALUATIONS).astype({"agent": str}))
    steps = int(read_table(progress)["real_steps"].sum()) + len(seen.reward)
    about = {"kind": "synthetic environment", "config": config}
    about |= {"cost": {"synthetic_steps": 0, "real_steps": steps}, "errors": errors}
    files.save(out / "environment.safetensors", env.theta, about)
    left = ", ".join(f"{head} {error:.3f}" for head, error in errors.items())
    say(f"teacher earns {teacher.return_:.1f}; error of each network: {left}")
    return ["environment.safetensors", "progress.parquet", "evaluations.parquet"]


def visits(config: Any, teacher: teachers.Teacher) -> Transition:
    """What the teacher meets in the real task, [step], with some of its actions at random."""
    return distil.visit(
        _key(config, "visit"),
        tasks.load(config.task),
        partial(teacher.agent.act, teacher.params),
        config.distil.episodes,
        config.distil.exploration,
    )


def environment(
    config: Any, teacher: teachers.Teacher, seen: Transition
) -> tuple[SyntheticEnv, dict[str, float]]:
    """A bandit of the teacher's preferences, or an MDP of what it met; and each network's error."""
    settings, env = config.distil, synth.make(config.synth, config.task)
    fit = distil.Fit(settings.fit_steps, settings.fit_batch_size, settings.fit_learning_rate)
    if env.spec.bandit:
        visited, count = jnp.asarray(seen.observation), env.initial_states or CONTEXTS
        key, share = _key(config, "contexts"), settings.indifferent
        states = distil.contexts(key, visited, count, settings.noise, share)
        preferences = partial(teacher.agent.preferences, teacher.params)
        where = partial(distil.outside, visited)
        return distil.bandit(
            _key(config, "bandit"), env, states, preferences, settings.reward, fit, where
        )
    return distil.mdp(_key(config, "mdp"), env, seen, _first(config, env, seen), fit)


def _first(config: Any, env: SyntheticEnv, seen: Transition) -> Float[Array, "K o"]:
    """States in which the episodes began, so many as the table is to have."""
    ended = pd.Series(seen.terminated | seen.truncated)
    first = jnp.asarray(seen.observation)[ended.shift(fill_value=True).to_numpy()]
    count = env.initial_states or len(first)
    return distil.contexts(_key(config, "contexts"), first, count, noise=0.0)


def _key(config: Any, name: str) -> PRNGKey:
    return stream(stream(root(config.seed), "distil"), name)
