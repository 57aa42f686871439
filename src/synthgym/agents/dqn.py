"""Deep Q-learning (Mnih et al. 2015).

With double targets (van Hasselt et al. 2016) and dueling heads (Wang et al. 2016); as Liesen et al.
2024 use it (conf/agent/dqn.yaml) and as Ferreira et al. 2022 do (ddqn.yaml, dueling_ddqn.yaml).
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Array, Float, PyTree

from synthgym.agents import losses
from synthgym.agents.base import optimiser
from synthgym.agents.networks import MLP, DuelingMLP, check_word
from synthgym.agents.off_policy import OffPolicy, Progress, build
from synthgym.core import settings
from synthgym.core.types import Action, EnvSpec, Hyperparameters, Observation, PRNGKey, Transition
from synthgym.tasks.base import select

WORDS = {
    # Share of random actions: linear in steps, or falling by a factor with each episode.
    "exploration": ("linear", "per_episode"),
    # The target network: a copy from time to time, or a slow average (Lillicrap et al. 2016).
    "target": ("periodic", "polyak"),
    # Advantages are centred per state (Wang et al. 2016, eq. 9), or, as Ferreira et al. did by
    # mistake, over the whole batch.
    "centred_over": ("actions", "batch"),
}


class Learner(struct.PyTreeNode):
    """Action values, what their targets come from, and Adam's state."""

    policy: PyTree
    target: PyTree
    optimiser: PyTree


@dataclass(frozen=True)
class DQN(OffPolicy):
    """DQN; greedy when tested."""

    dueling: bool
    head_hidden: tuple[int, ...]
    centred_over: str
    exploration: str
    target: str
    hidden: tuple[int, ...]
    activation: str

    def init_learner(self, key: PRNGKey, hyperparameters: Hyperparameters) -> Learner:
        params = self._network.init(key, jnp.zeros(self.spec.observation_size))
        return Learner(params, params, self._optimiser(hyperparameters).init(params))

    def explore(
        self,
        policy: PyTree,
        key: PRNGKey,
        observation: Observation,
        hyperparameters: Hyperparameters,
        progress: Progress,
    ) -> Action:
        """Epsilon-greedy."""
        key_whether, key_which = jax.random.split(key)
        random = jax.random.randint(key_which, (), 0, self.spec.num_actions)
        explores = jax.random.uniform(key_whether) < self._epsilon(hyperparameters, progress)
        return jnp.where(explores, random, self.decide(policy, key, observation))

    def decide(self, policy: PyTree, key: PRNGKey, observation: Observation) -> Action:
        """Greedy."""
        return self._network.apply(policy, observation).argmax(-1)

    def prefer(self, policy: PyTree, observation: Observation) -> Float[Array, " k"]:
        """Action values."""
        return self._network.apply(policy, observation)

    def learn(
        self, learner: Learner, key: PRNGKey, batch: Transition, hyperparameters: Hyperparameters
    ) -> Learner:
        if self.bandit_path:
            target = batch.reward
        else:
            online_t = self._network.apply(learner.policy, batch.next_observation)
            target_t = self._network.apply(learner.target, batch.next_observation)
            value_t = losses.q_target(online_t, target_t, hyperparameters["double"])
            target = losses.td_target(
                batch.reward, batch.terminated, value_t, hyperparameters["gamma"]
            )

        def loss(params: PyTree) -> Float[Array, ""]:
            values = self._network.apply(params, batch.observation)
            error = target - losses.select_action_value(values, batch.action)
            return 0.5 * (error**2).mean()

        gradient = jax.grad(loss)(learner.policy)
        change, optimiser = self._optimiser(hyperparameters).update(gradient, learner.optimiser)
        policy = optax.apply_updates(learner.policy, change)
        average = learner.target
        if self.target == "polyak" and not self.bandit_path:
            average = losses.polyak(average, policy, hyperparameters["tau"])
        return Learner(policy, average, optimiser)

    def end_iteration(
        self, learner: Learner, hyperparameters: Hyperparameters, progress: Progress
    ) -> Learner:
        """Copies to the target network, where that is what is done."""
        if self.target == "polyak" or self.bandit_path:
            return learner
        period = hyperparameters["target_period"]
        crossed = progress.step // period > (progress.step - self.num_envs) // period
        return learner.replace(target=select(crossed, learner.policy, learner.target))

    @property
    def _network(self) -> MLP | DuelingMLP:
        if not self.dueling:
            return MLP(self.hidden, self.spec.num_actions, self.activation, image=self.spec.image)
        return DuelingMLP(
            self.hidden,
            self.spec.num_actions,
            self.activation,
            self.head_hidden,
            centred_over_batch=self.centred_over == "batch",
            image=self.spec.image,
        )

    def _optimiser(self, hyperparameters: Hyperparameters) -> optax.GradientTransformation:
        rate, norm = hyperparameters["learning_rate"], hyperparameters["max_grad_norm"]
        return optimiser(self.optimiser, rate, norm)

    def _epsilon(self, hyperparameters: Hyperparameters, progress: Progress) -> Float[Array, ""]:
        """The share of random actions."""
        start, end = hyperparameters["epsilon_start"], hyperparameters["epsilon_end"]
        if self.exploration == "per_episode":
            fallen = start * hyperparameters["epsilon_decay"] ** progress.episodes
            return jnp.maximum(fallen, end)
        fraction = hyperparameters["epsilon_fraction"]
        return losses.linear_schedule(start, end, fraction, progress.step, progress.num_steps)


def make(agent: settings.Agent, spec: EnvSpec) -> DQN:
    """DQN from a config section.

    Raises ValueError for continuous actions, an unknown word, and shapes that do not fit together.
    """
    if not spec.discrete:
        raise ValueError(
            f"{agent.name} needs discrete actions, not {spec.action_size} continuous ones."
        )
    dqn = build(DQN, agent, spec)
    for setting, words in WORDS.items():
        check_word(getattr(dqn, setting), words, f"agents.{agent.name}.static.{setting}")
    return dqn
