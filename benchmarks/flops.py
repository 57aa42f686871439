"""How much arithmetic does a generation need? Products of matrices, counted from network shapes.

What the algorithm needs in a contextual bandit, whoever computes it: nothing that follows a step is
evaluated. A product of [b, i] by [i, k] is 2 b i k operations; activations, optimisers and the rest
are left out.
"""

from itertools import pairwise

from benchmarks.cases import Case

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


def mlp(inputs: int, hidden: tuple[int, ...], outputs: int) -> Layers:
    """Layers of a plain network."""
    return list(pairwise([inputs, *hidden, outputs]))


def dueling(inputs: int, hidden: tuple[int, ...], outputs: int) -> Layers:
    """Layers of agents/networks.py: the last hidden one is there twice."""
    trunk = mlp(inputs, tuple(hidden[:-2]), hidden[-2])
    return trunk + mlp(hidden[-2], hidden[-1:], 1) + mlp(hidden[-2], hidden[-1:], outputs)


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
    static, action_size = case.agent.static, case.spec.action_size
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
    spec, static = case.spec, case.agent.static
    hidden, seen = tuple(static.hidden), spec.observation_size
    kind = dueling if getattr(static, "dueling", False) else mlp
    if case.agent.name == "dqn":
        return {"actor": kind(seen, hidden, spec.num_actions)}
    outputs = spec.num_actions or spec.action_size
    if case.agent.name == "ppo":
        return {"actor": mlp(seen, hidden, outputs), "critic": mlp(seen, hidden, 1)}
    if spec.discrete:
        return {"actor": mlp(seen, hidden, outputs), "critic": kind(seen, hidden, outputs)}
    deviations = 2 if case.agent.name == "sac" else 1
    pair = seen + spec.action_size
    return {"actor": mlp(seen, hidden, deviations * outputs), "critic": mlp(pair, hidden, 1)}


def _environment(case: Case) -> tuple[Layers, Layers]:
    """Initial state, and reward of a pair."""
    spec, hidden = case.spec, case.bandit().hidden
    size, pair = (
        spec.observation_size,
        spec.observation_size + (spec.num_actions or spec.action_size),
    )
    return mlp(size, hidden, size), mlp(pair, hidden, 1)
