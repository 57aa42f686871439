"""Ground floor: types, random keys, files, checkpoints, devices."""
