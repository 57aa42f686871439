"""Environments whose values are known, and sections of configuration that tests share.

As a task in a config section: `module: probes`.
"""

import socket
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int, PyTree

from synthgym.core import settings
from synthgym.core.definitions import definition
from synthgym.core.settings import merged
from synthgym.core.types import Action, EnvSpec, Observation, PRNGKey, Step

GAMMA = 0.8
HORIZON = 3
STATES = 3


def parts(tree: PyTree, number: int) -> list[PyTree]:
    """What is batched, taken apart: NumPy's arrays, as JAX is slow to slice many."""
    arrays = jax.tree.map(np.asarray, tree)
    return [jax.tree.map(lambda x, i=i: x[i], arrays) for i in range(number)]


class Place(NamedTuple):
    """The state of a `Table`."""

    at: Int[Array, ""]  # index of the state in the table
    time: Int[Array, ""]


class Table(struct.PyTreeNode):
    """A task written out: `S` states, two actions. Batch its leaves to have several at once."""

    observation: Float[Array, "S o"]
    reward: Float[Array, "S a"]
    following: Int[Array, "S a"]
    terminates: Bool[Array, "S a"]
    start: Float[Array, " S"]  # probability of beginning there
    spec: EnvSpec = struct.field(pytree_node=False)

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        index = jax.random.choice(key, len(self.start), p=self.start)
        return Place(index, jnp.int32(0)), self.observation[index]

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        index, time = self.following[state.at, action], state.time + 1
        terminated = self.terminates[state.at, action]
        truncated = (time >= self.spec.horizon) & ~terminated
        reward = self.reward[state.at, action]
        return Place(index, time), Step(self.observation[index], reward, terminated, truncated)


def spec(horizon: int = HORIZON) -> EnvSpec:
    return EnvSpec(1, 2, 0, -1.0, 1.0, horizon)


def table(
    observation: tuple[float, float, float],
    reward: tuple[Any, Any, Any],
    following: tuple[int, int, int] = (0, 1, 2),
    terminates: tuple[bool, bool, bool] = (True, True, True),
    start: tuple[float, float, float] = (1.0, 0.0, 0.0),
    horizon: int = HORIZON,
) -> Table:
    """A probe; where an entry is not a pair, it is that of both actions."""

    def pairs(values: tuple[Any, ...], kind: Any) -> Any:
        return jnp.array([v if isinstance(v, tuple) else (v, v) for v in values], kind)

    return Table(
        observation=jnp.array(observation, jnp.float32)[:, None],
        reward=pairs(reward, jnp.float32),
        following=pairs(following, jnp.int32),
        terminates=pairs(terminates, bool),
        start=jnp.array(start, jnp.float32),
        spec=spec(horizon),
    )


HALF = (0.5, 0.5, 0.5)
BOTH = (0.5, 0.5, 0.0)  # the first or the second state
PROBES = {
    "constant": table(HALF, (1.0, 1.0, 1.0)),
    "observed": table((-1.0, 1.0, 0.0), (-1.0, 1.0, 0.0), start=BOTH),
    # The first state leads to the second, which is worth 1.
    "delayed": table(
        (-1.0, 1.0, 0.0), (0.0, 1.0, 0.0), following=(1, 1, 2), terminates=(False, True, True)
    ),
    "action": table(HALF, ((-1.0, 1.0), 0.0, 0.0)),
    "action by observation": table((-1.0, 1.0, 0.0), ((1.0, -1.0), (-1.0, 1.0), 0.0), start=BOTH),
    # Never terminates; cut after HORIZON steps.
    "truncated": table(HALF, (1.0, 1.0, 1.0), terminates=(False, False, False)),
    # Looks the same, but ends after HORIZON steps.
    "terminated": table(
        HALF, (1.0, 1.0, 1.0), following=(1, 2, 2), terminates=(False, False, True)
    ),
}


