"""Deep Q-learning in one file, with PyTorch (Mnih et al. 2015), and faults by name."""

from typing import Any

import gymnasium
import numpy as np
import torch
from torch import nn

from benchmarks.bugs.trained import Trained

RATE, BATCH, WARMUP, EVERY, COPY, EXPLORES, LEAST = 1e-3, 64, 200, 2, 200, 0.3, 0.05


def train(
    env: gymnasium.Env, seed: int, steps: int, gamma: float = 0.99, fault: str = ""
) -> Trained:
    """Train an agent that then acts greedily."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    draw = np.random.default_rng(seed)
    count = int(env.action_space.n)  # type: ignore[attr-defined]
    size = env.observation_space.shape[0]  # type: ignore[index]
    gamma = {"gamma_one": 1.0, "gamma_zero": 0.0}.get(fault, gamma)

    def network() -> nn.Sequential:
        layers = (nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        return nn.Sequential(*layers, nn.Linear(64, count))

    online, target, copy = network(), network(), network()
    target.load_state_dict(online.state_dict())
    acts = copy if fault == "updates_a_copy" else online
    optimiser = torch.optim.Adam(online.parameters(), 0.0 if fault == "rate_zero" else RATE)
    seen, then = (torch.zeros(steps, size) for _ in range(2))
    taken = torch.zeros(steps, dtype=torch.long)
    earned, ended = torch.zeros(steps), torch.zeros(steps)

    def act(observation: Any) -> int:
        with torch.no_grad():
            values = acts(torch.as_tensor(observation))
        return int(values.argmin() if fault == "acts_worst" else values.argmax())

    observation, last = env.reset(seed=seed)[0], (0, 0.0)
    stored = 0
    for step in range(steps):
        epsilon = max(LEAST, 1 - step / (EXPLORES * steps))
        explores = step < WARMUP or fault == "epsilon_stays" or draw.random() < epsilon
        action = int(draw.integers(count)) if explores else act(observation)
        follows, reward, terminated, truncated, _ = env.step(action)
        begins = env.reset()[0] if terminated or truncated else follows
        if fault != "replay_full" or step < WARMUP:
            a, r = last if fault == "replay_late" else (action, float(reward))
            seen[stored], taken[stored], earned[stored] = torch.as_tensor(observation), a, r
            shown = {"after_reset": begins, "next_observation": observation}.get(fault, follows)
            then[stored] = torch.as_tensor(shown)
            ended[stored] = terminated or (truncated and fault == "time_limit_ends")
            stored += 1
        last, observation = (action, float(reward)), begins
        if step >= WARMUP and step % EVERY == 0:
            batch = draw.integers(stored, size=BATCH)
            if fault == "replay_last":
                batch[:] = stored - 1
            with torch.no_grad():
                values = target(then[batch])
                best = values.max(1)[0]
                best = {"target_minimum": values.min(1)[0], "target_mean": values.mean(1)}.get(
                    fault, best
                )
                on = {"mask_inverted": ended[batch], "through_the_end": torch.ones(BATCH)}
                reward = earned[draw.permutation(batch) if fault == "reward_shuffled" else batch]
                aim = reward + gamma * on.get(fault, 1 - ended[batch]) * best
            q = online(seen[batch])
            wrong = {"wrong_gather": q.max(1)[0], "all_actions": q.mean(1)}
            estimate = wrong.get(fault, q[range(BATCH), taken[batch]])
            loss = nn.functional.smooth_l1_loss(estimate, aim)
            optimiser.zero_grad()
            (-loss if fault == "loss_sign" else loss).backward()
            nn.utils.clip_grad_norm_(online.parameters(), 10.0)
            optimiser.step()
        if step % COPY == 0 and fault != "target_stale":
            target.load_state_dict(online.state_dict())

    def value(observation: Any) -> float:
        with torch.no_grad():
            return float(online(torch.as_tensor(observation)).max())

    return Trained(act, value)
