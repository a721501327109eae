"""The driver of one build: a process of its own that depends on no kernel and no browser.

It reads its order from standard input, forks envd at once, and only then imports what it takes to
relay and record; a build should not wait for Python. What it does after that is in
`envd_jupyter.builds.driver.conductor`.
"""

# ruff: noqa: PTH101, PTH123 - importing pathlib would cost the start of each build some milliseconds

from __future__ import annotations

import gc
import json
import os
import socket
import sys

from envd_jupyter.builds.driver.envd_process import envd_environ, schedule_as_batch, start_envd
from envd_jupyter.builds.driver.shadow import context_command, make_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from envd_jupyter.builds.driver.envd_process import EnvdProcess

__all__ = ["main"]

_DOCKER_SETTINGS = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONTEXT")


def main() -> None:
    """Run the build that is ordered on standard input."""
    # To import makes many objects and no garbage; looking for it would take 8 % of the start.
    gc.set_threshold(100_000)
    schedule_as_batch()
    order = json.loads(sys.stdin.buffer.read())
    for descriptor in (order["lock"], order["wake"]):
        os.set_inheritable(descriptor, False)
    os.ftruncate(order["lock"], 0)
    os.pwrite(order["lock"], str(os.getpid()).encode(), 0)
    process, listener, problem = None, None, None
    try:
        listener = _listen(f"{order['private']}/relay")
        process = _start(order)
    except OSError as error:
        problem = f"the build could not be started: {error}"
    from envd_jupyter.builds.driver.conductor import conduct

    conduct(order, process, listener, problem)


def _listen(path: str) -> socket.socket:
    """Make the relay's socket: who connects before the relay is there waits in its queue."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(100)
    return listener


def _start(order: dict[str, Any]) -> EnvdProcess:
    private = order["private"]
    shadow, socket = f"{private}/home", f"{private}/relay"
    make_home(shadow, order["home"])
    environ = envd_environ(os.environ) | {"HOME": shadow}
    context = None
    if order["docker"]:
        for name in _DOCKER_SETTINGS:
            environ.pop(name, None)
        environ["DOCKER_HOST"] = f"unix://{socket}"
    else:
        context = context_command(order["envd"], socket)
    command = [order["envd"], *order["arguments"], "--from", _source(order)]
    if _uses_local(order):
        command += ["--export-cache", f"type=local,dest={private}/cache"]
    return start_envd(command, context, environ)


def _source(order: dict[str, Any]) -> str:
    """Return the ``--from`` of envd; a cell's text is put into a file, found from the project."""
    given: str = order["from"]
    text = order["source"]
    if text is None:
        return given
    private = os.path.realpath(order["private"])
    with open(f"{private}/build.envd", "w", encoding="utf-8") as file:
        file.write(text)
    function = given.rpartition(":")[2]
    project = os.path.realpath(order["project"])
    return f"{os.path.relpath(private, project)}/build.envd:{function}"


def _uses_local(order: dict[str, Any]) -> bool:
    return any(entry["type"] == "local" for entry in [*order["exports"], *order["imports"]])
