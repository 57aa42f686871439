import gymnasium
from sb3_contrib import TRPO

agent = TRPO("MlpPolicy", gymnasium.make("synthgym:Synthetic-CartPole-v1"), seed=0).learn(20_000)


def act(observation):
    return agent.predict(observation, deterministic=True)[0]
