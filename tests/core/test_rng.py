"""Streams of random numbers do not know of each other."""

import itertools

import jax
import numpy as np

from synthgym.core.rng import root, stream

NAMES = ("init", "loop", "test", "train", "ask", "tell", "generation", "evaluate", "ppo", "dqn")


def bits(key: jax.Array) -> tuple[int, ...]:
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


def test_a_stream_depends_on_seed_and_name_only() -> None:
    key = root(3)
    late = [bits(stream(key, name)) for name in NAMES][-1]
    assert late == bits(stream(root(3), NAMES[-1]))
    assert late != bits(stream(root(4), NAMES[-1]))


def test_streams_of_other_names_are_others() -> None:
    keys = {bits(stream(root(seed), name)) for seed, name in itertools.product(range(5), NAMES)}
    assert len(keys) == 5 * len(NAMES)
    assert bits(root(0)) not in keys


def test_streams_are_the_same_on_every_platform() -> None:
    """So that results can be compared: names are hashed by CRC-32, not by Python's `hash`."""
    crc = 0x5C66E4A3  # of "train"
    assert bits(stream(root(0), "train")) == bits(jax.random.fold_in(jax.random.key(0), crc))
