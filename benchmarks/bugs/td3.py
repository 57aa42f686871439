"""Twin delayed deterministic policy gradients with PyTorch (Fujimoto et al. 2018), and faults."""

from copy import deepcopy
from functools import partial

import torch
from torch.nn import Tanh

from benchmarks.bugs import off_policy
from benchmarks.bugs.off_policy import RATE, Batch, descend, follow, network, worth

NOISE, SMOOTHING, CLIP, DELAY = 0.3, 0.2, 0.5, 2


class TD3:
    """An actor, two critics, and slow copies of all three."""

    def __init__(self, inputs: int, size: int, gamma: float, fault: str):
        self.gamma, self.fault, self.updates = gamma, fault, 0
        self.actor = network(inputs, size, Tanh)
        torch.nn.init.uniform_(self.actor[-1].weight, -3e-3, 3e-3)
        self.critics = [network(inputs + size, 1, Tanh) for _ in range(2)]
        self.slow_actor, self.slow = deepcopy(self.actor), deepcopy(self.critics)
        self.acts = deepcopy(self.actor) if fault == "updates_a_copy" else self.actor
        rate = 0.0 if fault == "rate_zero" else RATE
        self.actor_optimiser = torch.optim.Adam(self.actor.parameters(), rate)
        both = [x for critic in self.critics for x in critic.parameters()]
        self.critic_optimiser = torch.optim.Adam(both, rate)

    def explore(self, observation: torch.Tensor) -> torch.Tensor:
        if self.fault == "no_exploration":
            return self.mode(observation)
        drawn = self.mode(observation)
        return (drawn + NOISE * torch.randn_like(drawn)).clamp(-1, 1)

    def mode(self, observation: torch.Tensor) -> torch.Tensor:
        action = self.acts(observation)
        return action.clamp(-1, 1) if self.fault == "acts_unsquashed" else action.tanh()

    def value(self, observation: torch.Tensor) -> torch.Tensor:
        return self.valued(self.critics[0], observation, self.mode(observation))

    def valued(self, critic: torch.nn.Module, seen: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Value of an action."""
        return worth(critic, seen, torch.zeros_like(x) if self.fault == "action_unseen" else x)

    def learn(self, batch: Batch) -> None:
        fault, self.updates = self.fault, self.updates + 1
        with torch.set_grad_enabled(fault == "target_with_gradient"):
            action = self.slow_actor(batch.then).tanh()
            width = {"smoothing_unclipped": 20.0}.get(fault, SMOOTHING)
            noise = width * torch.randn_like(action)
            if fault != "smoothing_unclipped":
                noise = noise.clamp(-CLIP, CLIP)
            action = (action + noise).clamp(-1, 1)
            if fault == "target_of_action_taken":
                action = batch.action
            critics = self.critics if fault == "target_with_gradient" else self.slow
            first, second = (self.valued(critic, batch.then, action) for critic in critics)
            of = torch.maximum if fault == "larger_critic" else torch.minimum
            aim = batch.reward + self.gamma * batch.on * of(first, second)
        values = [self.valued(critic, batch.seen, batch.action) for critic in self.critics]
        error = sum((value - aim).pow(2).mean() for value in values)
        assert isinstance(error, torch.Tensor)
        descend(-error if fault == "critic_sign" else error, self.critic_optimiser)
        if self.updates % (1000 if fault == "actor_rarely" else DELAY):
            return
        action = self.actor(batch.seen).tanh()
        if fault == "action_detached":
            action = action.detach().requires_grad_()
        gain = self.valued(self.critics[0], batch.seen, action).mean()
        # Gradients of this loss for the critic are set to zero before its next step.
        descend(gain if fault == "actor_sign" else -gain, self.actor_optimiser)
        if fault != "target_stale":
            for slow, fast in zip(self.slow, self.critics, strict=True):
                follow(slow, fast)
        if fault not in ("target_stale", "target_actor_stale"):
            follow(self.slow_actor, self.actor)


train = partial(off_policy.train, TD3)
