"""Meta-training: evolve an environment until agents trained in it do well on the real task.

Outer loop: an evolution strategy (`strategies.py`) on the environment's parameters. Inner loop:
`fitness.py`. Each generation takes an algorithm, or all of them, and draws settings of their
hyperparameters, so that the environment cannot specialise on one. The result is the mean of the
search distribution, the last one or the one that did best. It may begin at an environment that is
there already.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key, PyTree

from synthbench import checkpoint as files
from synthbench.agents import base as agents
from synthbench.agents import spaces
from synthbench.config import typed
from synthbench.display import Work, say
from synthbench.io import read_table, write_table
from synthbench.job import device
from synthbench.meta import curriculum, fitness
from synthbench.meta.progress import EVALUATIONS, PROGRESS, cost, table
from synthbench.meta.strategies import STRATEGIES
from synthbench.parallel import devices_for
from synthbench.rng import root, stream
from synthbench.synth import env as synth
from synthbench.tasks import base as tasks
from synthbench.types import Hyperparameters, PRNGKey

OVER_ROLLOUTS: Mapping[str, Any] = {"mean": np.mean, "median": np.median, "min": np.min}


class State(NamedTuple):
    """Where the search is, and the best of the means that were evaluated."""

    search: PyTree
    best: PyTree
    best_return: Float[Array, ""]


@dataclass
class Log:
    """What happened so far: rows of progress.parquet and evaluations.parquet."""

    progress: list[dict[str, Any]] = field(default_factory=list)
    evaluations: list[dict[str, Any]] = field(default_factory=list)


def run(config: Any, inputs: Mapping[str, list[Path]], out: Path, checkpoint: Path) -> list[str]:
    """Meta-train the configured environment, or go on from the last checkpoint of a killed run."""
    start = [synth.load(path, config.synth, config.task) for path in inputs.get("start", ())]
    search = Search(config, *start)
    state, log = search.resume(checkpoint / "search.safetensors")
    state, log = search.go_on(state, log, checkpoint / "search.safetensors")
    begun = [row for path in inputs.get("start_progress", ()) for row in _rows(path)]
    rows = [*begun, *log.progress]
    write_table(out / "progress.parquet", table(rows, PROGRESS))
    write_table(out / "evaluations.parquet", table(log.evaluations, EVALUATIONS))
    about = {"kind": "synthetic environment", "config": config, "cost": cost(rows)}
    files.save(out / "environment.safetensors", search.result(state), about)
    return ["environment.safetensors", "progress.parquet", "evaluations.parquet"]


class Search:
    """One meta-training run; all randomness comes from the seed and the generation's number."""

    def __init__(self, config: Any, start: synth.SyntheticEnv | None = None):
        self.config, self.meta = config, config.meta
        self.task = tasks.load(config.task)
        horizon = curriculum.longest(self.meta.curriculum, config.task.horizon)
        # What candidates are tried on: the same task, if need be with longer episodes.
        self.longer_task = tasks.load(typed({**config.task, "horizon": horizon}))
        self.env = synth.make(config.synth, config.task)
        self.key = root(config.seed)
        theta = start.theta if start else synth.init_theta(stream(self.key, "theta"), self.env)
        sigma = jax.tree.map(self._relative_sigma if start else self._sigma, theta)
        self.strategy = STRATEGIES[self.meta.name](self.meta, theta, ravel_pytree(sigma)[0])
        search = self.strategy.init(stream(self.key, "search"))
        self.state_0 = State(search, theta, jnp.float32(-jnp.inf))
        self.trials = {name: self._trial(name) for name in self.meta.agents}
        population = devices_for(self.strategy.size)
        draws = devices_for(self.meta.evaluate_draws)
        self.try_population, self.try_mean = {}, {}
        for name, trial in self.trials.items():
            setting = jax.tree.map(lambda x: x[0], self._draw(self.key, name, 1))
            chunk = fitness.chunk(trial, self.env.replace(theta=theta), setting)
            at_once = max(1, chunk // self.meta.rollouts)
            own = (self.meta.own_hyperparameters, self.meta.own_random_numbers)
            self.try_population[name] = fitness.over_population(trial, at_once, population, *own)
            on_task = replace(trial, task=self.task)
            self.try_mean[name] = fitness.over_draws(on_task, chunk, draws)

    def _sigma(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.full(x.shape, self.meta.sigma)

    def _relative_sigma(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """`sigma` in units of a column's root mean square: fitted parameters differ in size."""
        size = jnp.sqrt((x**2).mean(0)) if x.ndim > 1 else jnp.sqrt((x**2).mean())
        return jnp.broadcast_to(self.meta.sigma * size, x.shape)

    def _trial(self, name: str) -> fitness.Trial:
        agent = agents.load(self.config.agents[name], self.env.spec)
        return fitness.Trial(agent, self.longer_task, self.meta.steps[name], self.meta.episodes)

    def result(self, state: State) -> PyTree:
        """The parameters that the search has come to."""
        return state.best if self.meta.keep == "best" else self.strategy.mean(state.search)

    def resume(self, path: Path) -> tuple[State, Log]:
        """The state and log of the last checkpoint, or of the beginning."""
        if not path.exists():
            return self.state_0, Log()
        state, log = files.load(path, like=self.state_0)
        say(f"going on from generation {len(log['progress'])} ({path})")
        return state, Log(**log)

    def go_on(self, state: State, log: Log, path: Path) -> tuple[State, Log]:
        """All generations that are not yet done."""
        saved = time.monotonic()
        done, total = len(log.progress), self.meta.generations
        if not log.evaluations:
            state, _ = self.evaluate(state, 0, log)
        with Work(self._title(), total, "generation", already=done) as work:
            for generation in range(done + 1, total + 1):
                if self._solved(log):
                    say(f"solved in generation {len(log.progress)}, which ends the search")
                    break
                begun = time.monotonic()
                state, row = self.generation(state, generation, log)
                if self._evaluates(generation):
                    state, real_steps = self.evaluate(state, generation, log)
                    row["real_steps"] += real_steps if self._judges else 0
                row["seconds"] = time.monotonic() - begun
                log.progress.append(row)
                work.done(generation, _note(row))
                if time.monotonic() - saved > self.meta.checkpoint_seconds:
                    files.save(path, state, vars(log))
                    saved = time.monotonic()
        return state, log

    def generation(self, state: State, generation: int, log: Log) -> tuple[State, dict[str, Any]]:
        """Ask, try, tell: the new state, and a row of progress.parquet."""
        key = jax.random.fold_in(stream(self.key, "generation"), generation)
        full = self.task.spec.horizon
        horizon = curriculum.horizon(
            self.meta.curriculum, full, self.meta.generations, log.progress
        )
        names = self._algorithms(key, generation)
        candidates, search = self.strategy.ask(stream(key, "ask"), state.search)
        envs = self.env.replace(theta=candidates)
        drawn = {name: self._settings(stream(key, "hyperparameters"), name) for name in names}
        keys = self._keys(stream(key, "try"))
        tried = [
            self.try_population[name](envs, drawn[name], keys, jnp.int32(horizon)) for name in names
        ]
        returns = np.concatenate([np.asarray(x.return_) for x in tried], axis=1)
        scores = OVER_ROLLOUTS[self.meta.fitness](returns, axis=1).astype(np.float32)
        search = self.strategy.tell(stream(key, "tell"), search, candidates, jnp.asarray(scores))
        steps, updates = np.sum([self._training(name) for name in names], axis=0)
        trainings = returns.size // len(names)
        return state._replace(search=search), {
            "stage": "metatrain",
            "generation": generation,
            "agent": "+".join(names),
            "fitness_mean": float(scores.mean()),
            "fitness_std": float(scores.std()),
            "fitness_min": float(scores.min()),
            "fitness_max": float(scores.max()),
            "sigma_mean": float(self.strategy.sigma(search).mean()),
            "horizon": horizon,
            "synthetic_steps": int(steps) * trainings,
            "real_steps": sum(int(np.asarray(x.real_steps).sum()) for x in tried),
            "updates": int(updates) * trainings,
            "device": device(),
            **self._noted(drawn),
        }

    def evaluate(self, state: State, generation: int, log: Log) -> tuple[State, int]:
        """Rows of evaluations.parquet: fresh agents of each algorithm in the mean's environment.

        What is the best mean is known then. Returns the steps in the real task, too.
        """
        key = jax.random.fold_in(stream(self.key, "evaluate"), generation)
        theta = self.strategy.mean(state.search)
        env, means, real_steps = self.env.replace(theta=theta), [], 0
        for name in self.meta.agents:
            hyperparameters = self._draw(stream(key, name), name, self.meta.evaluate_draws)
            keys = jax.random.split(stream(key, f"{name} tries"), self.meta.evaluate_draws)
            tried = self.try_mean[name](env, hyperparameters, keys)
            returns = np.asarray(tried.return_)
            log.evaluations += [
                {"generation": generation, "agent": name, "draw": i, "return_": float(x)}
                for i, x in enumerate(returns)
            ]
            means.append(returns.mean())
            real_steps += int(np.asarray(tried.real_steps).sum())
        if np.mean(means) > state.best_return:
            state = state._replace(best=theta, best_return=jnp.float32(np.mean(means)))
        return state, real_steps

    @property
    def _judges(self) -> bool:
        """Whether anything depends on evaluations, so that what they cost is part of the making."""
        return self.meta.keep == "best" or self.meta.stop == "solved"

    def _solved(self, log: Log) -> bool:
        """Whether all algorithms solved the task in the last evaluation, where that is the end."""
        if self.meta.stop != "solved":
            return False
        last = log.evaluations[-1]["generation"]
        returns: dict[str, list[float]] = {}
        for row in log.evaluations:
            if row["generation"] == last:
                returns.setdefault(row["agent"], []).append(row["return_"])
        return all(np.mean(x) >= self.meta.solved for x in returns.values())

    def _algorithms(self, key: PRNGKey, generation: int) -> list[str]:
        names = list(self.meta.agents)
        if self.meta.algorithm == "all":
            return names
        if self.meta.algorithm == "round_robin":
            return [names[(generation - 1) % len(names)]]
        return [names[int(jax.random.randint(stream(key, "algorithm"), (), 0, len(names)))]]

    def _settings(self, key: PRNGKey, name: str) -> Hyperparameters:
        """Drawn for a generation: [rollout], or [candidate, rollout]."""
        size, rollouts = self.strategy.size, self.meta.rollouts
        if not self.meta.own_hyperparameters:
            return self._draw(key, name, rollouts)
        drawn = self._draw(key, name, size * rollouts)
        return jax.tree.map(lambda x: x.reshape(size, rollouts), drawn)

    def _keys(self, key: PRNGKey) -> Key[Array, "..."]:
        """[rollout], or [candidate, rollout]."""
        rollouts = self.meta.rollouts
        if self.meta.own_random_numbers:
            return jax.random.split(key, (self.strategy.size, rollouts))
        return jax.random.split(key, rollouts) if rollouts > 1 else key[None]

    def _noted(self, drawn: Mapping[str, Hyperparameters]) -> dict[str, float]:
        """The hyperparameters of a generation, where they are one setting of one algorithm."""
        if len(drawn) > 1 or self.meta.own_hyperparameters or self.meta.rollouts > 1:
            return {}
        (setting,) = drawn.values()
        return {f"hp_{name}": float(value[0]) for name, value in setting.items()}

    def _draw(self, key: PRNGKey, name: str, count: int) -> dict[str, Float[Array, " D"]]:
        return spaces.draw(key, self.config.agents[name], count, self.meta.hyperparameters)

    def _evaluates(self, generation: int) -> bool:
        every = self.meta.evaluate_every
        return generation == self.meta.generations or (every > 0 and generation % every == 0)

    def _training(self, name: str) -> tuple[int, int]:
        """Steps and updates of one agent's training."""
        agent = self.trials[name].agent
        steps = agents.iterations(agent, self.meta.steps[name]) * agent.steps_per_iteration
        return steps, agent.updates(steps)

    def _title(self) -> str:
        c = self.config
        return f"{c.task.name} {c.synth.name} ({'+'.join(self.meta.agents)}), seed {c.seed}"


def _rows(path: Path) -> list[dict[str, Any]]:
    """Of the progress of the environment where the search began."""
    return read_table(path).to_dict("records")


def _note(row: dict[str, Any]) -> str:
    return (
        f"{row['agent']}  fitness {row['fitness_mean']:.1f} (best {row['fitness_max']:.1f})  "
        f"{row['seconds']:.1f} s/generation"
    )
