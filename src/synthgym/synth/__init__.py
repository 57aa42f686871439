"""Synthetic environments: networks that play the part of a task."""
