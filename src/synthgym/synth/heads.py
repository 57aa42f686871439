"""The networks that a synthetic environment is made of; known without JAX."""

from synthgym.core.spec import EnvSpec


def heads(spec: EnvSpec) -> dict[str, tuple[int, int]]:
    """Numbers of inputs and outputs of each network that an environment is made of."""
    observation = spec.observation_size
    pair = observation + max(spec.num_actions, spec.action_size)
    bandit = {"initial_state": (observation, observation), "reward": (pair, 1)}
    if spec.bandit:
        return bandit
    return bandit | {"transition": (pair, observation), "done": (observation, 1)}
