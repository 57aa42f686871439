"""Which settings of a meta-training are best? BOHB (Falkner et al. 2018), with a real budget."""
