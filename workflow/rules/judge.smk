# How good they are: agents are trained in them, and judged on the real task.

stage("transfer")  # in one environment of tasks/
stage(
    "study"
)  # the same in all environments of an arm of an experiment; writes <arm>/transfer/<trial>
stage("baseline")  # the same agents trained in the real task
stage("expert")  # agents of settings tuned for the real task
stage("judge")  # agents that learn by an objective (of objectives/)
stage("clients")  # agents of Stable-Baselines3, an extra
stage("client_baseline")
stage("rival")
