"""rejax's side (Liesen et al.; version 0.1.3): the same generation, its own training under `vmap`.

Differences that are its own and stay: every bandit step goes through its general path, a batch is
drawn from the buffer without replacement, gradients are clipped element by element, PPO's actor and
critic have an optimiser each, and truncated episodes count as terminated.
"""

import time
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from gymnax import make as make_gymnax
from gymnax.environments import spaces
from gymnax.wrappers import LegacyStepAPIWrapper
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import PyTree
from rejax import get_algo
from rejax.algos.td3 import TD3
from rejax.evaluate import evaluate
from rejax.networks import DuelingQNetwork

from benchmarks.cases import SEED, Case
from benchmarks.ours import Run
from synthgym.tasks.base import step_and_reset


class Params(struct.PyTreeNode):
    """Parameters of a `Bandit`."""

    theta: PyTree
    max_steps_in_episode: int = struct.field(pytree_node=False, default=1)


class Bandit:
    """A synthetic environment with gymnax's interface before 1.0, which rejax expects."""

    def __init__(self, case: Case):
        self.env, self.default_params = case.bandit(), Params(theta=None)

    def __deepcopy__(self, memo: Any) -> "Bandit":
        return self  # rejax copies its configuration, and programs know an environment by identity

    def reset(self, key: Any, params: Params) -> tuple[Any, Any]:
        state, observation = self.env.replace(theta=params.theta).reset(key)
        return observation, state

    def step(self, key: Any, state: Any, action: Any, params: Params) -> tuple[Any, ...]:
        env = self.env.replace(theta=params.theta)
        state, observation, step = step_and_reset(env, key, state, action)
        return observation, state, step.reward, step.terminated | step.truncated, {}

    def observation_space(self, params: Params) -> spaces.Box:
        return spaces.Box(-jnp.inf, jnp.inf, (self.env.spec.observation_size,))

    def action_space(self, params: Params) -> Any:
        spec = self.env.spec
        if spec.discrete:
            return spaces.Discrete(spec.num_actions)
        return spaces.Box(spec.action_low, spec.action_high, (spec.action_size,))


class Task(LegacyStepAPIWrapper):
    """A gymnax 1.0 environment with the interface before; copies of it are itself."""

    def __getattr__(self, name: str) -> Any:
        if name == "_env" or name.startswith("__"):
            raise AttributeError(name)  # `copy` asks an instance that is still empty
        return getattr(self._env, name)

    def __deepcopy__(self, memo: Any) -> "Task":
        return self


class DDPG(TD3):
    """rejax 0.1.3 has none: its TD3 with one critic, neither target noise nor delay."""

    num_critics: int = struct.field(pytree_node=False, default=1)
    policy_delay: int = struct.field(pytree_node=False, default=1)

    def update_critic(self, ts: Any, minibatch: Any) -> Any:
        action = self.actor.apply(ts.actor_target_params, minibatch.next_obs)
        (value_t,) = self.vmap_critic(ts.critic_target_params, minibatch.next_obs, action)
        target = minibatch.reward + (1 - minibatch.done) * self.gamma * value_t

        def loss(params: Any) -> Any:
            (value,) = self.vmap_critic(params, minibatch.obs, minibatch.action)
            return optax.l2_loss(value, target).mean()

        gradient = jax.grad(loss)(ts.critic_ts.params)
        return ts.replace(critic_ts=ts.critic_ts.apply_gradients(grads=gradient))


