"""Benchmarks: each prints figures of one run, as ratios wherever a machine's speed matters."""
