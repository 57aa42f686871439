import gymnasium
import torch
from torch import nn
from torch.distributions import Categorical

envs = gymnasium.make_vec("synthgym:Synthetic-CartPole-v1", 64, autoreset_mode="SameStep")
actor = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(actor.parameters(), lr=3e-3, maximize=True)
observations, info = envs.reset(seed=0)
for _step in range(1000):
    actions = (policy := Categorical(logits=actor(torch.as_tensor(observations)))).sample()
    observations, rewards, *rest = envs.step(actions.numpy())
    optimizer.zero_grad()
    (policy.log_prob(actions) @ torch.as_tensor(rewards - rewards.mean()).float()).backward()
    optimizer.step()


def act(observation):
    return int(actor(torch.as_tensor(observation)).argmax())
