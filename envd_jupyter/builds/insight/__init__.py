"""After the build: why a step ran again, what was saved, and what a cache holds.

Everything here is pure or reads what a build left in its folder; nothing here knows IPython. The
order of reading: `graph` (what was asked of BuildKit), `compare` (two graphs), `evidence` (what a
build noted beside its events), `past` (one recorded build), `explain` (why a step ran again).
"""
