from itertools import count

import gymnax
import jax
from gymnax.wrappers import LegacyStepAPIWrapper
from rejax import PPO

import synthgym  # noqa: F401  registers


# rejax 0.1.3 copies its environment, and expects the steps of gymnax before 1.0.
class Env(LegacyStepAPIWrapper):
    def __deepcopy__(self, memo):
        return self


env, params = gymnax.make("Synthetic-CartPole-v1")
ppo = PPO.create(env=Env(env), env_params=params, total_timesteps=20_000, eval_freq=20_000)
state, _ = jax.jit(ppo.train)(jax.random.PRNGKey(0))
policy, calls = jax.jit(ppo.make_act(state)), count()


def act(observation):
    return int(policy(observation, jax.random.PRNGKey(next(calls))))
