"""Builds: their requests, events, states, records and results.

Named in the plural, so that `envd_jupyter.build` can be the function that makes one.
"""
