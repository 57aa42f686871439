"""Classic-control tasks from gymnax (Lange 2022), whose dynamics are Gymnasium's.

Their physics may be others, or differ from episode to episode: domain randomisation (Tobin et al.
2017). `options: {physics: {length: [0.25, 1.0]}}` of CartPole: half of the episodes with a pole of
half the length, half of them with one of twice the length.
"""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import gymnax
import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments.classic_control.cartpole import CartPole
from gymnax.environments.classic_control.continuous_mountain_car import ContinuousMountainCar
from gymnax.environments.spaces import Discrete
from jaxtyping import Array, Float, PyTree

from synthgym.core import settings
from synthgym.core.spec import spec_of
from synthgym.core.types import Action, EnvSpec, Observation, PRNGKey, Step
from synthgym.tasks.base import check


class WalledMountainCar(ContinuousMountainCar):
    """MountainCarContinuous-v0 as in Gymnasium: the left wall stops the car.

    gymnax 1.0.1 looks for the goal where it should look for that wall, so a car that drives
    against it keeps its speed, and needs longer to swing up.
    """

    def step_env(
        self, key: PRNGKey, state: PyTree, action: Action, params: PyTree
    ) -> tuple[Array, PyTree, Array, Array, dict[str, PyTree]]:
        force = jnp.clip(action, params.min_action, params.max_action).reshape(())
        velocity = state.velocity + force * params.power
        velocity = velocity - params.gravity * jnp.cos(3 * state.position)
        velocity = jnp.clip(velocity, -params.max_speed, params.max_speed)
        position = state.position + velocity
        position = jnp.clip(position, params.min_position, params.max_position)
        at_wall = (position <= params.min_position) & (velocity < 0)
        velocity = jnp.where(at_wall, 0.0, velocity)
        state = state.replace(position=position, velocity=velocity, time=state.time + 1)
        terminated = self.is_terminated(state, params)
        reward = 100.0 * terminated - 0.1 * jnp.sum(jnp.square(action))
        return self.get_obs(state), state, reward, terminated, {}


# What gymnax does not have, or has otherwise than Gymnasium.
OURS: Mapping[str, type] = MappingProxyType(
    {
        "CartPole-v0": CartPole,  # v1 with another horizon, which conf/task/cartpole_v0.yaml says
        "MountainCarContinuous-v0": WalledMountainCar,
    }
)


# Parameters that follow from others: CartPole's.
FOLLOWING = MappingProxyType(
    {
        "total_mass": lambda params: params.masscart + params.masspole,
        "polemass_length": lambda params: params.masspole * params.length,
    }
)


class Episode(NamedTuple):
    """A state of gymnax, and the physics of its episode."""

    state: PyTree
    physics: dict[str, Float[Array, ""]]


class GymnaxTask(struct.PyTreeNode):
    """A gymnax environment as an `Env`. Has no leaves: everything about a real task is fixed.

    An image is observed in one axis: row by row, and cell by cell. `physics`: parameters of which
    each episode draws one of several values; they are not observed.
    """

    spec: EnvSpec = struct.field(pytree_node=False)
    id: str = struct.field(pytree_node=False)
    physics: tuple[tuple[str, tuple[float, ...]], ...] = struct.field(pytree_node=False, default=())

    def reset(self, key: PRNGKey) -> tuple[PyTree, Observation]:
        env, params = of_gymnax(self.id, self.spec.horizon)
        if not self.physics:
            observation, state = env.reset_env(key, params)
            return state, _flat(observation)
        key, *keys = jax.random.split(key, 1 + len(self.physics))
        drawn = {
            name: jax.random.choice(key_drawn, jnp.array(values))
            for key_drawn, (name, values) in zip(keys, self.physics, strict=True)
        }
        observation, state = env.reset_env(key, _with_physics(params, drawn))
        return Episode(state, drawn), _flat(observation)

    def step(self, key: PRNGKey, state: PyTree, action: Action) -> tuple[PyTree, Step]:
        env, params = of_gymnax(self.id, self.spec.horizon)
        drawn = {}
        if self.physics:
            state, drawn = state
            params = _with_physics(params, drawn)
        observation, state, reward, terminated, _ = env.step_env(key, state, action, params)
        terminated = jnp.asarray(terminated, bool)
        truncated = env.is_truncated(state, params) & ~terminated
        reward = jnp.asarray(reward, jnp.float32).reshape(())
        state = Episode(state, drawn) if self.physics else state
        return state, Step(_flat(observation), reward, terminated, truncated)


def make(task: settings.Task) -> GymnaxTask:
    """The task of a config section.

    Raises ValueError where the section contradicts the environment.
    """
    env, params = of_gymnax(task.id, int(task.horizon))
    space = env.action_space(params)
    discrete = isinstance(space, Discrete)
    true = {
        "observation_size": env.observation_space(params).shape[0],
        "num_states": 0,
        "action.kind": "discrete" if discrete else "continuous",
        "action.size": env.num_actions,
    }
    if not discrete:
        true |= {"action.low": float(space.low), "action.high": float(space.high)}
    check(task, true, options=("physics",))
    options: Mapping[str, Any] = task.options
    physics = {name: tuple(map(float, some)) for name, some in options.get("physics", {}).items()}
    known = [field.name for field in fields(params) if field.type is float]
    known = [name for name in known if name not in FOLLOWING]
    for name in physics:
        if name not in known:
            place = f"conf/task/{task.name}.yaml: options.physics"
            raise ValueError(f"{place}: {task.id} has no {name}, only {', '.join(known)}.")
    return GymnaxTask(spec=spec_of(task), id=task.id, physics=tuple(sorted(physics.items())))


def _with_physics(params: PyTree, drawn: Mapping[str, Float[Array, ""]]) -> PyTree:
    """Parameters of gymnax with others in their place, and those that follow from these."""
    params = params.replace(**drawn)
    following = {name: of(params) for name, of in FOLLOWING.items() if hasattr(params, name)}
    return params.replace(**following)


def _flat(observation: Array) -> Observation:
    return observation.astype(jnp.float32).reshape(-1)


@cache
def of_gymnax(name: str, horizon: int) -> tuple[Any, Any]:
    """The environment and its parameters, by its ID."""
    with jax.ensure_compile_time_eval():  # what is kept must not belong to a trace
        if name in OURS:
            env = OURS[name]()
            params = env.default_params
        else:
            env, params = gymnax.make(name)
    return env, params.replace(max_steps_in_episode=horizon)
