"""SynthBench."""
