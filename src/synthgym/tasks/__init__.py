"""Real tasks behind the `Env` contract."""
