# How good they are: agents are trained in them, and judged on the real task.

stage("transfer")  # of one environment
stage("study")  # of all environments of an arm of an experiment
stage("baseline")  # the same agents trained in the real task
stage("expert")  # agents of settings tuned for the real task
stage("judge")  # agents that learn by an objective
stage("clients")  # agents of Stable-Baselines3, an extra
stage("client_baseline")
