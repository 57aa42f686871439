"""Trained environments in the libraries that people use: gymnax, Gymnasium."""
