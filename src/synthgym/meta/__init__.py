"""Meta-training: evolution of synthetic environments."""
