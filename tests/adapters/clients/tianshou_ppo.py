from tianshou.highlevel.config import OnPolicyTrainingConfig
from tianshou.highlevel.env import EnvFactoryRegistered, VectorEnvType
from tianshou.highlevel.experiment import ExperimentConfig, PPOExperimentBuilder

envs = EnvFactoryRegistered(task="synthgym:Synthetic-CartPole-v1", venv_type=VectorEnvType.DUMMY)
config = ExperimentConfig(persistence_enabled=False, watch=False, seed=0)
steps = OnPolicyTrainingConfig(max_epochs=1, epoch_num_steps=20_000, num_training_envs=8)
result = PPOExperimentBuilder(envs, config, steps).build().run()


def act(observation):
    return result.world.algorithm.policy.compute_action(observation)
