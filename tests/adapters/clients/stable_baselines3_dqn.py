import gymnasium
from stable_baselines3 import DQN

agent = DQN("MlpPolicy", gymnasium.make("synthgym:Synthetic-CartPole-v1"), seed=0).learn(10_000)


def act(observation):
    return agent.predict(observation, deterministic=True)[0]
