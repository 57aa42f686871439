# How environments are made: evolved, distilled from a teacher, or fitted to what agents met in the real task.

stage(
    "metatrain"
)  # an evolution strategy; several seeds side by side where the plan says so
stage("teacher")  # an agent that is trained in the real task
stage("distil")
stage("grade")  # tables that follow the gradient of the real return
stage("model")
stage(
    "objective"
)  # not an environment, but what agents learn by: evolved in the same way
