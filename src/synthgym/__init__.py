"""SynthGym."""

from synthgym.adapters.registration import announce

announce()
