"""SynthBench."""

from synthbench.adapters.registration import announce

announce()
