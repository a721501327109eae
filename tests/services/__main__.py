"""``python -m tests.services run``: what builds and the example notebooks need, until Ctrl-C.

A registry, a base image, two builders, an S3 bucket and an Actions cache.
"""

from __future__ import annotations

import logging
import shlex
import signal
import sys
import threading

from tests.services import NEW_BUILDKIT, OLD_BUILDKIT, Services


def main(arguments: list[str]) -> int:
    """Start the services, say where they are, and wait."""
    if not arguments or arguments[0] != "run":
        print("usage: python -m tests.services run [old|newest]", file=sys.stderr)
        return 2
    logging.basicConfig(format="# %(message)s", stream=sys.stderr)
    logging.getLogger("tests.services").setLevel(logging.INFO)
    version = NEW_BUILDKIT if "newest" in arguments else OLD_BUILDKIT
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Services() as services:
        builder = services.buildkitd(version)
        environ = services.notebook_environ(builder)
        names = ("HOME", "DOCKER_CONFIG", "ENVD_ANALYTICS", "ENVD_JUPYTER_DATA_DIR")
        print(f"# registry    {services.registry.host}")
        print(f"# base image  {services.base_image()}")
        print(f"# builder     {builder.address}")
        print("# To use them in another shell, for example before `jupyter lab notebooks`:")
        for name in (*names, *sorted(set(environ) - set(services.environ))):
            print(f"export {name}={shlex.quote(environ[name])}")
        print("# Ctrl-C ends them.", flush=True)
        ended.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
