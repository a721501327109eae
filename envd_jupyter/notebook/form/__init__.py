"""The form: a build put together by clicking, and the same as a line of ``%envd_build``.

`model` knows what a form holds and how that becomes a line, a request and a list of problems; it
is pure. `presets` are ways to begin. `surroundings` looks at the project, the builders and the
names in the environment. `view`, `rows` and `running` are the widgets over them. ipywidgets is
imported by the latter only, so importing this package is cheap.
"""

from __future__ import annotations
