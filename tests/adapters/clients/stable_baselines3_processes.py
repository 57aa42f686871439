from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

env = make_vec_env("synthgym:Synthetic-CartPole-v1", 2, seed=0, vec_env_cls=SubprocVecEnv)
agent = PPO("MlpPolicy", env, n_steps=256, learning_rate=1e-3, seed=0).learn(20_000)


def act(observation):
    return agent.predict(observation, deterministic=True)[0]
