"""Benchmarks: each prints figures measured in one run, as ratios wherever a machine's speed matters."""
