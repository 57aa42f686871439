"""The value of a setting after so many generations, by meta-training and fresh agents.

Its worth is the mean return on the real task of agents that were trained in the environment of the
search mean. They have the settings of the plan, whatever those are that are tried, and the same
random numbers each time: so only the environments differ.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.core.failure import or_worst
from synthgym.core.parallel import devices_for
from synthgym.core.rng import stream, together
from synthgym.core.settings import Config, plain
from synthgym.meta import evolve, fitness
from synthgym.meta.search import Search, Trials
from synthgym.meta.settings import with_sections
from synthgym.synth.base import module_of
from synthgym.tasks import base as tasks

# Of meta-training, what is no part of the compiled program; `mirrored` changes the number of
# candidates, which is.
TRACED = ("sigma", "step_size", "transform", "mirrored", "learning_rate")


class Worth(NamedTuple):
    """The result of one meta-training at the end of a rung."""

    returns: dict[str, list[float]]  # of each algorithm's agents, per episode
    cost: dict[str, float]  # since the rung below

    @property
    def value(self) -> float:
        """Mean over algorithms and agents; higher is better, and worst where one diverged."""
        return or_worst(float(np.mean([np.mean(each) for each in self.returns.values()])))


class Programs:
    """Meta-training and judging; what has the same shapes goes through one compiled program.

    `config` has the settings of the plan, and `draws` agents, tested in so many `episodes`, judge.
    """

    unit = "generations"  # of a budget

    def __init__(self, config: Config, draws: int, episodes: int):
        self.config, self.draws, self.episodes = config, draws, episodes
        self.trials: dict[str, tuple[Trials, int]] = {}
        self.judges: dict[str, Callable[..., fitness.Evaluation]] = {}

    def search(self, sections: dict[str, Any], seed: int, path: Path, budget: int) -> Search:
        """The meta-training with these sections over the configuration; or its checkpoint.

        Not one that is beyond the budget: then a part of the journal was lost.
        """
        config = with_sections(self.config.replace(seed=seed), sections, "a configuration")
        search = Search(config, path)
        search.resume()
        return search if search.generation <= budget else Search(config, path)

    def advanced(
        self, searches: Sequence[Search], budget: int, since: int = 0
    ) -> Iterator[tuple[int, Worth]]:
        """All of them after `budget` generations: (index, worth), as soon as it is known.

        Each goes on from where it is. `since`: the budget of the rung below.
        """
        alike: dict[str, list[int]] = {}
        for i, search in enumerate(searches):
            alike.setdefault(_shapes(search), []).append(i)
        for shapes, members in alike.items():
            if shapes not in self.trials:
                trials = Trials(searches[members[0]].config)
                self.trials[shapes] = trials, _side_by_side(searches[members[0]], trials)
            trials, fit = self.trials[shapes]
            for block in blocks(members, fit):
                chosen = [searches[i] for i in block]
                go_on(chosen, trials, budget)
                yield from zip(block, self._worth(chosen, budget, since), strict=True)

    def _worth(self, searches: Sequence[Search], budget: int, since: int) -> list[Worth]:
        begun = time.monotonic()
        judged = {name: self._judged(name, searches, budget) for name in self.config.meta.agents}
        seconds = (time.monotonic() - begun) / len(searches)
        return [
            Worth(
                {name: [float(x) for x in trained.return_[i]] for name, trained in judged.items()},
                self._cost(
                    search,
                    since,
                    seconds,
                    {n: int(trained.real_steps[i].sum()) for n, trained in judged.items()},
                ),
            )
            for i, search in enumerate(searches)
        ]

    def _cost(
        self, search: Search, since: int, seconds: float, tests: dict[str, int]
    ) -> dict[str, float]:
        """Cost of the generations since, and of judging, which is part of the search."""
        cost: dict[str, float] = {"seconds": seconds}
        for name, real_steps in tests.items():
            agent = agents.load(self.config.agents[name], tasks.load(self.config.task).spec)
            loops = agents.iterations(agent, self.config.meta.steps[name])
            steps = loops * agent.steps_per_iteration
            for kind, number in (
                ("real_steps", real_steps),
                ("synthetic_steps", steps * self.draws),
                ("updates", agent.updates(steps) * self.draws),
            ):
                cost[kind] = cost.get(kind, 0) + number
        rows = [row for row in search.log.progress if row["generation"] > since]
        return {kind: number + sum(row[kind] for row in rows) for kind, number in cost.items()}

    def _judged(self, name: str, searches: Sequence[Search], budget: int) -> fitness.Evaluation:
        """[S, D]: agents in the environments of the means."""
        algorithm, task = self.config.agents[name], tasks.load(self.config.task)
        env = module_of(self.config.synth).make(self.config.synth, self.config.task)
        means = env.replace(theta=_stacked([search.mean for search in searches]))
        if name not in self.judges:
            agent = agents.load(algorithm, env.spec)
            trial = fitness.Trial(agent, task, self.config.meta.steps[name], self.episodes)
            first = env.replace(theta=searches[0].mean)
            chunk = fitness.chunk(trial, first, spaces.default(algorithm))
            self.judges[name] = fitness.over_means(trial, chunk, devices_for(self.draws))
        keys = [jax.random.fold_in(stream(s.key, f"judge {name}"), budget) for s in searches]
        settings = [spaces.draw(key, algorithm, self.draws, "default") for key in keys]
        own = together([jax.random.split(key, self.draws) for key in keys])
        evaluation: fitness.Evaluation = jax.tree.map(
            np.asarray, self.judges[name](means, _stacked(settings), own)
        )
        return evaluation


def go_on(searches: Sequence[Search], trials: Trials, budget: int) -> None:
    """All generations up to `budget` that are not yet done: side by side, who is behind first."""
    saved = time.monotonic()
    while going := [search for search in searches if search.generation < budget]:
        behind = min(search.generation for search in going)
        now = [search for search in going if search.generation == behind]
        begun = time.monotonic()
        evolve.generation(now, trials)
        for search in now:
            search.log.progress[-1]["seconds"] = (time.monotonic() - begun) / len(now)
        if time.monotonic() - saved > searches[0].meta.checkpoint_seconds:
            for search in searches:
                search.save()
            saved = time.monotonic()
    for search in searches:
        search.save()


def blocks(members: Sequence[int], fit: int) -> list[Sequence[int]]:
    """Blocks of at most `fit`; sizes are powers of two, as each size is one compilation."""
    made: list[Sequence[int]] = []
    while members:
        size = 1 << (min(fit, len(members)).bit_length() - 1)
        made.append(members[:size])
        members = members[size:]
    return made


def _shapes(search: Search) -> str:
    """A word for meta-trainings that one program does."""
    config = plain(search.config)
    meta = {name: value for name, value in config["meta"].items() if name not in TRACED}
    static = {name: agent["static"] for name, agent in config["agents"].items()}
    return json.dumps([config["synth"], meta, static, search.strategy.size], sort_keys=True)


def _side_by_side(search: Search, trials: Trials) -> int:
    """How many such meta-trainings fit on the devices with all their candidates.

    Those of one keep a CPU's cores busy, and another number side by side is another compilation.
    """
    if jax.devices()[0].platform == "cpu":
        return 1
    config = search.config
    env, task = trials.of(search.mean), tasks.load(config.task)
    fit = []
    for name in config.meta.agents:
        agent, setting = (
            agents.load(config.agents[name], env.spec),
            spaces.default(config.agents[name]),
        )
        trial = fitness.Trial(agent, task, config.meta.steps[name], config.meta.episodes)
        mesh = devices_for(search.strategy.size)
        at_once = fitness.chunk(trial, env, setting) * mesh.size
        fit.append(at_once // (search.strategy.size * config.meta.rollouts))
    return max(1, min(fit))


def _stacked(trees: Sequence[PyTree]) -> PyTree:
    """[S, ...] of each leaf."""
    return jax.tree.map(lambda *x: jnp.stack(x), *trees)
