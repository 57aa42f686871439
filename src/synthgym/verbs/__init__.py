"""What the command line does with trained environments."""
