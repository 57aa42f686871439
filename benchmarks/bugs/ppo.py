"""Proximal policy optimisation with PyTorch (Schulman et al. 2017), and faults by name."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical, Distribution, Independent, Normal

from benchmarks.bugs.trained import Trained

ROLLOUT, EPOCHS, BATCH, RATE, TRACE, CLIP, ENTROPY = 512, 6, 64, 1e-3, 0.95, 0.2, 0.003


def network(inputs: int, outputs: int, last: float) -> nn.Sequential:
    """A network of two layers, whose outputs begin near zero."""
    end = nn.Linear(64, outputs)
    nn.init.orthogonal_(end.weight, last)
    nn.init.zeros_(end.bias)
    return nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), end)


def train(
    env: gymnasium.Env, seed: int, steps: int, gamma: float = 0.99, fault: str = ""
) -> Trained:
    """Train an agent that then takes the likeliest action."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    Distribution.set_default_validate_args(False)  # takes half of a step
    draw = np.random.default_rng(seed)
    discrete = isinstance(env.action_space, gymnasium.spaces.Discrete)
    size = env.action_space.n if discrete else env.action_space.shape[0]  # type: ignore[attr-defined,index]
    inputs = env.observation_space.shape[0]  # type: ignore[index]
    actor, critic = network(inputs, int(size), 0.01), network(inputs, 1, 1.0)
    spread = nn.Parameter(torch.full((int(size),), -5.0 if fault == "deviation_tiny" else 0.0))
    trained = [*actor.parameters(), *critic.parameters()]
    if fault != "deviation_tiny":
        trained.append(spread)
    optimiser = torch.optim.Adam(trained, 0.0 if fault == "rate_zero" else RATE)
    gamma = {"gamma_one": 1.0, "gamma_zero": 0.0}.get(fault, gamma)
    acts = network(inputs, int(size), 0.01) if fault == "updates_a_copy" else actor

    def policy(observation: torch.Tensor, by: nn.Module = actor) -> Distribution:
        return distribution(by(observation), None if discrete else spread)

    seen, total = env.reset(seed=seed)[0], 0.0
    before = seen
    for _ in range(max(1, steps // ROLLOUT)):
        stored: list[tuple[Any, ...]] = []
        for _ in range(ROLLOUT):
            shown = torch.as_tensor(before if fault == "stale_observation" else seen)
            with torch.no_grad():
                chance = policy(shown, acts)
                action = chance.sample()
                if fault == "greedy":
                    action = chance.probs.argmax() if discrete else chance.mean
                log = chance.log_prob(action)
            sent = sent_to(env, action, fault)
            then, reward, terminated, truncated, _ = env.step(sent)
            if fault == "clipped_kept":
                action = torch.as_tensor(sent)
            total = (
                total + float(reward) if fault == "rewards_summed_over_episodes" else float(reward)
            )
            before = seen
            begins = env.reset()[0] if terminated or truncated else then
            stored.append((seen, action, log, total, terminated, truncated, then, begins))
            seen = begins
        learn(stored, policy, critic, optimiser, gamma, fault, draw)

    def act(observation: Any) -> Any:
        with torch.no_grad():
            chance = policy(torch.as_tensor(observation), acts)
            action = chance.probs.argmax() if discrete else chance.mean
        return sent_to(env, action, fault)

    def value(observation: Any) -> float:
        with torch.no_grad():
            return float(critic(torch.as_tensor(observation)))

    return Trained(act, value)


def distribution(out: torch.Tensor, spread: torch.Tensor | None) -> Distribution:
    """Of actions; `spread`: the logarithm of the deviation, unless they are discrete."""
    if spread is None:
        return Categorical(logits=out)
    return Independent(Normal(out, spread.exp()), 1)


def sent_to(env: gymnasium.Env, action: torch.Tensor, fault: str) -> Any:
    """An action as the environment takes it."""
    space: Any = env.action_space
    if isinstance(space, gymnasium.spaces.Discrete):
        return int(action)
    if fault == "action_squashed":
        return action.tanh().numpy()
    return np.clip(action.numpy(), space.low, space.high)


def learn(
    stored: list[tuple[Any, ...]],
    policy: Callable[[torch.Tensor], Distribution],
    critic: nn.Module,
    optimiser: torch.optim.Optimizer,
    gamma: float,
    fault: str,
    draw: np.random.Generator,
) -> None:
    """Several epochs on what was collected."""
    columns = list(zip(*stored, strict=True))
    seen, then, begins = (torch.as_tensor(np.array(columns[i])) for i in (0, 6, 7))
    action, log = torch.stack(columns[1]), torch.stack(columns[2])
    reward, terminated, truncated = (np.array(columns[i], float) for i in (3, 4, 5))
    with torch.no_grad():
        value = critic(seen)[:, 0].numpy()
        after = critic(begins if fault in ("after_reset", "through_the_end") else then)[
            :, 0
        ].numpy()
    advantage = advantages(reward, value, after, terminated, truncated, gamma, fault)
    target = torch.as_tensor(advantage + (0.0 if fault == "value_target" else value)).float()
    gain = torch.as_tensor(advantage).float()
    if fault == "advantage_sign":
        gain = -gain
    shown = (
        seen[torch.as_tensor(draw.permutation(len(seen)))] if fault == "shuffled_batch" else seen
    )
    for _ in range(EPOCHS):
        for batch in np.split(draw.permutation(len(seen)), len(seen) // BATCH):
            chance = policy(shown[batch])
            chosen = chance.sample() if fault == "fresh_action" else action[batch]
            new = chance.log_prob(chosen)
            ratio = ((new.detach() if fault == "detached_policy" else new) - log[batch]).exp()
            if fault == "ratio_inverted":
                ratio = (log[batch] - new).exp()
            a = (gain[batch] - gain[batch].mean()) / (gain[batch].std() + 1e-8)
            both = ratio * a, ratio.clamp(1 - CLIP, 1 + CLIP) * a
            better = (torch.maximum if fault == "clip_maximum" else torch.minimum)(*both).mean()
            error = (critic(seen[batch])[:, 0] - target[batch]).pow(2).mean()
            bonus = {"entropy_large": 1000.0, "entropy_sign": -100.0}.get(fault, 1.0) * ENTROPY
            loss = -better - bonus * chance.entropy().mean()
            loss = loss + 0.5 * (-error if fault == "value_sign" else error)
            if fault != "gradient_kept":
                optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], 0.5)
            optimiser.step()


def advantages(
    reward: np.ndarray,
    value: np.ndarray,
    after: np.ndarray,
    terminated: np.ndarray,
    truncated: np.ndarray,
    gamma: float,
    fault: str,
) -> np.ndarray:
    """Generalised advantage estimates (Schulman et al. 2016)."""
    if fault == "reward_early":
        reward = np.roll(reward, -1)
    ends = np.maximum(terminated, truncated)
    goes_on = 1 - (ends if fault == "time_limit_ends" else terminated)
    traced = 1 - ends
    if fault == "mask_inverted":
        goes_on, traced = ends, ends
    if fault == "through_the_end":
        goes_on = np.ones_like(goes_on)
    if fault in ("through_the_end", "trace_through_the_end"):
        traced = np.ones_like(traced)
    delta, advantage, last = reward + gamma * goes_on * after - value, np.zeros_like(reward), 0.0
    for t in reversed(range(len(reward))):
        last = delta[t] + gamma * TRACE * traced[t] * last
        advantage[t] = last
    return np.roll(advantage, 1) if fault == "advantage_late" else advantage
