"""Soft actor-critic with PyTorch (Haarnoja et al. 2018), and faults by name."""

from copy import deepcopy
from functools import partial

import torch
from torch.nn import ReLU
from torch.nn.functional import softplus

from benchmarks.bugs import off_policy
from benchmarks.bugs.off_policy import RATE, Batch, descend, follow, network, worth

ENTROPY = -1.0  # aimed at, for each number of an action
START = -2.0  # logarithm of the temperature


class SAC:
    """An actor, two critics, and a temperature that keeps the entropy at its target."""

    def __init__(self, inputs: int, size: int, gamma: float, fault: str):
        self.size, self.gamma, self.fault = size, gamma, fault
        self.actor = network(inputs, 2 * size, ReLU)
        self.critics = [network(inputs + size, 1, ReLU) for _ in range(2)]
        self.slow = deepcopy(self.critics)
        self.acts = deepcopy(self.actor) if fault == "updates_a_copy" else self.actor
        start = {"temperature_fixed": 2.0, "temperature_sign": 0.0}.get(fault, START)
        self.log_temperature = torch.full((), start, requires_grad=True)
        rate = 0.0 if fault == "rate_zero" else RATE
        self.actor_optimiser = torch.optim.Adam(self.actor.parameters(), rate)
        both = [x for critic in self.critics for x in critic.parameters()]
        self.critic_optimiser = torch.optim.Adam(both, rate)
        self.temperature_optimiser = torch.optim.Adam([self.log_temperature], rate)

    def sample(
        self, observation: torch.Tensor, by: torch.nn.Module
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """An action and its log-probability."""
        mean, log_std = by(observation).chunk(2, -1)
        log_std = log_std.clamp(-8.0, 2.0)
        noise = torch.randn_like(mean)
        drawn = mean + log_std.exp() * noise
        if self.fault == "deviation_as_log":
            drawn = mean + log_std * noise
        if self.fault == "action_detached":
            drawn = drawn.detach()
        chance = -0.5 * noise**2 - log_std - 0.919
        if self.fault != "uncorrected":
            chance = chance - 2 * (0.693 - drawn - softplus(-2 * drawn))
        return drawn.tanh(), chance.sum(-1)

    def explore(self, observation: torch.Tensor) -> torch.Tensor:
        if self.fault == "no_exploration":
            return self.mode(observation)
        return self.sample(observation, self.acts)[0]

    def mode(self, observation: torch.Tensor) -> torch.Tensor:
        mean, log_std = self.acts(observation).chunk(2, -1)
        return (log_std if self.fault == "heads_swapped" else mean).tanh()

    def value(self, observation: torch.Tensor) -> torch.Tensor:
        return self.least(self.critics, observation, self.mode(observation))

    def least(
        self, critics: list[torch.nn.Sequential], seen: torch.Tensor, action: torch.Tensor
    ) -> torch.Tensor:
        """The smaller value of the two critics."""
        of = torch.maximum if self.fault == "larger_critic" else torch.minimum
        first, second = (worth(critic, seen, action) for critic in critics)
        return of(first, second)

    def learn(self, batch: Batch) -> None:
        temperature, fault = self.log_temperature.exp().detach(), self.fault
        with torch.set_grad_enabled(fault == "target_with_gradient"):
            action, log_prob = self.sample(batch.then, self.actor)
            if fault == "target_of_action_taken":
                action = batch.action
            follows = self.least(self.slow, batch.then, action)
            if fault == "target_with_gradient":
                follows = self.least(self.critics, batch.then, action)
            follows = (
                follows + (1 if fault == "entropy_in_target_sign" else -1) * temperature * log_prob
            )
            aim = batch.reward + self.gamma * batch.on * follows
        values = [worth(critic, batch.seen, batch.action) for critic in self.critics]
        error = sum((value - aim).pow(2).mean() for value in values)
        assert isinstance(error, torch.Tensor)
        descend(-error if fault == "critic_sign" else error, self.critic_optimiser)
        action, log_prob = self.sample(batch.seen, self.actor)
        value = self.least(self.critics, batch.seen, action)
        value = -value if fault == "actor_sign" else value
        gain = value + (1 if fault == "entropy_sign" else -1) * temperature * log_prob
        descend(-gain.mean(), self.actor_optimiser)
        if fault != "temperature_fixed":
            excess = (-log_prob - ENTROPY * self.size).mean().detach()
            sign = -1 if fault == "temperature_sign" else 1
            descend(sign * self.log_temperature * excess, self.temperature_optimiser)
        if fault != "target_stale":
            for slow, fast in zip(self.slow, self.critics, strict=True):
                follow(slow, fast)


train = partial(off_policy.train, SAC)