def stacked(probes: list[Any]) -> Any:
    """One batch of probes, to `vmap` over."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *probes)


class Target(struct.PyTreeNode):
    """A continuous task: the reward is highest, 0, where the action is the observation."""

    spec: EnvSpec = struct.field(pytree_node=False)

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        observation = jax.random.uniform(key, (1,), minval=-0.5, maxval=0.5)
        return observation, observation

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        error = action - state
        end = jnp.bool_(True)
        return state, Step(state, -(error**2).sum(), end, ~end)


TARGET = Target(EnvSpec(1, 0, 1, -1.0, 1.0, 2))


class Hold(struct.PyTreeNode):
    """A continuous task that always looks the same: the reward is 1 - (action - best)^2.

    After HORIZON steps it terminates, or is only truncated. Batch its leaves to have several.
    """

    best: Float[Array, ""]
    terminates: Bool[Array, ""]
    spec: EnvSpec = struct.field(pytree_node=False)

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        return jnp.int32(0), jnp.array([0.5])

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        time = state + 1
        over = time >= self.spec.horizon
        reward = 1 - ((action - self.best) ** 2).sum()
        terminated = over & self.terminates
        return time, Step(jnp.array([0.5]), reward, terminated, over & ~self.terminates)


def hold(terminates: bool, best: float = -2.0) -> Hold:
    """Bounds that are neither symmetric nor of width 2."""
    spec = EnvSpec(1, 0, 1, -3.0, 1.0, HORIZON)
    return Hold(jnp.float32(best), jnp.bool_(terminates), spec)


KINDS: dict[str, type[settings.Section]] = {
    "agent": settings.Agent,
    "task": settings.Task,
    "synth": settings.Synth,
    "meta": settings.Meta,
}


def section(kind: str, name: str, **changes: Any) -> Any:
    """The settings of conf/, with changes such as `static={"num_envs": 2}`."""
    return KINDS[kind].read(merged(definition(kind, name), changes))


def task_section(**changes: Any) -> settings.Task:
    """The settings of a probe as a task, by default with a horizon of one step."""
    values = {
        "name": "probe",
        "id": "action by observation",
        "module": "probes",
        "observation_size": 1,
        "observation_names": ["what is seen"],
        "num_states": 0,
        "action": {"kind": "discrete", "size": 2, "low": -1.0, "high": 1.0},
        "horizon": 1,
        "solved": 1.0,
        "reference": {"random": 0.0, "expert": None},
        "published": {},
        "info": [],
        "options": {},
        "surface": [],
        "tuned": {},
    }
    return settings.Task.read(merged(values, changes))


def make(task: settings.Task) -> Table:
    """The task of such settings."""
    return PROBES[task.id].replace(spec=spec(task.horizon))


TINY = {
    **{
        name: {
            "static": {
                "num_envs": 4,
                "num_steps": 8,
                "num_epochs": 2,
                "num_minibatches": 2,
                "hidden": [8],
            }
        }
        for name in ("ppo", "dpo", "lpo")
    },
    "dqn": {
        "static": {
            "num_envs": 4,
            "buffer_size": 64,
            "warmup": 16,
            "batch_size": 8,
            "hidden": [8, 8],
        }
    },
    "sac": {
        "static": {
            "num_envs": 4,
            "buffer_size": 64,
            "warmup": 16,
            "batch_size": 8,
            "hidden": [8, 8],
        }
    },
    **{
        name: {
            "static": {
                "num_envs": 4,
                "buffer_size": 64,
                "warmup": 16,
                "warmup_episodes": 0,
                "batch_size": 8,
                "hidden": [8, 8],
            }
        }
        for name in ("ddpg", "td3", "discrete_td3")
    },
}


def tiny(name: str, **changes: Any) -> settings.Agent:
    """The settings of an agent that compiles and trains fast."""
    agent: settings.Agent = section("agent", name, **merged(TINY[name], changes))
    return agent


def defaults(agent: settings.Agent, **changes: float) -> dict[str, Any]:
    """The agent's hyperparameters as traced numbers, some of them changed."""
    values = {**agent.hyperparameters, **changes}
    return {name: jnp.float32(value) for name, value in values.items()}


def free_address() -> str:
    """Of this machine, where nobody listens at the moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"
