"""Evolution strategies: which candidates to try next, and what to learn from how they did.

All of them maximise, and search around a mean with a deviation for each parameter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import optax
from evosax.algorithms.base import EvolutionaryAlgorithm
from evosax.algorithms.distribution_based.open_es import Open_ES
from evosax.algorithms.distribution_based.snes import SNES
from flax import struct
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from synthgym.core.failure import as_worst
from synthgym.core.settings import Meta
from synthgym.core.types import PRNGKey


class Strategy(Protocol):
    """A search over trees of parameters; its state is a tree of arrays."""

    @property
    def size(self) -> int:
        """Candidates in a generation: all that are trained and tested."""
        ...

    def init(self, key: PRNGKey) -> PyTree: ...

    def ask(self, key: PRNGKey, state: PyTree) -> tuple[PyTree, PyTree]:
        """Candidates, each leaf [candidate, ...], and the state."""
        ...

    def tell(
        self, key: PRNGKey, state: PyTree, candidates: PyTree, fitness: Float[Array, " P"]
    ) -> PyTree:
        """The state that follows from how the candidates did."""
        ...

    def mean(self, state: PyTree) -> PyTree:
        """Parameters in the middle of the search, which are its result."""
        ...

    def sigma(self, state: PyTree) -> Float[Array, " n"]:
        """Deviation of the search, per parameter."""
        ...


class Evosax:
    """A strategy of that library, which minimises: fitness is negated here and nowhere else."""

    def __init__(
        self,
        strategy: EvolutionaryAlgorithm,
        settings: PyTree,
        theta: PyTree,
        sigma: Float[Array, " n"],
    ):
        self.strategy, self.settings, self.theta = strategy, settings, theta
        self.sigma_0 = sigma

    @property
    def size(self) -> int:
        return self.strategy.population_size

    def init(self, key: PRNGKey) -> PyTree:
        state = self.strategy.init(key, self.theta, self.settings)
        return state.replace(std=self.sigma_0)

    def ask(self, key: PRNGKey, state: PyTree) -> tuple[PyTree, PyTree]:
        return self.strategy.ask(key, state, self.settings)

    def tell(
        self, key: PRNGKey, state: PyTree, candidates: PyTree, fitness: Float[Array, " P"]
    ) -> PyTree:
        fitness = as_worst(fitness)
        return self.strategy.tell(key, candidates, -fitness, state, self.settings)[0]

    def mean(self, state: PyTree) -> PyTree:
        return self.strategy.get_mean(state)

    def sigma(self, state: PyTree) -> Float[Array, " n"]:
        return state.std


def snes(meta: Meta, theta: PyTree, sigma: Float[Array, " n"]) -> Evosax:
    """Separable natural evolution strategy (Wierstra et al. 2014), as in Liesen et al. 2024."""
    strategy = SNES(population_size=meta.population, solution=theta)
    return Evosax(strategy, strategy.default_params, theta, sigma)


def open_es(meta: Meta, theta: PyTree, sigma: Float[Array, " n"]) -> Evosax:
    """OpenAI's evolution strategy (Salimans et al. 2017): antithetic pairs, centred ranks, Adam.

    Steps are in units of a parameter's deviation, which stays as it is. The population is even.
    """
    step = optax.stateless(lambda updates, _: -meta.learning_rate * sigma * updates)
    strategy = Open_ES(
        population_size=meta.population,
        solution=theta,
        optimizer=optax.chain(optax.scale_by_adam(), step),
        std_schedule=lambda _: sigma,
    )
    return Evosax(strategy, strategy.default_params, theta, sigma)


# What a member's score is worth: Ferreira et al. 2022, from the scores K of all members and the
# mean score K_G of agents in the unperturbed environment.

Scores = Float[Array, " n"]


def _linear(scores: Scores, unperturbed: Float[Array, ""]) -> Scores:
    return (scores - scores.min()) / (scores.max() - scores.min() + 1e-9)


def _rank(scores: Scores, unperturbed: Float[Array, ""]) -> Scores:
    return _ranks(scores) / (len(scores) - 1)


def _nes_unnormalised(scores: Scores, unperturbed: Float[Array, ""]) -> Scores:
    utilities = _utilities(scores)
    return utilities / utilities.max()


def _nes(scores: Scores, unperturbed: Float[Array, ""]) -> Scores:
    utilities = _utilities(scores) / _utilities(scores).sum() - 1 / len(scores)
    return utilities / utilities.max()


def _single_best(scores: Scores, unperturbed: Float[Array, ""]) -> Scores:
    return jax.nn.one_hot(scores.argmax(), len(scores))


def _single_better(scores: Scores, unperturbed: Float[Array, ""]) -> Scores:
    return _single_best(scores, unperturbed) * (scores.max() > unperturbed + 1e-6)


def _all_better_1(scores: Scores, unperturbed: Float[Array, ""]) -> Scores:
    better = _better(scores, unperturbed)
    return better / jnp.maximum(better.max(), 1e-9)


def _all_better_2(scores: Scores, unperturbed: Float[Array, ""]) -> Scores:
    better = _better(scores, unperturbed)
    return better / jnp.maximum(better.sum(), 1e-9)


def _ranks(scores: Scores) -> Scores:
    """0 for the worst."""
    return scores.argsort().argsort().astype(jnp.float32)


def _utilities(scores: Scores) -> Scores:
    n = len(scores)
    return jnp.maximum(0.0, jnp.log(n / 2 + 1) - jnp.log(n - _ranks(scores)))


def _better(scores: Scores, unperturbed: Float[Array, ""]) -> Scores:
    above = jnp.maximum(scores - unperturbed, 0.0)
    return above / (jnp.maximum(scores.max() - unperturbed, 0.0) + 1e-9)


TRANSFORMS: Mapping[str, Callable[[Scores, Float[Array, ""]], Scores]] = {
    "linear": _linear,
    "rank": _rank,
    "nes": _nes,
    "nes_unnormalised": _nes_unnormalised,
    "single_best": _single_best,
    "single_better": _single_better,
    "all_better_1": _all_better_1,
    "all_better_2": _all_better_2,
}


class FerreiraState(struct.PyTreeNode):
    """Where that search is."""

    mean: Float[Array, " n"]


@dataclass(frozen=True)
class Ferreira:
    """The strategy of Ferreira et al. 2022, with their names of settings.

    Of each of `population` perturbations, and its mirror image where `mirrored`, the better one
    counts. The unperturbed parameters are tried as often; some transforms of scores need to know
    how they do. No adaptation of deviations, no momentum, and the step is not divided by sigma.
    """

    theta: PyTree
    sigma_0: Float[Array, " n"]
    population: int
    step_size: float
    transform: str
    mirrored: bool

    @property
    def size(self) -> int:
        return self.population * (3 if self.mirrored else 2)

    def init(self, key: PRNGKey) -> FerreiraState:
        return FerreiraState(ravel_pytree(self.theta)[0])

    def ask(self, key: PRNGKey, state: FerreiraState) -> tuple[PyTree, FerreiraState]:
        noise = self.sigma_0 * jax.random.normal(key, (self.population, len(state.mean)))
        changes = [jnp.zeros_like(noise), noise, *([-noise] if self.mirrored else [])]
        _, unravel = ravel_pytree(self.theta)
        return jax.vmap(unravel)(state.mean + jnp.concatenate(changes)), state

    def tell(
        self, key: PRNGKey, state: FerreiraState, candidates: PyTree, fitness: Float[Array, " P"]
    ) -> FerreiraState:
        flat = jax.vmap(lambda tree: ravel_pytree(tree)[0])(candidates)
        unperturbed, *scores = as_worst(fitness).reshape(-1, self.population)
        noise = flat[self.population : 2 * self.population] - state.mean
        score = scores[0]
        if self.mirrored:
            noise = jnp.where((scores[1] > scores[0])[:, None], -noise, noise)
            score = jnp.maximum(*scores)
        weights = TRANSFORMS[self.transform](score, unperturbed.mean())
        return state.replace(mean=state.mean + self.step_size * weights @ noise)

    def mean(self, state: FerreiraState) -> PyTree:
        return ravel_pytree(self.theta)[1](state.mean)

    def sigma(self, state: FerreiraState) -> Float[Array, " n"]:
        return self.sigma_0


def ferreira(meta: Meta, theta: PyTree, sigma: Float[Array, " n"]) -> Ferreira:
    """The strategy of Ferreira et al. 2022 with these settings."""
    return Ferreira(theta, sigma, meta.population, meta.step_size, meta.transform, meta.mirrored)


STRATEGIES: Mapping[str, Callable[[Meta, PyTree, Float[Array, " n"]], Strategy]] = {
    "snes": snes,
    "open_es": open_es,
    "ferreira": ferreira,
}
