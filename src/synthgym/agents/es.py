"""An evolution strategy on the parameters of a policy: an agent without gradients.

SNES (Wierstra et al. 2014; evosax), as Liesen et al. 2024 test whether agents that were not there
in meta-training learn. One iteration is one generation.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from evosax.algorithms.distribution_based.snes import SNES
from flax import struct
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PyTree

from synthgym.agents.base import begin, bounded, build, collect, iterations
from synthgym.agents.networks import ACTIVATIONS, MLP, check_word
from synthgym.agents.normalisation import Normaliser, normalise, untouched
from synthgym.core import settings
from synthgym.core.failure import as_worst
from synthgym.core.types import (
    Action,
    Env,
    EnvSpec,
    Hyperparameters,
    Observation,
    PRNGKey,
    Transition,
)


class TrainState(struct.PyTreeNode):
    """The state that an iteration starts from."""

    search: PyTree  # evosax's state: mean and deviation of each parameter
    params: PyTree  # the mean as a network's parameters, and the normaliser
    step: Int[Array, ""]  # environment steps so far
    episodes: Int[Array, ""]


@dataclass(frozen=True)
class ES:
    """SNES on a network that maps observations to an action, without randomness.

    Discrete actions: the one with the largest output. Continuous ones: the outputs, clipped to
    their bounds. Each of the `population` policies of a generation acts in `rollouts` environments,
    from the beginning of an episode and for as long as one can last. It is judged by these first
    episodes: of those that begin where one ends early, the short ones are more likely to end in
    time. They count as steps, as all that happens in an environment does, and are not gone on with.
    """

    spec: EnvSpec
    population: int
    rollouts: int
    hidden: tuple[int, ...]
    activation: str
    normalise_observations: bool
    name: str

    @property
    def steps_per_iteration(self) -> int:
        return self.population * self.rollouts * self.spec.horizon

    def updates(self, num_steps: int) -> int:
        """Generations."""
        return iterations(self, num_steps)

    def init(
        self, key: PRNGKey, env: Env, hyperparameters: Hyperparameters, num_steps: int
    ) -> TrainState:
        key_network, key_search = jax.random.split(key)
        strategy = _strategy(self)
        network = self.network.init(key_network, jnp.zeros(self.spec.observation_size))
        search = strategy.init(key_search, network, self._settings(hyperparameters))
        normaliser = untouched(self.spec.observation_size) if self.normalise_observations else None
        return TrainState(search, (network, normaliser), jnp.int32(0), jnp.int32(0))

    def iterate(
        self,
        key: PRNGKey,
        state: TrainState,
        env: Env,
        hyperparameters: Hyperparameters,
        num_steps: int,
    ) -> tuple[TrainState, Transition]:
        """One generation: draw policies, let them act, move towards the better ones."""
        key_ask, key_act, key_tell = jax.random.split(key, 3)
        strategy, settings = _strategy(self), self._settings(hyperparameters)
        policies, search = strategy.ask(key_ask, state.search, settings)
        _, normaliser = state.params
        # The same random numbers for all policies, so that none is lucky.
        transitions = jax.vmap(self._act_out, (None, None, 0, None), out_axes=1)(
            key_act, env, policies, normaliser
        )
        # Whatever episode goes on is cut: the next generation begins anew.
        cut = ~transitions.terminated[-1]
        transitions = transitions._replace(truncated=transitions.truncated.at[-1].set(cut))
        ended = transitions.terminated | transitions.truncated
        returns = jax.vmap(jax.vmap(first_return, 1), 1)(transitions.reward, ended).mean(1)
        # evosax minimises.
        search, _ = strategy.tell(key_tell, policies, -as_worst(returns), search, settings)
        moved = hyperparameters["learning_rate"] * (search.mean - state.search.mean)
        search = search.replace(mean=state.search.mean + moved)
        if normaliser is not None:
            normaliser = normaliser.update(transitions.observation)
        return TrainState(
            search,
            (strategy.get_mean(search), normaliser),
            state.step + self.steps_per_iteration,
            state.episodes + ended.sum(),
        ), jax.tree.map(lambda x: x.reshape(len(x), -1, *x.shape[3:]), transitions)

    def act(self, params: PyTree, key: PRNGKey, observation: Observation) -> Action:
        """As the mean of the search does."""
        network, normaliser = params
        output = self.network.apply(network, normalise(normaliser, observation))
        return output.argmax(-1) if self.spec.discrete else bounded(output, self.spec)

    def preferences(self, params: PyTree, observation: Observation) -> Float[Array, " k"]:
        """Outputs of the network, of which the largest counts; or what it does."""
        network, normaliser = params
        return bounded(self.network.apply(network, normalise(normaliser, observation)), self.spec)

    def begun_at(
        self, state: TrainState, network: PyTree, normaliser: Normaliser | None
    ) -> TrainState:
        """The state whose search is around these parameters of the network."""
        mean, _ = ravel_pytree(network)
        search = state.search.replace(mean=mean)
        return state.replace(search=search, params=(network, normaliser))

    def _act_out(
        self, key: PRNGKey, env: Env, network: PyTree, normaliser: Normaliser | None
    ) -> Transition:
        """The transitions of one policy, [step, environment]."""
        key_begin, key_collect = jax.random.split(key)

        def policy(key: PRNGKey, observation: Observation) -> Action:
            return self.act((network, normaliser), key, observation)

        start = begin(env, key_begin, self.rollouts)
        return collect(env, policy, *start, key_collect, self.spec.horizon)[2]

    def _settings(self, hyperparameters: Hyperparameters) -> Any:
        usual = _strategy(self).default_params
        return usual.replace(
            std_init=hyperparameters["sigma"],
            lr_std_init=hyperparameters["sigma_rate"] * usual.lr_std_init,
        )

    @property
    def network(self) -> MLP:
        """What maps a normalised observation to an action, before it is bounded."""
        outputs = self.spec.num_actions or self.spec.action_size
        return MLP(self.hidden, outputs, self.activation, output_scale=0.01, image=self.spec.image)


def first_return(reward_t: Float[Array, " T"], ended_t: Bool[Array, " T"]) -> Float[Array, ""]:
    """Undiscounted return of the first episode in `T` steps."""
    ended_before = jnp.cumsum(ended_t) - ended_t > 0
    return jnp.where(ended_before, 0.0, reward_t).sum()


def make(agent: settings.Agent, spec: EnvSpec) -> ES:
    """The evolution strategy from a config section.

    Raises ValueError for a population too small to rank, and an unknown activation.
    """
    es = build(ES, agent, spec)
    place = f"agents.{agent.name}.static"
    check_word(es.activation, ACTIVATIONS, f"{place}.activation")
    if es.population < 2:
        raise ValueError(f"{place}.population must be 2 or more, not {es.population}.")
    return es


@cache
def _strategy(es: ES) -> SNES:
    """SNES for networks of this shape; kept, because evosax has it static under its own `jit`."""
    with jax.ensure_compile_time_eval():  # what is kept must not belong to a trace
        blank = jnp.zeros(es.spec.observation_size)
        shapes = jax.eval_shape(es.network.init, jax.random.key(0), blank)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        return SNES(population_size=es.population, solution=zeros)
