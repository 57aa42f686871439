import gymnasium
from sb3_contrib import QRDQN

agent = QRDQN("MlpPolicy", gymnasium.make("synthgym:Synthetic-CartPole-v1"), seed=0).learn(10_000)


def act(observation):
    return agent.predict(observation, deterministic=True)[0]