def generation(case: Case, spread: bool = False) -> Run:
    """Compiled; each call trains and tests a population, and says how it went.

    `spread`: the population is split over all devices (cores), under `vmap` on each; else one
    device has it, and XLA's own threads.
    """
    task, task_params = make_gymnax(case.task.id)
    task = Task(task)

    def test(algo: Any, ts: Any, key: Any) -> Any:
        return evaluate(algo.make_act(ts), key, task, task_params, case.episodes, case.task.horizon)

    algorithm = DDPG if case.agent.name == "ddpg" else get_algo(case.agent.name)
    algo = algorithm.create(
        env=Bandit(case),
        env_params=Params(theta=None),
        total_timesteps=case.steps,
        eval_freq=case.steps,
        skip_initial_evaluation=True,
        **settings(case),
    ).replace(eval_callback=test)
    if case.agent.name == "sac" and case.spec.discrete and case.agent.static["dueling"]:
        # As when Liesen et al. published; 0.1.3 has critics of its own without.
        critic = DuelingQNetwork((64, 64), algo.critic.activation, case.spec.num_actions)
        algo = algo.replace(critic=critic)

    def train(theta: PyTree, key: Any) -> Any:
        ts, (lengths, returns) = algo.replace(env_params=Params(theta=theta)).train(rng=key)
        learner = ts.q_ts if case.agent.name == "dqn" else ts.critic_ts
        return lengths.sum(), returns.mean(), learner.step

    population = jax.vmap(train, (0, None))
    if spread:
        mesh = Mesh(jax.devices(), ("P",))
        split, whole = PartitionSpec("P"), PartitionSpec()
        population = jax.shard_map(
            population, mesh=mesh, in_specs=(split, whole), out_specs=split, check_vma=False
        )
    arguments = (case.candidates().theta, jax.random.PRNGKey(SEED))
    compiled = jax.jit(population).lower(*arguments).compile()

    def run() -> dict[str, Any]:
        begun, used = time.perf_counter(), time.process_time()
        lengths, returns, updates = jax.block_until_ready(compiled(*arguments))
        return {
            "seconds": time.perf_counter() - begun,
            "core_seconds": time.process_time() - used,
            "updates": int(updates[0]),
            "steps": case.steps,
            "test_steps": int(lengths.sum()),
            "return": float(returns.mean()),
        }

    return run


def settings(case: Case) -> dict[str, Any]:
    """The settings of conf/agent/<name>.yaml in rejax's words."""
    static = SimpleNamespace(**case.agent.static)
    h = SimpleNamespace(**case.agent.hyperparameters)
    if tuple(static.hidden) != (64, 64):
        raise ValueError("rejax 0.1.3 has hidden layers of 64 and 64 only.")
    translate = {"ppo": _ppo, "dqn": _dqn, "sac": _sac, "ddpg": _td3, "td3": _td3}
    if case.agent.name not in translate:
        raise ValueError(f"rejax 0.1.3 has no {case.agent.name}.")
    common = {"learning_rate": h.learning_rate, "gamma": h.gamma, "num_envs": static.num_envs}
    if case.agent.name != "sac":  # which has no limit
        common["max_grad_norm"] = h.max_grad_norm
    if case.agent.name != "ppo":
        common["buffer_size"] = static.buffer_size
        common["batch_size"] = static.batch_size
        common["num_epochs"] = static.num_updates
    return common | translate[case.agent.name](static, h)


def _ppo(static: Any, h: Any) -> dict[str, Any]:
    return {
        "agent_kwargs": {"activation": static.activation},
        "num_steps": static.num_steps,
        "num_epochs": static.num_epochs,
        "num_minibatches": static.num_minibatches,
        "gae_lambda": h.gae_lambda,
        "clip_eps": h.clip,
        "vf_coef": h.value_coefficient,
        "ent_coef": h.entropy_coefficient,
    }


# `fill_buffer`: learning starts with more transitions, and ours with at least `warmup`. DQN and TD3
# compare before the transitions of the iteration are there, SAC after.


def _dqn(static: Any, h: Any) -> dict[str, Any]:
    return {
        "agent": "DuelingQNetwork" if static.dueling else "QNetwork",
        "agent_kwargs": {"activation": static.activation},
        "fill_buffer": static.warmup - 1 - static.num_envs,
        "eps_start": h.epsilon_start,
        "eps_end": h.epsilon_end,
        "exploration_fraction": h.epsilon_fraction,
        "target_update_freq": int(h.target_period),
        "polyak": 0.0,
        "ddqn": bool(h.double),
    }


def _sac(static: Any, h: Any) -> dict[str, Any]:
    return {
        "agent_kwargs": {"activation": static.activation},
        "fill_buffer": static.warmup - 1,
        "polyak": 1.0 - h.tau,
        "target_entropy_ratio": h.target_entropy_ratio,
    }


def _td3(static: Any, h: Any) -> dict[str, Any]:
    smoothing = {}
    if static.target_smoothing:
        smoothing = {"target_noise": h.target_noise, "target_noise_clip": h.target_noise_clip}
    return smoothing | {
        "actor_kwargs": {"activation": static.activation},
        "critic_kwargs": {"activation": static.activation},
        "fill_buffer": static.warmup - 1 - static.num_envs,
        "polyak": 1.0 - h.tau,
        "exploration_noise": h.noise,
        "policy_delay": static.policy_delay,
        "num_critics": static.num_critics,
    }
