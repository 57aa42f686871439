"""Meta-training: evolve an environment until agents trained in it do well on the real task.

Outer loop: SNES (Wierstra et al. 2014; evosax) on the environment's parameters, as in Liesen et al.
2024. Inner loop: `fitness.py`. Each generation takes one algorithm and draws one setting of its
hyperparameters for all its candidates, so that the environment cannot specialise on one. The result
is the mean of the search distribution. It may begin at an environment that is there already.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms.distribution_based.snes import SNES
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from synthbench import checkpoint as files
from synthbench.agents import base as agents
from synthbench.agents import spaces
from synthbench.display import Work, say
from synthbench.io import read_table, write_table
from synthbench.meta import fitness
from synthbench.meta.progress import EVALUATIONS, PROGRESS, table
from synthbench.parallel import devices_for
from synthbench.rng import root, stream
from synthbench.synth import env as synth
from synthbench.tasks import base as tasks
from synthbench.types import PRNGKey


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
    write_table(out / "progress.parquet", table([*begun, *log.progress], PROGRESS))
    write_table(out / "evaluations.parquet", table(log.evaluations, EVALUATIONS))
    cost = {
        k: sum(row[k] for row in [*begun, *log.progress]) for k in ("synthetic_steps", "real_steps")
    }
    about = {"kind": "synthetic environment", "config": config, "cost": cost}
    files.save(out / "environment.safetensors", search.strategy.get_mean(state), about)
    return ["environment.safetensors", "progress.parquet", "evaluations.parquet"]


class Search:
    """One meta-training run; all randomness comes from the seed and the generation's number."""

    def __init__(self, config: Any, start: synth.SyntheticEnv | None = None):
        self.config, self.meta = config, config.meta
        self.task = tasks.load(config.task)
        self.env = synth.make(config.synth, config.task)
        self.key = root(config.seed)
        theta = start.theta if start else synth.init_theta(stream(self.key, "theta"), self.env)
        self.strategy = SNES(population_size=self.meta.population, solution=theta)
        self.settings = self.strategy.default_params.replace(std_init=self.meta.sigma)
        self.state_0 = self.strategy.init(stream(self.key, "search"), theta, self.settings)
        if start:
            sigma, _ = ravel_pytree(jax.tree.map(self._relative_sigma, theta))
            self.state_0 = self.state_0.replace(std=sigma)
        self.trials = {name: self._trial(name) for name in self.meta.agents}
        population = devices_for(self.meta.population)
        draws = devices_for(self.meta.evaluate_draws)
        self.try_population, self.try_mean = {}, {}
        for name, trial in self.trials.items():
            setting = jax.tree.map(lambda x: x[0], self._draw(self.key, name, 1))
            chunk = fitness.chunk(trial, self.env.replace(theta=theta), setting)
            self.try_population[name] = fitness.over_population(trial, chunk, population)
            self.try_mean[name] = fitness.over_draws(trial, chunk, draws)

    def _relative_sigma(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """`sigma` in units of a column's root mean square: fitted parameters differ in size."""
        size = jnp.sqrt((x**2).mean(0)) if x.ndim > 1 else jnp.sqrt((x**2).mean())
        return jnp.broadcast_to(self.meta.sigma * size, x.shape)

    def _trial(self, name: str) -> fitness.Trial:
        agent = agents.load(self.config.agents[name], self.env.spec)
        return fitness.Trial(agent, self.task, self.meta.steps[name], self.meta.episodes)

    def resume(self, path: Path) -> tuple[PyTree, Log]:
        """The state and log of the last checkpoint, or of the beginning."""
        if not path.exists():
            return self.state_0, Log()
        state, log = files.load(path, like=self.state_0)
        say(f"going on from generation {len(log['progress'])} ({path})")
        return state, Log(**log)

    def go_on(self, state: PyTree, log: Log, path: Path) -> tuple[PyTree, Log]:
        """All generations that are not yet done."""
        saved = time.monotonic()
        if not log.progress:
            log.evaluations += self.evaluate(state, 0)
        done, total = len(log.progress), self.meta.generations
        with Work(self._title(), total, "generation", already=done) as work:
            for generation in range(done + 1, total + 1):
                begun = time.monotonic()
                state, row = self.generation(state, generation)
                row["seconds"] = time.monotonic() - begun
                log.progress.append(row)
                if self._evaluates(generation):
                    log.evaluations += self.evaluate(state, generation)
                work.done(generation, _note(row))
                if time.monotonic() - saved > self.meta.checkpoint_seconds:
                    files.save(path, state, vars(log))
                    saved = time.monotonic()
        return state, log

    def generation(self, state: PyTree, generation: int) -> tuple[PyTree, dict[str, Any]]:
        """Ask, try, tell: the new state, and a row of progress.parquet."""
        key = jax.random.fold_in(stream(self.key, "generation"), generation)
        name = self._algorithm(key, generation)
        drawn = self._draw(stream(key, "hyperparameters"), name, 1)
        hyperparameters = jax.tree.map(lambda x: x[0], drawn)
        thetas, state = self.strategy.ask(stream(key, "ask"), state, self.settings)
        envs = self.env.replace(theta=thetas)
        tried = self.try_population[name](envs, hyperparameters, stream(key, "try"))
        returns, real_steps = np.asarray(tried.return_), np.asarray(tried.real_steps)
        # evosax minimises: fitness is negated here and nowhere else.
        state, _ = self.strategy.tell(
            stream(key, "tell"), thetas, jnp.asarray(-returns), state, self.settings
        )
        steps, updates = self._training(name)
        return state, {
            "stage": "metatrain",
            "generation": generation,
            "agent": name,
            "fitness_mean": float(returns.mean()),
            "fitness_std": float(returns.std()),
            "fitness_min": float(returns.min()),
            "fitness_max": float(returns.max()),
            "sigma_mean": float(state.std.mean()),
            "synthetic_steps": steps * len(returns),
            "real_steps": int(real_steps.sum()),
            "updates": updates * len(returns),
            **{f"hp_{name}": float(value) for name, value in hyperparameters.items()},
        }

    def evaluate(self, state: PyTree, generation: int) -> list[dict[str, Any]]:
        """Rows of evaluations.parquet: fresh agents of each algorithm in the mean's environment."""
        key = jax.random.fold_in(stream(self.key, "evaluate"), generation)
        env = self.env.replace(theta=self.strategy.get_mean(state))
        rows = []
        for name in self.meta.agents:
            hyperparameters = self._draw(stream(key, name), name, self.meta.evaluate_draws)
            keys = jax.random.split(stream(key, f"{name} tries"), self.meta.evaluate_draws)
            returns = np.asarray(self.try_mean[name](env, hyperparameters, keys).return_)
            rows += [
                {"generation": generation, "agent": name, "draw": i, "return_": float(x)}
                for i, x in enumerate(returns)
            ]
        return rows

    def _algorithm(self, key: PRNGKey, generation: int) -> str:
        names = list(self.meta.agents)
        if self.meta.algorithm == "round_robin":
            return names[(generation - 1) % len(names)]
        return names[int(jax.random.randint(stream(key, "algorithm"), (), 0, len(names)))]

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
