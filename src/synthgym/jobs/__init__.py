"""How jobs run: manifests, fingerprints of code, locks, checkpoints, progress."""
