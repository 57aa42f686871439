"""Deep Q-learning (Mnih et al. 2015).

With double targets (van Hasselt et al. 2016) and dueling heads (Wang et al. 2016).
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float, Int, PyTree

from synthbench.agents import losses
from synthbench.agents.base import adam, begin, collect_sequentially, iterations
from synthbench.agents.networks import MLP, DuelingMLP, check_activation
from synthbench.tasks.base import select
from synthbench.types import Action, Env, EnvSpec, Hyperparameters, Observation, PRNGKey, Transition


class Experience(struct.PyTreeNode):
    """Where transitions come from and are kept: parallel environments, a ring of the last `N`."""

    env_states: PyTree
    observations: Float[Array, "B o"]
    ring: Transition  # [N, ...]


class BanditExperience(struct.PyTreeNode):
    """The same for a contextual bandit: a run's contexts, each action's reward, the actions taken.

    The replay buffer is a window over these arrays, and nothing is ever copied into it.
    """

    observations: Float[Array, "S o"]
    rewards: Float[Array, "S n"]
    actions: Int[Array, " S"]


class TrainState(struct.PyTreeNode):
    """What an iteration starts from."""

    params: PyTree
    target_params: PyTree
    optimiser: PyTree
    experience: Any  # Experience or BanditExperience
    step: Int[Array, ""]  # environment steps so far
    episodes: Int[Array, ""]


@dataclass(frozen=True)
class DQN:
    """DQN: `num_envs` steps, then `num_updates` gradient steps on past transitions, in turn."""

    spec: EnvSpec
    num_envs: int
    buffer_size: int
    warmup: int
    batch_size: int
    num_updates: int
    dueling: bool
    hidden: tuple[int, ...]
    activation: str
    bandit_path: bool  # take the short cut that episodes of one step allow
    name: str = "dqn"

    @property
    def steps_per_iteration(self) -> int:
        return self.num_envs

    def updates(self, num_steps: int) -> int:
        """Learning starts with the iteration in which `warmup` transitions are there."""
        first = max(1, -(-self.warmup // self.num_envs))
        return max(0, iterations(self, num_steps) - first + 1) * self.num_updates

    def init(
        self, key: PRNGKey, env: Env, hyperparameters: Hyperparameters, num_steps: int
    ) -> TrainState:
        key_network, key_env, key_steps = jax.random.split(key, 3)
        params = self._network.init(key_network, jnp.zeros(self.spec.observation_size))
        first = begin(env, key_env, self.num_envs)
        return TrainState(
            params=params,
            target_params=params,
            optimiser=self._optimiser(hyperparameters).init(params),
            experience=self._whole_run(key_steps, env, first, num_steps)
            if self.bandit_path
            else Experience(*first, ring=self._empty_ring()),
            step=jnp.int32(0),
            episodes=jnp.int32(0),
        )

    def iterate(
        self,
        key: PRNGKey,
        state: TrainState,
        env: Env,
        hyperparameters: Hyperparameters,
        num_steps: int,
    ) -> tuple[TrainState, Transition]:
        """One iteration: a step in each environment, gradient steps, perhaps the target network.

        No gradient steps before `warmup` transitions are there.
        """
        key_act, key_update = jax.random.split(key)
        epsilon = losses.linear_schedule(
            hyperparameters["epsilon_start"],
            hyperparameters["epsilon_end"],
            hyperparameters["epsilon_fraction"],
            state.step,
            num_steps,
        )
        collect = self._step_bandit if self.bandit_path else self._step
        experience, transitions = collect(key_act, state, env, epsilon)
        ended = (transitions.terminated | transitions.truncated).sum()
        state = state.replace(
            experience=experience,
            step=state.step + self.num_envs,
            episodes=state.episodes + ended,
        )

        def learn(state: TrainState) -> TrainState:
            update = self._update(key_update, hyperparameters)
            return jax.lax.scan(update, state, jnp.arange(self.num_updates))[0]

        state = jax.lax.cond(state.step >= self.warmup, learn, lambda state: state, state)
        period = hyperparameters["target_period"]
        crossed = state.step // period > (state.step - self.num_envs) // period
        target_params = select(crossed, state.params, state.target_params)
        return state.replace(target_params=target_params), transitions

    def act(self, params: PyTree, key: PRNGKey, observation: Observation) -> Action:
        """Greedy."""
        return self._network.apply(params, observation).argmax(-1)

    # Experience, the general path.

    def _empty_ring(self) -> Transition:
        size = self.buffer_size
        observation = jnp.zeros((size, self.spec.observation_size))
        flags = jnp.zeros(size, bool)
        return Transition(
            observation, jnp.zeros(size, jnp.int32), jnp.zeros(size), observation, flags, flags
        )

    def _step(
        self, key: PRNGKey, state: TrainState, env: Env, epsilon: Float[Array, ""]
    ) -> tuple[Experience, Transition]:
        def policy(key: PRNGKey, observation: Observation) -> Action:
            return self._explore(state.params, key, observation, epsilon)

        env_states, observations, transitions = collect_sequentially(
            env, policy, state.experience.env_states, state.experience.observations, key, 1
        )
        new = jax.tree.map(lambda x: x[0], transitions)
        position = state.step % self.buffer_size
        ring = jax.tree.map(
            lambda xs, x: jax.lax.dynamic_update_slice_in_dim(xs, x, position, 0),
            state.experience.ring,
            new,
        )
        return Experience(env_states, observations, ring), new

    # Experience, where every episode has one step.

    def _whole_run(
        self, key: PRNGKey, env: Env, first: tuple[PyTree, Float[Array, "B o"]], num_steps: int
    ) -> BanditExperience:
        key_reset, key_step = jax.random.split(key)
        later = begin(env, key_reset, num_steps - self.num_envs)
        states, observations = jax.tree.map(lambda *x: jnp.concatenate(x), first, later)

        def answers(key, state):
            step = jax.vmap(env.step, (None, None, 0))
            return step(key, state, jnp.arange(self.spec.num_actions))[1].reward

        rewards = jax.vmap(answers)(jax.random.split(key_step, num_steps), states)
        return BanditExperience(observations, rewards, jnp.zeros(num_steps, jnp.int32))

    def _step_bandit(
        self, key: PRNGKey, state: TrainState, env: Env, epsilon: Float[Array, ""]
    ) -> tuple[BanditExperience, Transition]:
        run = state.experience
        observations, rewards = (
            jax.lax.dynamic_slice_in_dim(x, state.step, self.num_envs)
            for x in (run.observations, run.rewards)
        )
        actions = jax.vmap(self._explore, (None, 0, 0, None))(
            state.params, jax.random.split(key, self.num_envs), observations, epsilon
        )
        actions_so_far = jax.lax.dynamic_update_slice_in_dim(run.actions, actions, state.step, 0)
        always = jnp.ones(self.num_envs, bool)
        reward = losses.select_action_value(rewards, actions)
        return (
            run.replace(actions=actions_so_far),
            Transition(observations, actions, reward, observations, always, ~always),
        )

    # Learning.

    def _replay(self, key: PRNGKey, state: TrainState) -> Transition:
        """A batch drawn uniformly, with replacement, from the last `buffer_size` transitions."""
        size = jnp.minimum(state.step, self.buffer_size)
        age = jax.random.randint(key, (self.batch_size,), 0, size)
        index = state.step - 1 - age
        if not self.bandit_path:
            return jax.tree.map(lambda x: x[index % self.buffer_size], state.experience.ring)
        run = state.experience
        observation, action = run.observations[index], run.actions[index]
        reward = losses.select_action_value(run.rewards[index], action)
        always = jnp.ones(self.batch_size, bool)
        return Transition(observation, action, reward, observation, always, ~always)

    def _update(self, key: PRNGKey, hyperparameters: Hyperparameters) -> Any:
        """The `i`-th gradient step of an iteration, as the body of a scan."""

        def update(state: TrainState, i: Int[Array, ""]) -> tuple[TrainState, None]:
            batch = self._replay(jax.random.fold_in(key, i), state)
            if self.bandit_path:  # nothing follows, so nothing to bootstrap from
                target = batch.reward
            else:
                online_t = self._network.apply(state.params, batch.next_observation)
                target_t = self._network.apply(state.target_params, batch.next_observation)
                value_t = losses.q_target(online_t, target_t, hyperparameters["double"])
                target = losses.td_target(
                    batch.reward, batch.terminated, value_t, hyperparameters["gamma"]
                )

            def loss(params: PyTree) -> Float[Array, ""]:
                values = self._network.apply(params, batch.observation)
                error = target - losses.select_action_value(values, batch.action)
                return 0.5 * (error**2).mean()

            gradient = jax.grad(loss)(state.params)
            change, optimiser = self._optimiser(hyperparameters).update(gradient, state.optimiser)
            params = jax.tree.map(jnp.add, state.params, change)
            return state.replace(params=params, optimiser=optimiser), None

        return update

    @property
    def _network(self) -> MLP | DuelingMLP:
        kind = DuelingMLP if self.dueling else MLP
        return kind(self.hidden, self.spec.num_actions, self.activation)

    def _optimiser(self, hyperparameters: Hyperparameters) -> Any:
        return adam(hyperparameters["learning_rate"], hyperparameters["max_grad_norm"])

    def _explore(
        self, params: PyTree, key: PRNGKey, observation: Observation, epsilon: Float[Array, ""]
    ) -> Action:
        """Epsilon-greedy."""
        key_whether, key_which = jax.random.split(key)
        random = jax.random.randint(key_which, (), 0, self.spec.num_actions)
        explores = jax.random.uniform(key_whether) < epsilon
        return jnp.where(explores, random, self.act(params, key, observation))


def make(agent: Any, spec: EnvSpec) -> DQN:
    """DQN from a config section.

    Raises ValueError for continuous actions, an unknown word, and shapes that do not fit together.
    """
    if not spec.discrete:
        raise ValueError(f"dqn needs discrete actions, not {spec.action_size} continuous ones.")
    static = {"bandit_path": spec.bandit, **agent.static, "hidden": tuple(agent.static["hidden"])}
    dqn = DQN(spec=spec, **static)
    check_activation(dqn.activation, "dqn")
    if dqn.bandit_path and not spec.bandit:
        raise ValueError("agents.dqn.static.bandit_path: only where every episode has one step.")
    if dqn.buffer_size % dqn.num_envs:
        raise ValueError(
            f"agents.dqn.static: buffer_size ({dqn.buffer_size}) must be a multiple of num_envs "
            f"({dqn.num_envs})."
        )
    return dqn
