"""`python -m benchmarks.bugs.sound`: 1,000 verdicts and more on sound agents of this package.

Agents of one kind are trained side by side, with their default settings, in processes of the
battery. Their seeds are then given to the sequential test one after the other.
"""

import argparse
import itertools
import json
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int, PyTree

from benchmarks.bugs import own, table
from benchmarks.bugs.places import BATTERIES
from synthgym.agents import base, defaults
from synthgym.core.display import Work
from synthgym.core.types import Action, EnvSpec, Observation, PRNGKey, Step
from synthgym.tasks.rollout import episode_returns
from synthgym.testing import battery
from synthgym.testing.cases import Case, find
from synthgym.testing.sequential import Verdict

RESULTS = Path(__file__).parents[1] / "results" / "sound.jsonl"
EPISODES, TOGETHER = 20, 3  # three failures refuse, two passes accept
SIDE_BY_SIDE = 144  # agents of PPO or DQN in one program
SLOWER = 12  # SAC and TD3, than PPO and DQN


class Place(NamedTuple):
    """The state of `Table`."""

    at: Int[Array, ""]
    time: Int[Array, ""]


class Table(struct.PyTreeNode):
    """A process of the battery for agents of this package.

    An episode begins in any state in which one can, where `Probe` takes turns with some of them.
    """

    reward: Float[Array, "S a"]
    following: Int[Array, "S a"]
    ends: Bool[Array, "S a"]
    start: Int[Array, " s"]
    rises: Float[Array, "2"]  # a continuous action becomes the second from here to there
    spec: EnvSpec = struct.field(pytree_node=False)

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        at = jax.random.choice(key, self.start)
        return Place(at, jnp.int32(0)), self._seen(at)

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        if not self.spec.discrete:
            second = jnp.interp(action[0], self.rises, jnp.array([0.0, 1.0]))
            action = jax.random.bernoulli(key, second).astype(jnp.int32)
        at, time = self.following[state.at, action], state.time + 1
        ended = self.ends[state.at, action]
        cut = (time >= self.spec.horizon) & ~ended
        return Place(at, time), Step(self._seen(at), self.reward[state.at, action], ended, cut)

    def _seen(self, at: Int[Array, ""]) -> Observation:
        return jax.nn.one_hot(at, len(self.reward))


def process(name: str, continuous: bool = False, trial: bool = False) -> Table:
    """The process of that name, to train in or for the trial."""
    numbers, about = battery.tables(name), battery.PROCESSES[name]
    later = numbers.again[numbers.again >= 0]
    actions = (0, 1, *about.bounds) if continuous else (2, 0, *battery.UNIT)
    horizon = 100 if trial else about.horizon
    return Table(
        jnp.asarray(numbers.reward, jnp.float32),
        jnp.asarray(numbers.following, jnp.int32),
        jnp.asarray(numbers.ends),
        jnp.asarray(numbers.trial if trial else [*numbers.start, *set(later)], jnp.int32),
        jnp.asarray(about.rises, jnp.float32),
        EnvSpec(len(numbers.names), *actions, horizon),
    )


def returns(own_agent: str, case: Case, count: int, seed: int) -> tuple[np.ndarray, float]:
    """Return of each of `count` agents in the trial; seconds of a core, without compilation."""
    kind = battery.IDS[case.id.rpartition(":")[2]]
    env, trial = process(*kind), process(*kind, trial=True)
    agent, hyperparameters = defaults.make(own_agent.removeprefix("own_"), env.spec)
    steps = own.STEPS[own_agent]
    if case.gamma:
        hyperparameters |= {"gamma": jnp.float32(case.gamma)}

    def one(key: PRNGKey) -> Float[Array, ""]:
        key_train, key_judge = jax.random.split(key)
        params, _ = base.train(agent, env, hyperparameters, key_train, steps)
        earned, _ = episode_returns(key_judge, trial, partial(without_chance, params), EPISODES)
        return earned.mean()

    def without_chance(params: PyTree, key: PRNGKey, observation: Observation) -> Action:
        preferred = agent.preferences(params, observation)
        return preferred.argmax(-1) if env.spec.discrete else preferred

    keys = jax.random.split(jax.random.key(seed), count)
    program = jax.jit(jax.vmap(one)).lower(keys).compile()
    begun = time.process_time()
    earned = np.asarray(program(keys))
    return earned, time.process_time() - begun


def verdicts(case: Case, seeds: np.ndarray) -> Iterator[bool]:
    """Whether agents were refused, in one sequential test after the other."""
    now = Verdict(case.p0)
    for returned in seeds:
        now = now.after(not case.passes(float(returned)))
        if now.refused or now.accepted:
            yield now.refused
            now = Verdict(case.p0)


def judged(
    agent: str, fault: str, case: Case, most: int, run: int
) -> tuple[Verdict, list[float], float]:
    """The verdict on an agent, the returns that it came from, and the seconds of `returns`."""
    verdict, earned, seconds = Verdict(case.p0), list[float](), 0.0
    with own.with_fault(own.FAULTS[agent][fault] if fault else None):
        for part in itertools.count():
            seed = 1000 * run + part
            new, more = returns(agent, case, TOGETHER, seed)
            seconds += more
            for returned in np.asarray(new, float):
                verdict = verdict.after(not case.passes(returned))
                earned.append(float(returned))
                if verdict.refused or verdict.accepted or len(earned) == most:
                    return verdict, earned, seconds
    raise AssertionError("not reached")


def measured(agent: str, name: str, count: int, before: int) -> dict[str, Any]:
    """How many of `count` agents, after those `before`, failed, and how many verdicts refused."""
    case = find(name)
    earned, _ = returns(agent, case, count, zlib.crc32(f"{agent} {name}".encode()) + before)
    said = list(verdicts(case, earned))
    failed = sum(not case.passes(float(r)) for r in earned)
    line = {"agent": agent, "place": name, "trained": count, "failed": failed}
    return line | {"verdicts": len(said), "refused": sum(said)}


def main() -> None:
    """Measure all agents in all their places."""
    parser = argparse.ArgumentParser("python -m benchmarks.bugs.sound", description=__doc__)
    parser.add_argument(
        "--count",
        type=int,
        default=SIDE_BY_SIDE,
        help="agents of each kind and place, in all; SAC, TD3: 1/12",
    )
    count = parser.parse_args().count
    trained = Counter[tuple[str, str]]()
    for line in table.read(RESULTS):
        trained[line["agent"], line["place"]] += line["trained"]
    kinds = [(agent, name) for agent in own.FAULTS for name in BATTERIES[agent in own.CONTINUOUS]]
    with Work("sound agents", total=len(kinds), unit="kind") as work:
        for kind in kinds:
            slower = SLOWER if kind[0] in own.CONTINUOUS else 1
            while trained[kind] < count // slower:
                line = measured(*kind, SIDE_BY_SIDE // slower, trained[kind])
                with RESULTS.open("a", encoding="utf-8") as file:
                    file.write(f"{json.dumps(line)}\n")
                trained[kind] += line["trained"]
            work.done(work.count + 1, " in ".join(kind))


if __name__ == "__main__":
    main()
