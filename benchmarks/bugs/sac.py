"""Soft actor-critic with PyTorch (Haarnoja et al. 2018), and faults by name."""

from copy import deepcopy
from functools import partial

import torch
from torch.nn import ReLU
from torch.nn.functional import softplus

from benchmarks.bugs import off_policy
from benchmarks.bugs.off_policy import RATE, Batch, descend, follow, network, worth

ENTROPY = -1.0  # aimed at, for each number of an action
BEGINS = -2.0  # logarithm of the temperature


class SAC:
    """An actor, two critics, and a temperature that keeps the entropy at its target."""

    def __init__(self, inputs: int, size: int, gamma: float, fault: str):
        self.size, self.gamma, self.fault = size, gamma, fault
        self.actor = network(inputs, 2 * size, ReLU)
        self.critics = [network(inputs + size, 1, ReLU) for _ in range(2)]
        self.slow = deepcopy(self.critics)
        self.acts = deepcopy(self.actor) if fault == "updates_a_copy" else self.actor
        begins = {"temperature_fixed": 2.0, "temperature_sign": 0.0}.get(fault, BEGINS)
        self.temperature = torch.full((), begins, requires_grad=True)
        rate = 0.0 if fault == "rate_zero" else RATE
        self.of_actor = torch.optim.Adam(self.actor.parameters(), rate)
        both = [x for critic in self.critics for x in critic.parameters()]
        self.of_critics = torch.optim.Adam(both, rate)
        self.of_temperature = torch.optim.Adam([self.temperature], rate)

    def sample(
        self, observation: torch.Tensor, by: torch.nn.Module
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """An action and its log-probability."""
        mean, log = by(observation).chunk(2, -1)
        log = log.clamp(-8.0, 2.0)
        noise = torch.randn_like(mean)
        drawn = mean + log.exp() * noise
        if self.fault == "deviation_as_log":
            drawn = mean + log * noise
        if self.fault == "action_detached":
            drawn = drawn.detach()
        chance = -0.5 * noise**2 - log - 0.919
        if self.fault != "uncorrected":
            chance = chance - 2 * (0.693 - drawn - softplus(-2 * drawn))
        return drawn.tanh(), chance.sum(-1)

    def explore(self, observation: torch.Tensor) -> torch.Tensor:
        if self.fault == "no_exploration":
            return self.mode(observation)
        return self.sample(observation, self.acts)[0]

    def mode(self, observation: torch.Tensor) -> torch.Tensor:
        mean, log = self.acts(observation).chunk(2, -1)
        return (log if self.fault == "heads_swapped" else mean).tanh()

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
        heat, fault = self.temperature.exp().detach(), self.fault
        with torch.set_grad_enabled(fault == "target_with_gradient"):
            action, log = self.sample(batch.then, self.actor)
            if fault == "target_of_action_taken":
                action = batch.action
            follows = self.least(self.slow, batch.then, action)
            if fault == "target_with_gradient":
                follows = self.least(self.critics, batch.then, action)
            follows = follows + (1 if fault == "entropy_in_target_sign" else -1) * heat * log
            aim = batch.reward + self.gamma * batch.on * follows
        values = [worth(critic, batch.seen, batch.action) for critic in self.critics]
        error = sum((value - aim).pow(2).mean() for value in values)
        assert isinstance(error, torch.Tensor)
        descend(-error if fault == "critic_sign" else error, self.of_critics)
        action, log = self.sample(batch.seen, self.actor)
        value = self.least(self.critics, batch.seen, action)
        value = -value if fault == "actor_sign" else value
        gain = value + (1 if fault == "entropy_sign" else -1) * heat * log
        descend(-gain.mean(), self.of_actor)
        if fault != "temperature_fixed":
            excess = (-log - ENTROPY * self.size).mean().detach()
            sign = -1 if fault == "temperature_sign" else 1
            descend(sign * self.temperature * excess, self.of_temperature)
        if fault != "target_stale":
            for slow, fast in zip(self.slow, self.critics, strict=True):
                follow(slow, fast)


train = partial(off_policy.train, SAC)
