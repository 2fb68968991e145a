"""Trackers of other programs, one module each, which imports its program when it is chosen by name."""
