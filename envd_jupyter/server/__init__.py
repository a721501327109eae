"""The Jupyter Server extension: builds and settings over REST and WebSockets.

`app` is the extension. Each resource has a module of handlers, on the ground of `handler` (REST)
and `socket` (WebSockets); what they serve is described in ``openapi.yaml``. `hub` follows builds
and settings for all who watch, `kernels` knows whose settings a kernel's are, `places` says which
paths a request may name. May import `envd_jupyter.builds` and what lies below.
"""
