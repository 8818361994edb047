"""Benchmarks: speed as a ratio within one run, with the machine and the versions that gave it."""
