"""A look into a bandit: its knowledge of the task.

After Liesen et al. 2024, who look into theirs in the same ways.
The action that pays best is a policy without any training. It is judged on the real task beside
agents trained in the bandit, and all of them by what they depend on: observations that matter,
symmetries of the task, and where contexts lie among the states that trained agents visit.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PyTree

from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.core.display import say
from synthgym.core.io import write_table
from synthgym.core.job import Inputs
from synthgym.core.rng import root, stream
from synthgym.core.settings import Config, Mirror
from synthgym.core.types import Action, Agent, Observation, Policy, PRNGKey
from synthgym.synth import stored
from synthgym.synth.env import SyntheticEnv
from synthgym.tasks import base as tasks
from synthgym.tasks.rollout import episode_returns, episodes, uniform_action

TABLES = ("policies", "importance", "symmetry", "states")
STARTS, ASCENTS, PACE = 16, 25, 0.1  # of the search for the best continuous action
NUDGE = 0.05  # standard deviations, for finite differences
GREEDY, TRAINED, RANDOM = "best paid", "trained", "random"
Output = Callable[[Observation], Float[Array, " k"]]


def run(config: Config, inputs: Inputs, out: Path, checkpoint: Path) -> list[str]:
    """Write policies, importance, symmetry and states, each as <name>.parquet."""
    (path,) = inputs["environment"]
    env = stored.load(path, config)
    for name, table in tables(config, env).items():
        write_table(out / f"{name}.parquet", table)
    return [f"{name}.parquet" for name in TABLES]


def tables(config: Config, env: SyntheticEnv) -> dict[str, pd.DataFrame]:
    """All tables for one bandit, with the first of the job's agents."""
    settings, task = config.insight, tasks.load(config.task)
    key = stream(root(config.seed), "insight")
    algorithm = next(iter(config.agents.values()))
    agent = agents.load(algorithm, env.spec)
    drawn = spaces.draw(key, algorithm, settings.agents, "default")
    keys = jax.random.split(stream(key, "agents"), settings.agents)

    @jax.jit  # the environment is an argument, so that those of a kind share a compiled program
    @partial(jax.vmap, in_axes=(None, 0, 0))
    def train_and_test(env, hyperparameters, key):
        key_train, key_test, key_visit = jax.random.split(key, 3)
        params, _ = agents.train(agent, env, hyperparameters, key_train, config.transfer.steps)
        policy = partial(agent.act, params)
        returns, _ = episode_returns(key_test, task, policy, settings.episodes)
        seen, happened = episodes(key_visit, task, policy, settings.visits)
        return params, returns, seen.observation, happened

    params, trained, seen, happened = train_and_test(env, drawn, keys)

    def best_paid(key: PRNGKey, observation: Observation) -> Action:
        return best_action(env, observation)

    def tested(policy: Policy) -> np.ndarray:
        count = settings.episodes * settings.agents
        key_test = stream(key, "test")
        return np.asarray(jax.jit(partial(episode_returns, key_test, task, policy, count))()[0])

    returns = {
        GREEDY: tested(best_paid),
        TRAINED: np.asarray(trained).reshape(-1),
        RANDOM: tested(partial(uniform_action, task.spec)),
    }
    say(", ".join(f"{name} {x.mean():.1f}" for name, x in returns.items()))
    visited = np.asarray(seen)[np.asarray(happened)]
    rng = np.random.default_rng(config.seed)
    states = visited[rng.choice(len(visited), min(settings.states, len(visited)), replace=False)]
    outputs = {GREEDY: partial(paid, env)}
    outputs |= {
        f"{TRAINED} {i}": partial(preferred, agent, _rows(params, i))
        for i in range(settings.agents)
    }
    contexts = jax.vmap(env.reset)(jax.random.split(stream(key, "contexts"), len(states)))[1]
    names = config.task.observation_names
    return {
        "policies": pd.concat(
            [pd.DataFrame({"policy": name, "return_": x}) for name, x in returns.items()],
            ignore_index=True,
        ),
        "importance": importance(outputs, states, names, env.spec.discrete, rng),
        "symmetry": symmetry(outputs, states, config.mirror, env.spec.discrete),
        "states": pd.concat(
            [
                pd.DataFrame(np.asarray(x), columns=list(names)).assign(source=source)
                for source, x in (("context", contexts), ("visited", states))
            ],
            ignore_index=True,
        ).melt(id_vars="source", var_name="quantity", value_name="value", ignore_index=True),
    }


