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
    "stale_observation": "acts in training on what was observed a step before",
    "entropy_large": "the bonus for entropy is a thousand times too large",
    "entropy_sign": "entropy is punished, at a hundred times the rate",
    "greedy": "collects with the likeliest action, never another",
    "rewards_summed_over_episodes": "rewards are added up and never reset",
    "gradient_kept": "gradients are not set to zero between updates",
    "updates_a_copy": "the policy that acts is another one from the beginning, never trained",
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
    "all_actions": "the mean value of all actions is moved to the target",
    "next_observation": "what follows is stored as the observation itself",
    "replay_last": "learns from the last step over and over",
    "updates_a_copy": "the network that acts is another one from the beginning, never trained",
}

GAUSSIAN = {
    "deviation_tiny": "the standard deviation of actions is fixed below 0.01",
    "clipped_kept": "the action is stored as clipped, its log-probability as drawn",
    "action_squashed": "actions are squashed to [-1, 1], whatever their bounds",
}

OFF_POLICY = {
    "actor_sign": "the actor is moved to worse actions",
    "critic_sign": "the error of the critics is made larger",
    "rate_zero": "the learning rate is 0",
    "mask_inverted": "bootstraps at the end of episodes only",
    "through_the_end": "bootstraps at the end of episodes, too",
    "time_limit_ends": "does not bootstrap at a time limit",
    "after_reset": "stores the first observation of the next episode as the one that follows",
    "gamma_one": "there is no discount",
    "gamma_zero": "the discount is 0",
    "target_stale": "the slow networks never follow",
    "target_of_action_taken": "the target values the action of the step before, not the next one",
    "target_with_gradient": "the target is of the networks that are trained, with its gradient",
    "larger_critic": "the larger value of the two critics is taken",
    "action_detached": "the action is detached: the value has no gradient for the actor",
    "action_scale": "actions are sent as they are, in [-1, 1], whatever their bounds",
    "action_unscaled": "actions are stored in the units of the environment, not in [-1, 1]",
    "stale_observation": "acts in training on what was observed a step before",
    "no_exploration": "collects with the mode, without noise, from the first step",
    "always_random": "actions in training stay random for ever",
    "replay_late": "an observation is stored with action and reward of the step before",
    "reward_shuffled": "rewards of a batch are shuffled",
    "replay_full": "nothing is stored after the first 500 steps",
    "replay_last": "learns from the last step over and over",
    "next_observation": "what follows is stored as the observation itself",
    "updates_a_copy": "the actor that acts is a copy from the beginning",
}

SAC = {
    **OFF_POLICY,
    "uncorrected": "the log-probability is that before squashing",
    "deviation_as_log": "the logarithm of the deviation is taken for the deviation",
    "heads_swapped": "the trained agent acts by the deviation, not by the mean",
    "entropy_sign": "the actor is punished for entropy",
    "entropy_in_target_sign": "targets are lower for entropy, not higher",
    "temperature_fixed": "the temperature is large and not trained",
    "temperature_sign": "the temperature moves away from its target, from 1 on",
}

TD3 = {
    **OFF_POLICY,
    "target_actor_stale": "the slow actor never follows",
    "smoothing_unclipped": "the noise of the target is a hundred times too large, and not clipped",
    "action_unseen": "the critics do not see the action",
    "actor_rarely": "the actor and the slow networks are updated once in a thousand updates",
    "acts_unsquashed": "actions are clipped where they should be squashed",
}

FAULTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "ppo": PPO,
        "dqn": DQN,
        "ppo_continuous": GAUSSIAN,  # the others are tried with discrete actions
        "sac": SAC,
        "td3": TD3,
    }
)
