"""One search for an environment: what it tries next, and what it learns from how that did.

Each generation takes an algorithm, or all of them, and draws settings of their hyperparameters, so
that the environment cannot specialise on one. The result is the mean of the search distribution,
the last one or the one that did best. All randomness comes from the seed and the generation's
number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key, PyTree

from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.core import parallel, resume
from synthgym.core.display import say
from synthgym.core.failure import as_worst
from synthgym.core.job import device
from synthgym.core.rng import root, stream
from synthgym.core.settings import Agent, Config, ConfigError, Meta
from synthgym.core.types import Discounted, Hyperparameters, PRNGKey
from synthgym.meta import curriculum, fitness, scoring
from synthgym.meta.fitness import Evaluation
from synthgym.meta.strategies import STRATEGIES
from synthgym.synth.base import Learned, module_of
from synthgym.tasks import base as tasks

OVER_ROLLOUTS: Mapping[str, Callable[..., np.ndarray]] = {
    "mean": np.mean,
    "median": np.median,
    "min": np.min,
}


class State(NamedTuple):
    """Where the search is, and the best of the means that were evaluated."""

    search: PyTree
    best: PyTree
    best_score: Float[Array, ""]


@dataclass
class Log:
    """A record of the search so far: rows of progress.parquet and evaluations.parquet."""

    progress: list[dict[str, Any]] = field(default_factory=list)
    evaluations: list[dict[str, Any]] = field(default_factory=list)


class Tests(NamedTuple):
    """A generation's tests: which agents are trained in which candidates, with which settings."""

    algorithms: tuple[str, ...]
    candidates: PyTree  # each leaf [P, ...]
    settings: Mapping[str, Hyperparameters]  # per algorithm [R], or [P, R]
    keys: Key[Array, "..."]  # [R], or [P, R]
    horizon: int  # of the episodes that agents are tested in
    search: PyTree  # state of the strategy, that asked


