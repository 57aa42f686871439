"""Locomotion tasks from Brax (Freeman et al. 2021), which is an extra: `synthgym[brax]`."""

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float, Int, PyTree

from synthgym.core import settings
from synthgym.core.extras import installation
from synthgym.core.spec import spec_of
from synthgym.core.types import Action, EnvSpec, Observation, PRNGKey, Step
from synthgym.tasks.base import check

BACKENDS = ("generalized", "positional", "spring", "mjx")
# Known and harmless in brax 0.14.2, mujoco 4.0.0 and mjx 3.17.0; whatever else they say is seen.
HARMLESS_WARNINGS = (
    "JAXopt is no longer maintained",
    "Brax System, piplines and environments are not actively being maintained",
    "Accessing `.*` directly from `Data` is deprecated",
)
HARMLESS_LINES = ("Failed to import warp", "Failed to import mujoco_warp")  # an engine unused here
HARMLESS_COMPLAINT = "'settotalmass' is deprecated"  # of mujoco, about Brax's half-cheetah


class Body(NamedTuple):
    """A state of Brax, and since when its episode lasts."""

    brax: PyTree
    time: Int[Array, ""]  # steps of this episode


class BraxTask(struct.PyTreeNode):
    """A Brax environment as an `Env`. Has no leaves: everything about a real task is fixed.

    Brax's `done` is termination; the time limit is counted here. Each episode begins in a new
    state, unlike those of Brax's `AutoResetWrapper`, which all begin in the first one's.
    """

    spec: EnvSpec = struct.field(pytree_node=False)
    id: str = struct.field(pytree_node=False)
    backend: str = struct.field(pytree_node=False)

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        env = _environment(self.id, self.backend)
        with _tracing():
            state = env.reset(key)
        return Body(state, jnp.int32(0)), state.obs.astype(jnp.float32)

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        env = _environment(self.id, self.backend)
        with _tracing():
            new = env.step(state.brax, action)
        time = state.time + 1
        terminated = new.done > 0
        truncated = (time >= self.spec.horizon) & ~terminated
        reward = new.reward.astype(jnp.float32)
        return Body(new, time), Step(new.obs.astype(jnp.float32), reward, terminated, truncated)

    @property
    def info_names(self) -> tuple[str, ...]:
        """The metrics of Brax, by name; of half-cheetah: its reward's terms, place and speed."""
        return metrics(self.id, self.backend)

    def info(self, state: PyTree) -> Float[Array, " i"]:
        values = [state.brax.metrics[name] for name in self.info_names]
        return jnp.stack(values).astype(jnp.float32)


def make(task: settings.Task) -> BraxTask:
    """The task of a config section.

    Raises ValueError where the section contradicts the environment, and ModuleNotFoundError where
    Brax is not installed.
    """
    file = f"conf/task/{task.name}.yaml"
    try:
        known = _library()._envs
    except ModuleNotFoundError as error:
        sentence = f"{file} needs Brax, which is not here: {installation('brax')}."
        raise ModuleNotFoundError(f"{sentence} ({error})", name=error.name) from error
    backend = str(task.options.get("backend"))
    for kind, value, values in (("environment", task.id, known), ("backend", backend, BACKENDS)):
        if value not in values:
            raise ValueError(f"{file}: Brax has no {kind} {value}, only {', '.join(values)}.")
    env = _environment(task.id, backend)
    with _tracing():
        first = jax.eval_shape(env.reset, jax.random.key(0))
    true = {
        "observation_size": first.obs.shape[0],
        "num_states": 0,
        "action.kind": "continuous",
        "action.size": env.action_size,
        "action.low": -1.0,
        "action.high": 1.0,
    }
    check(task, true, options=["backend"])
    return BraxTask(spec=spec_of(task), id=task.id, backend=backend)


@cache
def metrics(name: str, backend: str) -> tuple[str, ...]:
    """Names of what Brax's environment tells of a step besides its reward, sorted."""
    with _tracing():
        state = jax.eval_shape(_environment(name, backend).reset, jax.random.key(0))
    return tuple(sorted(state.metrics))


@cache
def _environment(name: str, backend: str) -> Any:
    """Brax's environment, without time limit and automatic reset."""
    envs = _library()
    import mujoco

    # Else what mujoco says goes to the terminal, and to MUJOCO_LOG.TXT in the working directory.
    mujoco.set_mju_user_warning(_complain)
    try:
        # What is kept must not belong to a trace.
        with _tracing(), jax.ensure_compile_time_eval():
            return envs.get_environment(name, backend=backend)
    finally:
        mujoco.set_mju_user_warning(None)


@cache
def _library() -> Any:
    """Brax's environments, imported without what it and mujoco say when they are."""
    printed = io.StringIO()
    with _without_warnings(), contextlib.redirect_stdout(printed):
        from brax import envs
    lines = printed.getvalue().splitlines(keepends=True)
    sys.stdout.writelines(line for line in lines if not line.startswith(HARMLESS_LINES))
    return envs


def _complain(message: str) -> None:
    if HARMLESS_COMPLAINT not in message:
        warnings.warn(f"mujoco: {message}", stacklevel=2)


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        for message in HARMLESS_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        yield


class _Numpy:
    """jax.numpy for `brax.fluid`, which calls `clip` with the name that JAX 0.10 removed."""

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)

    @staticmethod
    def clip(array: Array, a_min: Array) -> Array:
        return jnp.maximum(array, a_min)


@contextlib.contextmanager
def _tracing() -> Iterator[None]:
    """While Brax's code runs, it is quiet, and its swimmer can swim; nothing stays changed."""
    from brax import fluid

    numpy = fluid.jp
    fluid.jp = _Numpy()
    try:
        with _without_warnings():
            yield
    finally:
        fluid.jp = numpy
