import jax
import rejax
from gymnax.wrappers import LegacyStepAPIWrapper

import synthgym  # noqa: F401  registers

algo = rejax.PPO.create(env="Synthetic-CartPole-v1", total_timesteps=50_000, eval_freq=50_000)
# rejax 0.1.3 expects what gymnax was before 1.0, of this environment as of all others.
algo = algo.replace(env=LegacyStepAPIWrapper(algo.env), eval_callback=lambda *_: ())
trained, _ = jax.jit(algo.train)(jax.random.key(0))


def act(observation):
    return int(algo.make_act(trained)(observation, jax.random.key(0)))
