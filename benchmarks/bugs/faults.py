"""What was done wrong, by agent: name -> in words. The agents look for the names."""

from collections.abc import Mapping
from types import MappingProxyType

PPO = {
    "advantage_sign": "the policy is made worse: advantages have the wrong sign",
    "ratio_inverted": "the ratio is that of the old policy to the new one",
    "detached_policy": "the new log-probability is detached",
    "fresh_action": "the new log-probability is that of another action, sampled anew",
    "clip_maximum": "the larger of the clipped and the plain objective is taken",
    "rate_zero": "the learning rate is 0",
    "shuffled_batch": "observations are shuffled apart from actions",
    "advantage_late": "each step has the advantage of the step before",
    "reward_early": "each step has the reward of the next",
    "mask_inverted": "bootstraps at the end of episodes only",
    "through_the_end": "values and traces go on over the end of episodes",
    "trace_through_the_end": "traces go on over the end of episodes",
    "time_limit_ends": "does not bootstrap at a time limit",
    "after_reset": "bootstraps at a time limit from the beginning of the next episode",
    "gamma_one": "there is no discount",
    "gamma_zero": "the discount is 0",
    "value_sign": "the value is moved away from its target",
    "value_target": "the target of the value is the advantage, without the value",
    "stale_observation": "acts on what was observed a step before",
    "entropy_large": "the bonus for entropy is a thousand times too large",
    "entropy_sign": "entropy is punished, at a hundred times the rate",
    "greedy": "collects with the likeliest action, never another",
    "rewards_summed_over_episodes": "rewards are added up and never reset",
    "gradient_kept": "gradients are not set to zero between updates",
    "updates_a_copy": "the policy that acts is a copy from the beginning",
}

DQN = {
    "loss_sign": "the error is made larger",
    "rate_zero": "the learning rate is 0",
    "mask_inverted": "bootstraps at the end of episodes only",
    "through_the_end": "bootstraps at the end of episodes, too",
    "time_limit_ends": "does not bootstrap at a time limit",
    "after_reset": "stores the first observation of the next episode as the one that follows",
    "target_stale": "the target network is never renewed",
    "gamma_one": "there is no discount",
    "gamma_zero": "the discount is 0",
    "epsilon_stays": "actions stay random for ever",
    "replay_late": "an observation is stored with action and reward of the step before",
    "reward_shuffled": "rewards of a batch are shuffled",
    "replay_full": "nothing is stored after the first 200 steps",
    "wrong_gather": "the value of the best action is trained, not that of the action taken",
    "target_minimum": "the target is the least value of the next state",
    "target_mean": "the target is the mean value of the next state",
    "acts_worst": "acts by the least value",
    "all_actions": "the values of all actions are moved to the target",
    "next_observation": "what follows is stored as the observation itself",
    "replay_last": "learns from the last step over and over",
    "updates_a_copy": "the network that acts is a copy from the beginning",
}
FAULTS: Mapping[str, Mapping[str, str]] = MappingProxyType({"ppo": PPO, "dqn": DQN})