def best_action(env: SyntheticEnv, observation: Observation) -> Action:
    """The best paid action: of all discrete ones; of continuous ones by ascent from several."""
    spec = env.spec
    if spec.discrete:
        return paid(env, observation).argmax()
    width, size = (spec.action_high - spec.action_low) / 2, spec.action_size

    def ascend(action: Float[Array, " a"], i: Int[Array, ""]) -> tuple[Float[Array, " a"], None]:
        slope = jax.grad(lambda a: env.reward(observation, a))(action)
        step = PACE * width * (1 - i / ASCENTS) * slope / (jnp.abs(slope).max() + 1e-8)
        return jnp.clip(action + step, spec.action_low, spec.action_high), None

    corners = jax.random.uniform(jax.random.key(0), (STARTS, size), minval=-1.0)
    starts = spec.action_low + width * (1 + corners)
    ends = jax.vmap(lambda a: jax.lax.scan(ascend, a, jnp.arange(ASCENTS))[0])(starts)
    return ends[jax.vmap(env.reward, (None, 0))(observation, ends).argmax()]


def paid(env: SyntheticEnv, observation: Observation) -> Float[Array, " k"]:
    """The reward of each discrete action, or the continuous action that pays best."""
    if not env.spec.discrete:
        return best_action(env, observation)
    return jax.vmap(env.reward, (None, 0))(observation, jnp.arange(env.spec.num_actions))


def preferred(agent: Agent, params: PyTree, observation: Observation) -> Float[Array, " k"]:
    """An agent's preferences over discrete actions, or the continuous one that it prefers."""
    return agent.preferences(params, observation)


def importance(
    outputs: Mapping[str, Output],
    states: Float[np.ndarray, "S o"],
    names: Sequence[str],
    discrete: bool,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Importance of each observation to each policy: changes without it, and with a little more.

    permutation: where it is another state's, the share of states in which another discrete action
    is best, or by how much of the bounds' half width continuous actions differ. gradient: change
    of the output (discrete: centred over actions), per standard deviation of the observation; of
    all observations together 1.
    """
    spread, rows = states.std(0), []
    for policy, output in outputs.items():
        act = jax.jit(jax.vmap(output))
        base, slopes, lost = _centred(act(states), discrete), [], []
        for d in range(states.shape[1]):
            mixed = states.copy()
            mixed[:, d] = rng.permutation(states[:, d])
            lost.append(_difference(base, _centred(act(mixed), discrete), discrete))
            nudge = np.zeros_like(states)
            nudge[:, d] = NUDGE * spread[d]
            more, less = (_centred(act(x), discrete) for x in (states + nudge, states - nudge))
            change = more - less
            slopes.append(np.linalg.norm(change, axis=1).mean())
        total = sum(slopes) or 1.0
        rows += [
            {
                "policy": policy,
                "quantity": name,
                "permutation": lost[d],
                "gradient": slopes[d] / total,
            }
            for d, name in enumerate(names)
        ]
    return pd.DataFrame(rows)


def symmetry(
    outputs: Mapping[str, Output],
    states: Float[np.ndarray, "S o"],
    mirror: Mirror | None,
    discrete: bool,
) -> pd.DataFrame:
    """How often a policy does in the mirror what the mirror image of its action is.

    Continuous actions: correlation of the two, over all dimensions. No row for a task without one.
    """
    rows = []
    for policy, output in outputs.items() if mirror else ():
        assert mirror
        act = jax.jit(jax.vmap(output))
        action = np.asarray(act(states))
        mirrored = np.asarray(act(states * np.asarray(mirror.observation, np.float32)))
        if discrete:
            images = np.asarray(mirror.action)[action.argmax(1)]
            agreement = float((mirrored.argmax(1) == images).mean())
        else:
            images = action * np.asarray(mirror.action, np.float32)
            flat = np.stack([mirrored.reshape(-1), images.reshape(-1)])
            agreement = float(np.corrcoef(flat)[0, 1]) if (flat.std(1) > 1e-9).all() else 0.0
        rows.append({"policy": policy, "agreement": agreement})
    return pd.DataFrame(rows, columns=["policy", "agreement"])


def _centred(output: ArrayLike, discrete: bool) -> np.ndarray:
    x = np.asarray(output)
    return x - x.mean(1, keepdims=True) if discrete else x


def _difference(x: np.ndarray, y: np.ndarray, discrete: bool) -> float:
    if discrete:
        return float((x.argmax(1) != y.argmax(1)).mean())
    return float(np.abs(x - y).mean())


def _rows(tree: PyTree, i: int) -> PyTree:
    return jax.tree.map(lambda x: x[i], tree)
