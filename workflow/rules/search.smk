# How settings are found. Bayesian optimisation with few generations first (BOHB):

stage("search")  # of meta-trainings
stage("search_comparison")  # the best settings found against those of the plan
stage(
    "tune"
)  # of agents that learn in the real task, which reward networks are compared with
stage("transform_study")  # each transform of scores with each step size
