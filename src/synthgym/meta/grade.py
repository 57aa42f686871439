"""Grading: a bandit's tables follow the gradient of the real return, through a network's training.

The inner loop is what agents do in a bandit, as simply as can be: a fresh network is fitted to what
the contexts pay (fits.py), and its outputs are a policy. The outer loop (outer_loop.py) is PPO
(Schulman et al. 2017) in the real task, whose surrogate is differentiated through the policy and
its fit, into contexts and rewards. Several fresh networks an iteration, so that the tables suit no
single one. Now and then fresh agents are trained in the bandit; the best tables by them are kept.
Nearest relatives: Wilhelm & Ventura 2025 (one step of SGD on a learned batch), and the distillation
of data by truncated gradients (Feng et al. 2024).
"""

import time
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Key

from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.core import checkpoint as files
from synthgym.core import resume
from synthgym.core.display import Work, say
from synthgym.core.io import read_table, write_table
from synthgym.core.job import Inputs, device
from synthgym.core.rng import root, stream
from synthgym.core.settings import Config, ConfigError, plain
from synthgym.core.types import Hyperparameters
from synthgym.meta import fitness
from synthgym.meta.outer_loop import OuterLoop, State
from synthgym.meta.progress import EVALUATIONS, PROGRESS, cost, row, table
from synthgym.synth.base import module_of
from synthgym.synth.env import SyntheticEnv

Rows = list[dict[str, Any]]


class Judge(NamedTuple):
    """Fresh agents of one algorithm.

    The same settings and random numbers each time: tables are compared, and not luck.
    """

    trial: Any
    settings: Hyperparameters  # [draw]
    keys: Key[Any, " draw"]


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Grade the configured bandit, or go on from the last checkpoint of a killed run."""
    grading = Grading(config)
    start = [_begun(path, config) for path in inputs.get("start", ())]
    state, progress, evaluations = grading.all(checkpoint / "grade.safetensors", *start)
    begun = [
        row
        for path in inputs.get("start_progress", ())
        for row in read_table(path).to_dict("records")
    ]
    rows = [*begun, *progress]
    write_table(out / "progress.parquet", table(rows, PROGRESS))
    write_table(out / "evaluations.parquet", table(evaluations, EVALUATIONS).astype({"agent": str}))
    about = {"kind": "synthetic environment", "config": plain(config), "cost": cost(rows)}
    env = grading.loop.env(state.best, state.survey)
    files.save(out / "environment.safetensors", env.theta, about)
    return ["environment.safetensors", "progress.parquet", "evaluations.parquet"]


def _begun(path: Path, config: Config) -> SyntheticEnv:
    """The environment that a grading begins at."""
    synth = config.grade.start_synth
    return cast(SyntheticEnv, module_of(synth).load(path, synth, config.task))


class Grading:
    """The grading of one bandit."""

    def __init__(self, config: Config):
        self.config, self.grade = config, config.grade
        self.key = stream(root(config.seed), "grade")
        self.loop = OuterLoop(config)
        self.judges = {name: self._judge(name) for name in config.grade.agents}

    def all(self, path: Path, start: SyntheticEnv | None = None) -> tuple[State, Rows, Rows]:
        """All iterations: the last state, rows of progress.parquet and of evaluations.parquet."""
        init = jax.jit(lambda key: self.loop.init(start, key))
        state = init(stream(self.key, "init"))
        progress: Rows = []
        evaluations: Rows = []
        first_steps = self.loop.steps  # of the survey
        if kept := resume.found(path, state):
            state, log = kept
            progress, evaluations = log["progress"], log["evaluations"]
            say(f"going on from iteration {len(progress)} ({path})")
        elif start is not None:
            state, evaluations, took = self.judge(state, 0)
            first_steps += took
            say(f"begins where agents earn {self._said(evaluations)}")
        saved, total = time.monotonic(), self.grade.iterations
        with Work(self.title, total, "iteration", already=len(progress)) as work:
            while len(progress) < total:
                begun, number = time.monotonic(), len(progress) + 1
                state, news = self.loop.iterate(jax.random.fold_in(self.key, number), state)
                if not np.isfinite(news.gradient):
                    raise ConfigError(
                        f"The grading has diverged: the gradient of iteration {number} is not "
                        "finite. Make grade.learning_rate smaller, or grade.fit.window shorter."
                    )
                earned = np.asarray(news.earned)
                earned = earned[~np.isnan(earned)]
                real_steps = self.loop.steps + (first_steps if number == 1 else 0)
                note = f"networks earn {earned.mean():.1f}" if len(earned) else "no episode ended"
                if number == total or number % self.grade.evaluate_every == 0:
                    state, judged, took = self.judge(state, number)
                    evaluations, real_steps = evaluations + judged, real_steps + took
                    note += f"  agents {self._said(judged)}"
                progress.append(
                    {
                        **row("grade", time.monotonic() - begun, real_steps, self._updates),
                        "agent": "+".join(self.judges),
                        "generation": number,
                        "fitness_mean": float(earned.mean()) if len(earned) else float("nan"),
                        "gradient": float(news.gradient),
                        "device": device(),
                    }
                )
                work.done(number, note)
                if time.monotonic() - saved > self.grade.checkpoint_seconds:
                    saved = time.monotonic()
                    resume.keep(path, state, {"progress": progress, "evaluations": evaluations})
        return state, progress, evaluations

    @property
    def title(self) -> str:
        c = self.config
        return f"{c.task.name} {c.synth.name} (graded), seed {c.seed}"

    @property
    def _updates(self) -> int:
        """Gradient steps of an iteration's networks: to act, and in each epoch."""
        return self.grade.networks * self.grade.fit.steps[1] * (1 + self.grade.epochs)

    @staticmethod
    def _said(judged: Rows) -> str:
        by_agent: dict[str, list[float]] = {}
        for one in judged:
            by_agent.setdefault(one["agent"], []).append(one["return_"])
        return ", ".join(f"{name} {np.mean(x):.1f}" for name, x in by_agent.items())

    def judge(self, state: State, number: int) -> tuple[State, Rows, int]:
        """Fresh agents of each algorithm in the bandit as it is; it is kept if it is the best yet.

        Also rows of evaluations.parquet, and the real steps of all tests.
        """
        rows, steps, scores = [], 0, []
        env = self.loop.env(state.tables, state.survey)
        for name, judge in self.judges.items():
            tried = judge.trial(env, judge.settings, judge.keys)
            returns = np.asarray(tried.return_)
            rows += [
                {"generation": number, "agent": name, "draw": i, "return_": float(x)}
                for i, x in enumerate(returns)
            ]
            steps += int(np.asarray(tried.real_steps).sum())
            scores.append(returns.mean())
        score = jnp.float32(np.mean(scores))
        if score > state.best_score:
            state = state.replace(best=state.tables, best_score=score)
        return state, rows, steps

    def _judge(self, name: str) -> Judge:
        algorithm, draws = self.config.agents[name], self.grade.evaluate_draws
        agent = agents.load(algorithm, self.loop.spec)
        trial = fitness.Trial(agent, self.loop.task, self.grade.train[name], self.grade.episodes)
        key = stream(stream(self.key, "judge"), name)
        settings = spaces.draw(stream(key, "settings"), algorithm, draws, "sampled")
        keys = jax.random.split(stream(key, "tries"), draws)
        return Judge(jax.jit(jax.vmap(trial, (None, 0, 0))), settings, keys)
