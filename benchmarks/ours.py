"""SynthGym's side: a generation as `synthgym metatrain` computes it, and steps of tasks."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from benchmarks.cases import SEED, Case
from synthgym.agents import base as agents
from synthgym.agents import spaces
from synthgym.core import settings
from synthgym.core.definitions import definition
from synthgym.core.parallel import devices_for
from synthgym.core.rng import root, stream
from synthgym.core.types import Action, EnvSpec, PRNGKey
from synthgym.meta import fitness
from synthgym.tasks import base as tasks

Run = Callable[[], dict[str, Any]]


def generation(case: Case) -> Run:
    """Compiled; each call trains and tests a population, and says how it went."""
    envs = case.candidates()
    agent = agents.load(case.agent, case.spec)
    trial = fitness.Trial(agent, tasks.load(case.task), case.steps, case.episodes)
    setting = spaces.default(case.agent)
    one_rollout = ({k: v[None] for k, v in setting.items()}, stream(root(SEED), "try")[None])
    one_search = jax.tree.map(lambda x: x[None], (envs, *one_rollout))
    arguments = (*one_search, jnp.array([trial.task.spec.horizon], jnp.int32))
    mean = envs.replace(theta=jax.tree.map(lambda x: x[0], envs.theta))
    chunk = fitness.chunk(trial, mean, setting)
    compiled: Any = fitness.over_populations(trial, chunk, devices_for(case.population))
    compiled = compiled.lower(*arguments).compile()
    taken = agents.iterations(agent, case.steps) * agent.steps_per_iteration

    def run() -> dict[str, Any]:
        begun, used = time.perf_counter(), time.process_time()
        tried = jax.block_until_ready(compiled(*arguments))
        return {
            "seconds": time.perf_counter() - begun,
            "core_seconds": time.process_time() - used,
            "updates": agent.updates(taken),
            "steps": taken,
            "test_steps": int(tried.real_steps.sum()),
            "return": float(tried.return_.mean()),
        }

    return run


def steps_per_second(name: str, num_envs: int = 64, at_least: float = 1.0) -> float:
    """Environment steps per second of a real task: random actions, one jitted scan, one device.

    No reset within the 100 steps of a scan; repeated for `at_least` seconds, once compiled.
    """
    task = tasks.load(settings.Task.read(definition("task", name)))

    def scan(key: PRNGKey) -> Any:
        key_reset, key_steps = jax.random.split(key)
        states, _ = jax.vmap(task.reset)(jax.random.split(key_reset, num_envs))

        def advance(states: Any, t: Any) -> Any:
            keys = jax.random.split(jax.random.fold_in(key_steps, t), (num_envs, 2))
            actions = jax.vmap(lambda key: random_action(key, task.spec))(keys[:, 0])
            states, step = jax.vmap(task.step)(keys[:, 1], states, actions)
            return states, (step.reward, step.observation.sum())

        return jax.lax.scan(advance, states, jnp.arange(100))[1]

    compiled = jax.jit(scan).lower(root(SEED)).compile()
    begun, scans = time.perf_counter(), 0
    while scans == 0 or time.perf_counter() - begun < at_least:
        jax.block_until_ready(compiled(jax.random.fold_in(root(SEED), scans)))
        scans += 1
    return scans * 100 * num_envs / (time.perf_counter() - begun)


def random_action(key: PRNGKey, spec: EnvSpec) -> Action:
    """Uniform over all actions."""
    if spec.discrete:
        return jax.random.randint(key, (), 0, spec.num_actions)
    return jax.random.uniform(
        key, (spec.action_size,), jnp.float32, spec.action_low, spec.action_high
    )


def products_per_second(sizes: tuple[int, ...] = (16, 128, 1024), repeats: int = 50) -> float:
    """Floating-point operations per second in batched 64 x 64 float32 products, all devices.

    The best over the batch `sizes` per device, each tried for at least 0.2 s.
    """
    mesh = Mesh(jax.devices(), ("P",))
    split = PartitionSpec("P")

    def many(xs: Any, ws: Any) -> Any:
        return jax.lax.fori_loop(0, repeats, lambda _, xs: xs @ ws, xs)

    best = 0.0
    for size in sizes:
        xs = jax.random.normal(root(SEED), (size * mesh.size, 64, 64), jnp.float32)
        ws = jnp.broadcast_to(jnp.eye(64), xs.shape)  # so that nothing overflows
        product = jax.jit(
            jax.shard_map(
                many, mesh=mesh, in_specs=(split, split), out_specs=split, check_vma=False
            )
        )
        jax.block_until_ready(product(xs, ws))
        begun, calls = time.perf_counter(), 0
        while calls == 0 or time.perf_counter() - begun < 0.2:
            jax.block_until_ready(product(xs, ws))
            calls += 1
        seconds = time.perf_counter() - begun
        best = max(best, calls * repeats * len(xs) * 2 * 64**3 / seconds)
    return best