class Trials:
    """How candidates and means are tried: compiled once, whatever the seeds of the searches.

    What is searched for may be something else than an environment (objectives.py).
    """

    def __init__(self, config: Config):
        self.meta = config.meta
        self.env = module_of(config.synth).make(config.synth, config.task)
        task = tasks.load(config.task)
        # What candidates are tried on: the same task, if need be with longer episodes.
        longest = curriculum.longest(self.meta.curriculum, config.task.horizon)
        longer_task = tasks.load(config.task.replace(horizon=longest))
        theta = Search.initial(config)
        population = parallel.devices_for(size(self.meta, theta))
        self.agents, self.try_candidates, self.try_means = {}, {}, {}
        sections = shaped(config)
        for label, section in sections.items():
            count = self.meta.evaluate_draws // sum(
                s.name == section.name for s in sections.values()
            )
            draws = parallel.devices_for(count)
            agent = agents.load(section, self.env.spec)
            lengths = (self.meta.steps[agent.name], self.meta.episodes)
            trial = fitness.Trial(agent, longer_task, *lengths, scoring.of(self.meta))
            chunk = fitness.chunk(trial, self.env.replace(theta=theta), spaces.default(section))
            own = (self.meta.own_hyperparameters, self.meta.own_random_numbers)
            at_once = max(1, chunk // self.meta.rollouts)
            self.agents[label] = agent
            self.try_candidates[label] = fitness.over_populations(trial, at_once, population, *own)
            self.try_means[label] = fitness.over_means(replace(trial, task=task), chunk, draws)

    def of(self, theta: PyTree) -> PyTree:
        """Environments with these parameters, which are tried."""
        return self.env.replace(theta=theta)

    def judges(self, generation: int) -> Sequence[str]:
        """The algorithms by which a mean is evaluated, in all their shapes."""
        return tuple(self.agents)

    def training(self, label: str) -> tuple[int, int]:
        """Synthetic steps and updates of one agent's training.

        With a reward network the dynamics are the real task's, and so are all steps.
        """
        agent = self.agents[label]
        steps = agents.iterations(agent, self.meta.steps[agent.name]) * agent.steps_per_iteration
        return 0 if isinstance(self.env, Discounted) else steps, agent.updates(steps)


class Search:
    """One meta-training run: `state` and `log` are what is known of it, `path` keeps both."""

    stage = "metatrain"

    def __init__(self, config: Config, path: Path, start: Learned | None = None):
        self.config, self.meta, self.path = config, config.meta, path
        self.key, self.sections = root(config.seed), shaped(config)
        theta = start.theta if start else self.initial(config)
        sigma = jax.tree.map(self._relative_sigma if start else self._sigma, theta)
        self.strategy = STRATEGIES[self.meta.name](self.meta, theta, ravel_pytree(sigma)[0])
        begun = self.strategy.init(stream(self.key, "search"))
        self.state, self.log = State(begun, theta, jnp.float32(-jnp.inf)), Log()

    @staticmethod
    def initial(config: Config) -> PyTree:
        """The parameters that a search begins with, where it does not begin at another result."""
        synth = module_of(config.synth)
        env = synth.make(config.synth, config.task)
        return synth.init_theta(stream(root(config.seed), "theta"), env)

    def _sigma(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.full(x.shape, self.meta.sigma)

    def _relative_sigma(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """`sigma` in units of a column's root mean square: fitted parameters differ in size."""
        size = jnp.sqrt((x**2).mean(0)) if x.ndim > 1 else jnp.sqrt((x**2).mean())
        return jnp.broadcast_to(self.meta.sigma * size, x.shape)

    @property
    def title(self) -> str:
        """The task, environment and agents of the search, not its seed."""
        c = self.config
        return f"{c.task.name} {c.synth.name} ({'+'.join(self.meta.agents)})"

    @property
    def generation(self) -> int:
        """Generations that are done."""
        return len(self.log.progress)

    @property
    def mean(self) -> PyTree:
        """Parameters in the middle of the search."""
        return self.strategy.mean(self.state.search)

    @property
    def result(self) -> PyTree:
        """The parameters that the search has come to."""
        return self.state.best if self.meta.keep == "best" else self.mean

    @property
    def solved(self) -> bool:
        """Whether all algorithms solved the task in the last evaluation, where that is the end."""
        if self.meta.stop != "solved" or not self.log.evaluations:
            return False
        last = self.log.evaluations[-1]["generation"]
        returns: dict[str, list[float]] = {}
        for row in self.log.evaluations:
            if row["generation"] == last:
                returns.setdefault(row["agent"], []).append(row["return_"])
        return all(np.mean(x) >= self.meta.solved for x in returns.values())

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to try."""
        return self.generation >= self.meta.generations or self.solved

    def resume(self) -> None:
        """Go on from the last checkpoint, if there is one."""
        if kept := resume.found(self.path, like=self.state):
            self.state, log = kept
            self.log = Log(**log)
            say(f"going on from generation {self.generation} ({self.path})")

    def save(self) -> None:
        """So that a run which is killed goes on from here."""
        resume.keep(self.path, self.state, vars(self.log))

    def propose(self) -> Tests:
        """Propose the tests of the next generation."""
        generation = self.generation + 1
        key = jax.random.fold_in(stream(self.key, "generation"), generation)
        labels = [self._shape(key, name) for name in self._algorithms(key, generation)]
        candidates, search = self.strategy.ask(stream(key, "ask"), self.state.search)
        return Tests(
            tuple(labels),
            candidates,
            {label: self._settings(stream(key, "hyperparameters"), label) for label in labels},
            self._keys(stream(key, "try")),
            curriculum.horizon(
                self.meta.curriculum,
                self.config.task.horizon,
                self.meta.generations,
                self.log.progress,
            ),
            search,
        )

    def learn(self, tests: Tests, tried: Sequence[Evaluation], training: tuple[int, int]) -> None:
        """From how the candidates did with each algorithm, which is a row of progress.parquet.

        `tried`: [P, R] each; `training`: synthetic steps and updates of an agent of each, together.
        """
        generation = self.generation + 1
        key = jax.random.fold_in(stream(self.key, "generation"), generation)
        every = np.concatenate([np.asarray(x.score) for x in tried], axis=1)
        scores = OVER_ROLLOUTS[self.meta.fitness](every, axis=1).astype(np.float32)
        failed = int((~np.isfinite(scores)).sum())
        told = as_worst(jnp.asarray(scores))
        search = self.strategy.tell(stream(key, "tell"), tests.search, tests.candidates, told)
        if not jnp.isfinite(ravel_pytree(self.strategy.mean(search))[0]).all():
            raise ConfigError(
                f"The search has diverged: its mean is not finite after generation {generation}, "
                f"in which {failed} of {len(scores)} candidates failed. Make meta.sigma or "
                "the step smaller."
            )
        scores = np.asarray(told)
        self.state = self.state._replace(search=search)
        steps, updates = training
        trainings = every.size // len(tests.algorithms)
        self.log.progress.append(
            {
                "stage": self.stage,
                "generation": generation,
                "agent": "+".join(algorithm(label) for label in tests.algorithms),
                "fitness_mean": float(scores.mean()),
                "fitness_std": float(scores.std()),
                "fitness_min": float(scores.min()),
                "fitness_max": float(scores.max()),
                "sigma_mean": float(self.strategy.sigma(search).mean()),
                "horizon": tests.horizon,
                "synthetic_steps": steps * trainings,
                "real_steps": sum(int(np.asarray(x.real_steps).sum()) for x in tried),
                "updates": updates * trainings,
                "device": device(),
                **self._noted(tests.settings),
                **_lengths(tried),
                **({"diverged": failed} if failed else {}),
            }
        )

    def evaluation(self, label: str) -> tuple[Hyperparameters, Key[Array, " D"]]:
        """Settings and keys of the agents that judge the present mean: fresh ones each time.

        Those of an algorithm are as many in each of its shapes.
        """
        key = jax.random.fold_in(stream(self.key, "evaluate"), self.generation)
        draws = self.meta.evaluate_draws // len(self._labels(algorithm(label)))
        return (
            self._draw(stream(key, label), label, draws),
            jax.random.split(stream(key, f"{label} tries"), draws),
        )

    def judge(self, tried: Mapping[str, Evaluation]) -> None:
        """Rows of evaluations.parquet, from how those agents of each algorithm did: [D] each.

        What is the best mean is known then. Where anything depends on that, what it cost is part of
        the generation.
        """
        by_algorithm: dict[str, list[Evaluation]] = {}
        for label, agents_ in tried.items():
            by_algorithm.setdefault(algorithm(label), []).append(agents_)
        for name, shapes in by_algorithm.items():
            returns = np.concatenate([np.asarray(agents_.return_) for agents_ in shapes])
            self.log.evaluations += [
                {"generation": self.generation, "agent": name, "draw": i, "return_": float(x)}
                for i, x in enumerate(returns)
            ]
        scores = [[np.asarray(x.score).mean() for x in by_algorithm[a]] for a in self.meta.agents]
        score = np.mean([np.mean(shapes) for shapes in scores])
        if score > self.state.best_score:
            self.state = self.state._replace(best=self.mean, best_score=jnp.float32(score))
        if self.log.progress and (self.meta.keep == "best" or self.meta.stop == "solved"):
            steps = sum(int(np.asarray(x.real_steps).sum()) for x in tried.values())
            self.log.progress[-1]["real_steps"] += steps

    @property
    def to_be_judged(self) -> bool:
        """Whether the present mean is to be evaluated, and was not."""
        last = self.log.evaluations[-1]["generation"] if self.log.evaluations else -1
        every, now = self.meta.evaluate_every, self.generation
        due = now in (0, self.meta.generations) or (every > 0 and now % every == 0)
        return due and last < now

    def _algorithms(self, key: PRNGKey, generation: int) -> tuple[str, ...]:
        names = tuple(self.meta.agents)
        if self.meta.algorithm == "all":
            return names
        if self.meta.algorithm == "round_robin":
            return (names[(generation - 1) % len(names)],)
        return (names[int(jax.random.randint(stream(key, "algorithm"), (), 0, len(names)))],)

    def _labels(self, name: str) -> list[str]:
        return [label for label in self.sections if algorithm(label) == name] or [name]

    def _shape(self, key: PRNGKey, name: str) -> str:
        """Drawn for a generation, as what fixes a shape cannot differ within a batch."""
        labels = self._labels(name)
        if len(labels) == 1:
            return labels[0]
        return labels[int(jax.random.randint(stream(key, f"shape {name}"), (), 0, len(labels)))]

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
        return spaces.draw(key, self.sections[name], count, self.meta.hyperparameters)


def shaped(config: Config) -> dict[str, Agent]:
    """The settings of all algorithms in each of their shapes, by a label.

    That is the algorithm's name, and behind it a number where it has several.
    """
    mode = config.meta.hyperparameters
    sections: dict[str, Agent] = {}
    for name in config.meta.agents:
        shapes = spaces.shapes(config.agents[name], mode)
        numbers = [f" {i}" for i in range(len(shapes))] if len(shapes) > 1 else [""]
        sections |= {f"{name}{i}": shape for i, shape in zip(numbers, shapes, strict=True)}
    return sections


def algorithm(label: str) -> str:
    """The name in a label."""
    return label.split(" ")[0]


def size(meta: Meta, theta: PyTree) -> int:
    """Candidates in a generation of a search for such parameters."""
    return STRATEGIES[meta.name](meta, theta, ravel_pytree(theta)[0]).size


def _lengths(tried: Sequence[Evaluation]) -> dict[str, int]:
    """How many training episodes ended, and how many of them after one step, where that is known.

    In synthetic MDPs it is; but not in those whose agents were trained until they had learnt.
    """
    known = [x.lengths for x in tried if x.lengths is not None]
    if not known:
        return {}
    sums = [
        sum(int(np.asarray(counts).sum()) for counts in same) for same in zip(*known, strict=True)
    ]
    return dict(zip(("synthetic_episodes", "one_step_episodes"), sums, strict=True))
