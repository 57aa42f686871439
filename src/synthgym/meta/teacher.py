"""Teachers: agents trained in the real task; the best is kept for others to distil from."""

import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float, Int, PyTree

from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.agents.es import ES
from synthgym.core import checkpoint as files
from synthgym.core import resume, settings
from synthgym.core.display import Work, say
from synthgym.core.failure import WORST
from synthgym.core.io import write_table
from synthgym.core.job import Inputs
from synthgym.core.rng import root, stream
from synthgym.core.settings import Config, ConfigError, plain
from synthgym.core.types import Agent, Env, PRNGKey
from synthgym.meta import imitation
from synthgym.meta.progress import PROGRESS, row, table
from synthgym.tasks import base as tasks
from synthgym.tasks.disturbed import Disturbed
from synthgym.tasks.rollout import episode_returns

PARTS = 20  # of a training run, after each of which there is news
CHECKPOINT_SECONDS = 30.0  # of training that a killed run may lose, and the part it was in


class Teacher(NamedTuple):
    """An agent that knows the task."""

    agent: Agent
    params: PyTree
    return_: float  # mean over test episodes, real task


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Train as many as are to be tried; write the policy of the best, what all cost and it earns.

    Goes on from where a killed run was.
    """
    school = School(config, checkpoint)
    params, rows = school.best()
    returns, lengths = school.test(stream(school.key, "test"), params)
    about = {"kind": "policy", "config": plain(config), "return_": float(returns.mean())}
    files.save(out / "policy.safetensors", params, about)
    write_table(out / "progress.parquet", table(rows, PROGRESS))
    columns = {"agent": school.agent.name, "seed": config.seed}
    columns |= {"return_": returns, "length": lengths}
    write_table(out / "episodes.parquet", pd.DataFrame(columns))
    return ["policy.safetensors", "progress.parquet", "episodes.parquet"]


def trained(config: Config, checkpoint: Path) -> Teacher:
    """Train a teacher as `run` does, without writing it."""
    school = School(config, checkpoint)
    params, _ = school.best()
    returns, _ = school.test(stream(school.key, "test"), params)
    return Teacher(school.agent, params, float(returns.mean()))


def load(path: Path, task: settings.Task, algorithm: settings.Agent) -> Teacher:
    """A teacher from its file; `algorithm`: its settings.

    Raises ValueError where the file does not fit.
    """
    env = tasks.load(task)
    agent, hyperparameters = agents.load(algorithm, env.spec), spaces.default(algorithm)
    like = jax.eval_shape(
        lambda: (
            agent.init(jax.random.key(0), env, hyperparameters, agent.steps_per_iteration).params
        )
    )
    params, about = files.load(path, like)
    return Teacher(agent, params, about["return_"])


class Training(NamedTuple):
    """Where a training is, and the best of what was tested."""

    state: PyTree
    best: PyTree  # parameters
    score: Float[Array, ""]
    tested: Int[Array, ""]  # steps in these tests


class School:
    """Trains and tests candidates, which differ in nothing but their random numbers.

    `imitated`: not teachers, but what each of them begins by imitating.
    """

    def __init__(self, config: Config, checkpoint: Path, imitated: bool = False):
        self.config, self.checkpoint = config, checkpoint
        teacher = config.teacher
        course = teacher.imitate if imitated else teacher
        (algorithm,) = course.agents.values()
        self.task = tasks.load(config.task)
        self.place: Env = self.task  # in which it trains
        self.agent = agents.load(algorithm, self.task.spec)
        self.settings = spaces.default(algorithm)
        self.word = "imitated" if imitated else "teacher"
        self.key = stream(root(config.seed), self.word)
        iterations = agents.iterations(self.agent, course.steps)
        self.total = iterations * self.agent.steps_per_iteration
        self.keeps_best = not imitated and "keep" in teacher
        self.others: School | None = None
        if not imitated and "noise" in teacher:
            self.place = Disturbed(self.task, teacher.noise)
        if not imitated and "imitate" in teacher:
            self.settings |= {"sigma": jnp.float32(teacher.imitate.sigma)}
            self.others = School(config, checkpoint / "imitated", imitated=True)
        self._init = jax.jit(self._begin)
        self._part = jax.jit(self._go_on)
        self._test = jax.jit(partial(self._episodes, self.task))
        self._rate = jax.jit(partial(self._episodes, self.place))

    def best(self) -> tuple[PyTree, list[dict[str, Any]]]:
        """The parameters of the candidate with the largest mean return; a row of cost for each.

        The episodes by which it is chosen are part of the cost, where there is a choice. What it
        earns is for others to find out: the largest of several means is no fair estimate.
        """
        tried = [self.candidate(i) for i in range(self.config.teacher.candidates)]
        rows = [row for _, row in tried]
        chosen = int(np.argmax([row["fitness_mean"] for row in rows]))
        if rows[chosen]["fitness_mean"] == WORST:
            raise ConfigError("Every candidate for a teacher diverged; its agent learns too fast.")
        if len(rows) > 1:
            earned = ", ".join(f"{row['fitness_mean']:.1f}" for row in rows)
            say(f"candidates earn {earned}: number {chosen + 1} teaches")
        return tried[chosen][0], rows

    def test(self, key: PRNGKey, params: PyTree) -> tuple[np.ndarray, np.ndarray]:
        """Returns and lengths of test episodes in the real task."""
        returns, lengths = self._test(key, params)
        return np.asarray(returns), np.asarray(lengths)

    def candidate(self, number: int) -> tuple[PyTree, dict[str, Any]]:
        """Parameters of a candidate, and its cost and test returns as a row of progress."""
        key = jax.random.fold_in(self.key, number)
        path = self.checkpoint / f"candidate{number}.safetensors"
        if kept := resume.found(path, jax.eval_shape(self._init, key).params):
            return kept
        state, spent = self._at_first(number, key)
        params, took = self._train(number, key, state)
        returns, lengths = self.test(stream(key, "choice"), params)
        tested = int(lengths.sum()) if self.config.teacher.candidates > 1 else 0
        seconds = took["seconds"] + spent["seconds"]
        real_steps = self.total + took["real_steps"] + tested + spent["real_steps"]
        updates = self.agent.updates(self.total) + spent["updates"]
        cost = row("teacher", seconds, real_steps, updates, **_fitness(returns))
        resume.keep(path, params, cost)
        return params, cost

    def _at_first(self, number: int, key: PRNGKey) -> tuple[PyTree, dict[str, Any]]:
        """What a training begins at: random, or as another does; and what that took."""
        state = self._init(key)
        if self.others is None:
            return state, {"seconds": 0.0, "real_steps": 0, "updates": 0}
        path = self.checkpoint / f"imitation{number}.safetensors"
        if kept := resume.found(path, state):
            return kept
        params, cost = self.others.candidate(number)
        begun, key, how = time.monotonic(), stream(key, "imitation"), self.config.teacher.imitate
        other = self.others.agent
        does, prefers = partial(other.act, params), partial(other.preferences, params)
        assert isinstance(self.agent, ES)  # as the plan has checked
        begin = imitation.imitated(key, self.agent, state, self.task, does, prefers, how)
        cost = {name: cost[name] for name in ("seconds", "real_steps", "updates")}
        cost["seconds"] += time.monotonic() - begun
        cost["real_steps"] += begin.real_steps
        cost["updates"] += begin.updates
        resume.keep(path, begin.state, cost)
        return begin.state, cost

    def _train(self, number: int, key: PRNGKey, state: PyTree) -> tuple[PyTree, dict[str, Any]]:
        """The parameters that are kept, what it took beside the training's own steps; with news."""
        path = self.checkpoint / "training.safetensors"
        training = Training(state, state.params, jnp.float32(-jnp.inf), jnp.int32(0))
        begun = saved = time.monotonic()
        begin = 0
        if kept := resume.found(path, training):
            trained, about = kept
            if about["candidate"] == number:
                training, begin, begun = trained, about["iteration"], begun - about["seconds"]
                say(f"going on from iteration {begin} ({path})")
        indices = np.arange(self.total // self.agent.steps_per_iteration)
        size = -(-len(indices) // PARTS)
        already = int(training.state.step)
        with Work(self._title(number), self.total, "step", already=already) as work:
            for first in range(begin, len(indices), size):
                state = self._part(key, training.state, jnp.asarray(indices[first : first + size]))
                training = training._replace(state=state)
                note = f"{int(state.episodes):,} episodes"
                if self.keeps_best:
                    training, earned = self._compared(jax.random.fold_in(key, first), training)
                    note += f", earns {earned:.1f}"
                work.done(int(state.step), note)
                if time.monotonic() - saved > CHECKPOINT_SECONDS:
                    saved = time.monotonic()
                    where = {"candidate": number, "iteration": first + size}
                    resume.keep(path, training, {**where, "seconds": saved - begun})
        params = training.best if self.keeps_best else training.state.params
        seconds = time.monotonic() - begun
        return params, {"seconds": seconds, "real_steps": int(training.tested)}

    def _compared(self, key: PRNGKey, training: Training) -> tuple[Training, float]:
        """With the present parameters as the best, if they are; and what they earn."""
        returns, lengths = self._rate(stream(key, "rate"), training.state.params)
        training = training._replace(tested=training.tested + lengths.sum())
        if (earned := returns.mean()) > training.score:
            training = training._replace(best=training.state.params, score=earned)
        return training, float(earned)

    def _begin(self, key: PRNGKey) -> PyTree:
        return self.agent.init(stream(key, "init"), self.place, self.settings, self.total)

    def _go_on(self, key: PRNGKey, state: PyTree, indices: Int[Array, " n"]) -> PyTree:
        key_loop = stream(key, "loop")

        def iterate(state: PyTree, i: Int[Array, ""]) -> tuple[PyTree, None]:
            key = jax.random.fold_in(key_loop, i)
            return self.agent.iterate(key, state, self.place, self.settings, self.total)[0], None

        return jax.lax.scan(iterate, state, indices)[0]

    def _episodes(
        self, place: Env, key: PRNGKey, params: PyTree
    ) -> tuple[Float[Array, " E"], Int[Array, " E"]]:
        policy = partial(self.agent.act, params)
        return episode_returns(key, place, policy, self.config.teacher.episodes)

    def _title(self, number: int) -> str:
        c = self.config
        number_of = f" {number + 1}/{c.teacher.candidates}" if c.teacher.candidates > 1 else ""
        return f"{self.word} {self.agent.name}{number_of}, {c.task.name} seed {c.seed}"


def _fitness(returns: np.ndarray) -> dict[str, float]:
    return {
        f"fitness_{name}": float(getattr(returns, name)()) for name in ("mean", "std", "min", "max")
    }
