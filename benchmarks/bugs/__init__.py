"""Which faults of agents do tests see? Faults put into agents one at a time, by name."""
