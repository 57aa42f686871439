# What is in them, and in what agents learn there.

stage("behaviour")  # observations, rewards, and the surface of rewards
stage("rollout")  # an episode of an agent
stage("noise")  # training in environments that are disturbed (of mdps/)
stage("reward_map")  # rewards of a network in every state
stage("insight")  # what a bandit knows of its task
stage("choices")  # the choices in distilling, one at a time
