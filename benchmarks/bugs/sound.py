"""`python -m benchmarks.bugs.sound`: 1,000 verdicts and more on sound agents of this package.

Agents of one kind are trained side by side, with their default settings, in processes of the
battery and in a bandit. Their seeds are then given to the sequential test one after the other.
"""

import argparse
import itertools
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int, PyTree

from benchmarks.bugs import table
from benchmarks.bugs.places import BANDIT, BATTERY
from synthgym import tasks, zoo
from synthgym.agents import base, defaults
from synthgym.core.definitions import definition
from synthgym.core.display import Work
from synthgym.core.settings import Task
from synthgym.core.types import Action, Env, EnvSpec, Observation, PRNGKey, Step
from synthgym.tasks.rollout import episode_returns
from synthgym.testing import battery
from synthgym.testing.cases import Case, find
from synthgym.testing.sequential import Verdict

RESULTS = Path(__file__).parents[1] / "results" / "sound.jsonl"
AGENTS, PLACES = ("ppo", "dqn"), (BANDIT, *BATTERY)
STEPS, EPISODES = 10_000, 20


class Place(NamedTuple):
    """The state of `Table`."""

    at: Int[Array, ""]
    time: Int[Array, ""]


class Table(struct.PyTreeNode):
    """A process of the battery for agents of this package; each episode begins anywhere."""

    reward: Float[Array, "S a"]
    following: Int[Array, "S a"]
    ends: Bool[Array, "S a"]
    start: Int[Array, " s"]
    spec: EnvSpec = struct.field(pytree_node=False)

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        at = jax.random.choice(key, self.start)
        return Place(at, jnp.int32(0)), self._seen(at)

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        at, time = self.following[state.at, action], state.time + 1
        ended = self.ends[state.at, action]
        cut = (time >= self.spec.horizon) & ~ended
        return Place(at, time), Step(self._seen(at), self.reward[state.at, action], ended, cut)

    def _seen(self, at: Int[Array, ""]) -> Observation:
        return jax.nn.one_hot(at, len(self.reward))


def process(name: str, trial: bool = False) -> Table:
    """The process of that name, to train in or for the trial."""
    numbers, about = battery.tables(name), battery.PROCESSES[name]
    return Table(
        jnp.asarray(numbers.reward, jnp.float32),
        jnp.asarray(numbers.following, jnp.int32),
        jnp.asarray(numbers.ends),
        jnp.asarray(numbers.trial if trial else numbers.start, jnp.int32),
        EnvSpec(len(numbers.names), 2, 0, -1.0, 1.0, 100 if trial else about.horizon),
    )


def places(case: Case) -> tuple[Env, Env]:
    """Where a case trains, and its trial."""
    name = case.id.rpartition(":")[2]
    if name in battery.IDS:
        return process(battery.IDS[name][0]), process(battery.IDS[name][0], trial=True)
    task = Task.read(definition("task", zoo.card(name)["task"]["name"]))
    return zoo.load(name), tasks.base.load(task)


def returns(algorithm: str, case: Case, count: int, seed: int) -> np.ndarray:
    """Return of each of `count` agents in the trial."""
    env, trial = places(case)
    agent, hyperparameters = defaults.make(algorithm, env.spec)
    if case.gamma:
        hyperparameters |= {"gamma": jnp.float32(case.gamma)}

    def one(key: PRNGKey) -> Float[Array, ""]:
        key_train, key_judge = jax.random.split(key)
        params, _ = base.train(agent, env, hyperparameters, key_train, STEPS)
        earned, _ = episode_returns(key_judge, trial, partial(agent.act, params), EPISODES)
        return earned.mean()

    return np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(seed), count)))


def verdicts(case: Case, seeds: np.ndarray) -> Iterator[bool]:
    """Whether agents were refused, in one sequential test after the other."""
    now = Verdict(case.p0)
    for returned in seeds:
        now = now.after(not case.passes(float(returned)))
        if now.refused or now.accepted:
            yield now.refused
            now = Verdict(case.p0)


def measured(algorithm: str, name: str, count: int) -> dict[str, Any]:
    """How many of these agents failed, and how many verdicts refused one."""
    case = find(name)
    earned = returns(algorithm, case, count, 0)
    said = list(verdicts(case, earned))
    failed = sum(not case.passes(float(r)) for r in earned)
    line = {"agent": algorithm, "place": name, "trained": count, "failed": failed}
    return line | {"verdicts": len(said), "refused": sum(said)}


def main() -> None:
    """Measure all places with all agents."""
    parser = argparse.ArgumentParser("python -m benchmarks.bugs.sound", description=__doc__)
    parser.add_argument("--count", type=int, default=144, help="agents of each kind and place")
    count = parser.parse_args().count
    known = [(line["agent"], line["place"]) for line in table.read(RESULTS)]
    with Work("sound agents", total=len(AGENTS) * len(PLACES), unit="kind") as work:
        for algorithm, name in itertools.product(AGENTS, PLACES):
            if (algorithm, name) not in known:
                line = json.dumps(measured(algorithm, name, count))
                with RESULTS.open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")
            work.done(work.count + 1, f"{algorithm} in {name}")


if __name__ == "__main__":
    main()
