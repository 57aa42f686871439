"""What is measured: one generation of meta-training, as Liesen et al. 2024 set it.

Each of a population of synthetic bandits trains one agent for 10,000 steps, and each agent is then
tested in 50 episodes of the real task. Both sides get the same environments, settings (those of
conf/agent/) and, over the population, common random numbers.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from synthgym.core import settings
from synthgym.core.definitions import definition
from synthgym.core.rng import root, stream
from synthgym.core.types import EnvSpec
from synthgym.synth import env as synth
from synthgym.synth.env import SyntheticEnv

PAIRS = {  # what there is to choose from: name -> (agent, task)
    "ppo": ("ppo", "cartpole"),
    "dqn": ("dqn", "cartpole"),
    "sac": ("sac", "cartpole"),
    "sac_continuous": ("sac", "pendulum"),
    "ddpg": ("ddpg", "pendulum"),
    "td3": ("td3", "pendulum"),
}
SEED = 0


@dataclass(frozen=True)
class Case:
    """One generation of one agent."""

    name: str  # of PAIRS
    population: int = 128
    steps: int = 10_000  # of training in the synthetic environment
    episodes: int = 50  # of testing on the real task

    @property
    def agent(self) -> settings.Agent:
        """The settings of conf/agent/."""
        return settings.Agent.read(definition("agent", PAIRS[self.name][0]))

    @property
    def task(self) -> settings.Task:
        """The settings of conf/task/."""
        return settings.Task.read(definition("task", PAIRS[self.name][1]))

    @property
    def spec(self) -> EnvSpec:
        return self.bandit().spec

    def bandit(self) -> SyntheticEnv:
        """The synthetic environment, without parameters."""
        return synth.make(settings.Synth.read(definition("synth", "bandit")), self.task)

    def candidates(self) -> SyntheticEnv:
        """What an evolution strategy would try: `P` environments around one.

        For CartPole that is one in which agents learn the task, so that tests are as long as they
        are late in meta-training. Pendulum's are always.
        """
        env, sigma = self.bandit(), definition("meta", "snes")["sigma"]
        theta = synth.init_theta(stream(root(SEED), "theta"), env)
        if self.task.name == "cartpole":
            theta["reward"] = pays_for_balance(env)
        leaves, tree = jax.tree.flatten(theta)
        keys = jax.random.split(stream(root(SEED), "ask"), len(leaves))
        asked = [
            leaf + sigma * jax.random.normal(key, (self.population, *leaf.shape), jnp.float32)
            for leaf, key in zip(leaves, keys, strict=True)
        ]
        return env.replace(theta=jax.tree.unflatten(tree, asked))


def pays_for_balance(env: SyntheticEnv) -> dict[str, Any]:
    """Parameters of a reward: how far, and how fast, CartPole's pole falls to where it is pushed.

    With x that number, the network is relu(x - 9 [push left]) - relu(-x - 9 [push left]) minus the
    same for a push to the right: one of the differences is x, the other 0 (where |x| < 9).
    """
    size, width = env.spec.observation_size + env.spec.num_actions, env.hidden[0]
    lean = jnp.array([0.0, 0.1, 1.0, 1.0, 0.0, 0.0])  # of a state and a one-hot action
    left, right = 9.0 * jnp.eye(size)[-2:]
    units = jnp.stack([lean - left, -lean - left, lean - right, -lean - right], axis=1)
    signs = jnp.array([1.0, -1.0, -1.0, 1.0])[:, None]
    return {
        "Dense_0": {
            "kernel": jnp.zeros((size, width)).at[:, :4].set(units),
            "bias": jnp.zeros(width),
        },
        "Dense_1": {"kernel": jnp.zeros((width, 1)).at[:4].set(signs), "bias": jnp.zeros(1)},
    }
