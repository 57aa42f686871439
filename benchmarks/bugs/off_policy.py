"""Learning from a replay buffer with continuous actions, with PyTorch, and faults by name.

What SAC (`sac.py`) and TD3 (`td3.py`) have in common. Actions are kept in [-1, 1].
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import gymnasium
import numpy as np
import torch
from torch import nn

from benchmarks.bugs.trained import Trained

RATE, BATCH, WARMUP, TAU = 1e-3, 64, 500, 0.02


class Batch(NamedTuple):
    """Transitions; `on` is 0 where nothing follows."""

    seen: torch.Tensor
    action: torch.Tensor
    reward: torch.Tensor
    then: torch.Tensor
    on: torch.Tensor


class Learner(Protocol):
    """An algorithm."""

    def __init__(self, inputs: int, size: int, gamma: float, fault: str): ...

    def explore(self, observation: torch.Tensor) -> torch.Tensor:
        """An action in training."""

    def mode(self, observation: torch.Tensor) -> torch.Tensor:
        """The action of the trained agent."""

    def value(self, observation: torch.Tensor) -> torch.Tensor:
        """What it believes that to be worth."""

    def learn(self, batch: Batch) -> None:
        """One update."""


def network(inputs: int, outputs: int, activation: type[nn.Module]) -> nn.Sequential:
    """A network of two layers."""
    layers = (nn.Linear(inputs, 64), activation(), nn.Linear(64, 64), activation())
    return nn.Sequential(*layers, nn.Linear(64, outputs))


def worth(critic: nn.Module, seen: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """Value of an action."""
    return critic(torch.cat([seen, action], -1))[..., 0]


def follow(slow: nn.Module, fast: nn.Module) -> None:
    """Move the slow parameters a step towards the fast ones."""
    with torch.no_grad():
        for x, y in zip(slow.parameters(), fast.parameters(), strict=True):
            x += TAU * (y - x)


def descend(
    loss: torch.Tensor, optimiser: torch.optim.Optimizer, others: Sequence[Any] = ()
) -> None:
    """One step of one loss."""
    optimiser.zero_grad()
    for other in others:
        other.zero_grad()
    loss.backward()
    optimiser.step()


def train(
    kind: type[Learner], env: gymnasium.Env, seed: int, steps: int, gamma: float, fault: str
) -> Trained:
    """Train an agent, with an update after each step."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    draw = np.random.default_rng(seed)
    space: Any = env.action_space
    inputs, size = env.observation_space.shape[0], space.shape[0]  # type: ignore[index]
    gamma = {"gamma_one": 1.0, "gamma_zero": 0.0}.get(fault, gamma)
    learner = kind(inputs, size, gamma, fault)
    middle, half = (space.high + space.low) / 2, (space.high - space.low) / 2
    if fault == "action_scale":
        middle, half = np.zeros(size), np.ones(size)
    blank, numbers = torch.zeros(steps, inputs), torch.zeros(steps)
    kept = Batch(blank, torch.zeros(steps, size), numbers, blank.clone(), numbers.clone())
    seen, stored = env.reset(seed=seed)[0], 0
    before, last = seen, (torch.zeros(size), 0.0)
    for step in range(steps):
        with torch.no_grad():
            shown = torch.as_tensor(before if fault == "stale_observation" else seen)
            uniform = torch.as_tensor(draw.uniform(-1, 1, size)).float()
            warming = step < WARMUP and fault != "no_exploration"
            action = uniform if warming or fault == "always_random" else learner.explore(shown)
        sent = np.clip(middle + half * action.numpy(), space.low, space.high)
        then, reward, terminated, truncated, _ = env.step(sent.astype(np.float32))
        begins = env.reset()[0] if terminated or truncated else then
        if fault != "replay_full" or step < WARMUP:
            a, r = last if fault == "replay_late" else (action, float(reward))
            kept.seen[stored], kept.action[stored] = torch.as_tensor(seen), a
            if fault == "action_unscaled":
                kept.action[stored] = torch.as_tensor(sent).float()
            kept.reward[stored] = r
            follows = {"after_reset": begins, "next_observation": seen}.get(fault, then)
            kept.then[stored] = torch.as_tensor(follows)
            over = terminated or (truncated and fault == "time_limit_ends")
            on = {"mask_inverted": over, "through_the_end": True}.get(fault, not over)
            kept.on[stored], stored = float(on), stored + 1
        before, last, seen = seen, (action, float(reward)), begins
        if step >= WARMUP:
            chosen = draw.integers(stored, size=BATCH)
            if fault == "replay_last":
                chosen[:] = stored - 1
            batch = Batch(*(x[chosen] for x in kept))
            if fault == "reward_shuffled":
                batch = batch._replace(reward=batch.reward[torch.randperm(BATCH)])
            learner.learn(batch)

    def act(observation: Any) -> np.ndarray:
        with torch.no_grad():
            action = learner.mode(torch.as_tensor(observation)).numpy()
        return np.clip(middle + half * action, space.low, space.high).astype(np.float32)

    def value(observation: Any) -> float:
        with torch.no_grad():
            return float(learner.value(torch.as_tensor(observation)))

    return Trained(act, value)
