"""How much arithmetic does a generation need? Products of matrices, counted from network shapes.

What the algorithm needs in a contextual bandit, whoever computes it: nothing that follows a step is
evaluated. A product of [b, i] by [i, k] is 2 b i k operations; activations, optimisers and the rest
are left out.
"""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.cases import Case
from synthgym.agents.networks import MLP, DuelingMLP

Layers = list[tuple[int, int]]  # (inputs, outputs) of each


def of_generation(case: Case, updates: int, steps: int, test_steps: int) -> float:
    """Operations of a population: `updates` and `steps` of each agent, `test_steps` of all."""
    networks = _networks(case)
    acting = forward(networks["actor"])
    step = acting + sum(forward(head) for head in _environment(case))
    each = updates * _update(case, networks) + steps * step
    if case.agent.name == "ppo":  # values and probabilities of what was collected
        each += steps * (acting + forward(networks["critic"]))
    return case.population * each + test_steps * acting


def layers(network: MLP | DuelingMLP, inputs: int) -> Layers:
    """Those of a network of agents/networks.py, the first one first."""
    params = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros(inputs))
    return [leaf.shape for leaf in jax.tree.leaves(params) if leaf.ndim == 2]


def forward(layers: Layers) -> int:
    """Operations per sample."""
    return sum(2 * i * k for i, k in layers)


def with_gradient(layers: Layers) -> int:
    """The same with the gradient of the parameters, so not of the input of the first layer."""
    return 3 * forward(layers) - forward(layers[:1])


def through(layers: Layers, action_size: int) -> int:
    """The same with the gradient of an action among the inputs, and of no parameter."""
    return 2 * forward(layers) - forward(layers[:1]) + 2 * action_size * layers[0][1]


def _update(case: Case, networks: dict[str, Layers]) -> float:
    """Operations of an update of all that learns, averaged over updates."""
    static, action_size = SimpleNamespace(**case.agent.static), case.spec.action_size
    actor = with_gradient(networks["actor"])
    if case.agent.name == "dqn":
        return static.batch_size * actor
    critic = with_gradient(networks["critic"])
    if case.agent.name == "ppo":
        minibatch = static.num_envs * static.num_steps // static.num_minibatches
        return minibatch * (actor + critic)
    if case.agent.name == "sac":
        worth = 0 if case.spec.discrete else 2 * through(networks["critic"], action_size)
        return static.batch_size * (2 * critic + actor + worth)
    policy = (actor + through(networks["critic"], action_size)) / static.policy_delay
    return static.batch_size * (static.num_critics * critic + policy)


def _networks(case: Case) -> dict[str, Layers]:
    spec, static = case.spec, SimpleNamespace(**case.agent.static)
    seen, outputs = spec.observation_size, spec.num_actions or spec.action_size
    kind = DuelingMLP if getattr(static, "dueling", False) else MLP

    def net(kind: Any, inputs: int, outputs: int) -> Layers:
        return layers(kind(tuple(static.hidden), outputs, static.activation), inputs)

    if case.agent.name == "dqn":
        return {"actor": net(kind, seen, outputs)}
    if case.agent.name == "ppo":
        return {"actor": net(MLP, seen, outputs), "critic": net(MLP, seen, 1)}
    if spec.discrete:
        return {"actor": net(MLP, seen, outputs), "critic": net(kind, seen, outputs)}
    deviations = 2 if case.agent.name == "sac" else 1
    critic = net(MLP, seen + spec.action_size, 1)
    return {"actor": net(MLP, seen, deviations * outputs), "critic": critic}


def _environment(case: Case) -> tuple[Layers, Layers]:
    """Initial state, and reward of a pair."""
    spec, widths = case.spec, case.bandit().hidden
    size = spec.observation_size
    pair = size + (spec.num_actions or spec.action_size)
    return list(pairwise([size, *widths, size])), list(pairwise([pair, *widths, 1]))
