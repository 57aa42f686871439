"""Agents: whole training runs as pure functions of a key, an environment and hyperparameters."""
