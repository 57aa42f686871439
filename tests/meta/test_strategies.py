"""Every strategy climbs; that of Ferreira et al. does so as they wrote it down."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from probes import section
from synthgym.meta.strategies import STRATEGIES, TRANSFORMS
from synthgym.plan import schema

THETA = {"a": jnp.array([1.0, -2.0]), "b": jnp.array([[0.5]])}
GOAL = jnp.array([3.0, 0.0, -1.0])


def make(name: str, sigma: float = 0.3, **changes: Any) -> Any:
    meta = section("meta", name, **changes)
    return STRATEGIES[name](meta, THETA, jnp.full(3, sigma))


def fitness(candidates: Any) -> Any:
    flat = jax.vmap(lambda tree: ravel_pytree(tree)[0])(candidates)
    return -((flat - GOAL) ** 2).sum(-1)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("snes", {"population": 20}),
        ("open_es", {"population": 20}),
        ("ferreira", {"step_size": 0.5, "transform": "nes_unnormalised"}),
        ("ferreira", {"step_size": 0.5, "transform": "all_better_2", "mirrored": False}),
    ],
)
def test_a_hill_is_climbed(name: str, changes: Any) -> None:
    strategy = make(name, **changes)
    state = strategy.init(jax.random.key(0))
    np.testing.assert_array_equal(ravel_pytree(strategy.mean(state))[0], ravel_pytree(THETA)[0])
    np.testing.assert_allclose(strategy.sigma(state), 0.3)
    step = jax.jit(lambda key, state: tell(strategy, key, state))
    for generation in range(150):
        state = step(jax.random.fold_in(jax.random.key(1), generation), state)
    np.testing.assert_allclose(ravel_pytree(strategy.mean(state))[0], GOAL, atol=0.4)


def tell(strategy: Any, key: Any, state: Any) -> Any:
    candidates, state = strategy.ask(key, state)
    assert all(len(x) == strategy.size for x in jax.tree.leaves(candidates))
    return strategy.tell(key, state, candidates, fitness(candidates))


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_deviations_may_differ_from_parameter_to_parameter(name: str) -> None:
    strategy = STRATEGIES[name](section("meta", name, population=400), THETA, jnp.arange(1.0, 4.0))
    candidates, _ = strategy.ask(jax.random.key(0), strategy.init(jax.random.key(0)))
    flat = jax.vmap(lambda tree: ravel_pytree(tree)[0])(candidates)[-400:]
    np.testing.assert_allclose(flat.std(0), jnp.arange(1.0, 4.0), rtol=0.2)


def test_open_es_tries_pairs() -> None:
    strategy = make("open_es", population=6)
    candidates, _ = strategy.ask(jax.random.key(0), strategy.init(jax.random.key(0)))
    flat = jax.vmap(lambda tree: ravel_pytree(tree)[0])(candidates) - ravel_pytree(THETA)[0]
    np.testing.assert_allclose(flat[:3], -flat[3:], rtol=1e-5)


# Four scores, 1 to 4, of which the agents in the unperturbed environment earn 2.5. NES utilities:
# max(0, ln 3 - ln rank) for ranks 1 to 4, the best first: ln 3, ln 1.5, 0, 0.
BEST, SECOND = np.log(3.0), np.log(1.5)
WORTH = {
    "linear": [0, 1 / 3, 2 / 3, 1],
    "rank": [0, 1 / 3, 2 / 3, 1],
    "nes": np.array([-0.25, -0.25, SECOND / (BEST + SECOND) - 0.25, BEST / (BEST + SECOND) - 0.25])
    / (BEST / (BEST + SECOND) - 0.25),
    "nes_unnormalised": [0, 0, SECOND / BEST, 1],
    "single_best": [0, 0, 0, 1],
    "single_better": [0, 0, 0, 1],
    "all_better_1": [0, 0, 1 / 3, 1],
    "all_better_2": [0, 0, 1 / 4, 3 / 4],
}


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_scores_are_worth_what_was_published(name: str) -> None:
    worth = TRANSFORMS[name](jnp.array([2.0, 4.0, 1.0, 3.0]), jnp.float32(2.5))
    np.testing.assert_allclose(worth[jnp.array([2, 0, 3, 1])], WORTH[name], atol=1e-5)


@pytest.mark.parametrize("name", ["single_better", "all_better_1", "all_better_2"])
def test_nothing_moves_where_nothing_is_better(name: str) -> None:
    worth = TRANSFORMS[name](jnp.array([2.0, 1.0]), jnp.float32(2.5))
    np.testing.assert_array_equal(worth, 0.0)


def test_the_schema_knows_all_transforms_and_strategies() -> None:
    assert set(schema.TRANSFORMS) == set(TRANSFORMS)
    assert set(schema.groups("meta")) == set(STRATEGIES)


def test_the_better_one_of_a_pair_counts() -> None:
    """Two perturbations: of the first the mirror image is better, of the second itself."""
    strategy = make("ferreira", population=2, step_size=0.1, transform="linear")
    candidates, state = strategy.ask(jax.random.key(0), strategy.init(jax.random.key(0)))
    flat = jax.vmap(lambda tree: ravel_pytree(tree)[0])(candidates)
    np.testing.assert_array_equal(flat[:2], jnp.stack([state.mean] * 2))
    noise = flat[2:4] - state.mean
    np.testing.assert_allclose(flat[4:], state.mean - noise, rtol=1e-5)
    #                    unperturbed    plus        minus
    scores = jnp.array([0.0, 0.0, 1.0, 5.0, 7.0, 2.0])
    moved = strategy.tell(jax.random.key(0), state, candidates, scores)
    # Scores 7 and 5: linear makes 1 and 0 of them.
    np.testing.assert_allclose(moved.mean, state.mean - 0.1 * noise[0], rtol=1e-5)


def test_an_interrupted_state_is_a_tree_of_arrays() -> None:
    for name in STRATEGIES:
        strategy = make(name)
        leaves = jax.tree.leaves(strategy.init(jax.random.key(0)))
        assert leaves
        assert all(isinstance(leaf, jax.Array) for leaf in leaves)
