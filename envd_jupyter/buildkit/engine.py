"""The Docker Engine in front of BuildKit: how it is found, and how its HTTP becomes HTTP/2.

``POST /grpc`` with ``Upgrade: h2c`` turns a connection to the Engine's API into one to BuildKit's
Control service; HTTP/2 begins right after the head of the ``101`` response.
"""

from __future__ import annotations

import asyncio
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from envd_jupyter.buildkit.address import DEFAULT_DOCKER, BuilderAddress
from envd_jupyter.errors import BuilderAddressError, BuilderUnreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "HEAD_END",
    "LONGEST_HEAD",
    "docker_endpoint",
    "is_grpc_upgrade",
    "ssh_command",
    "upgrade_to_grpc",
]

HEAD_END = b"\r\n\r\n"
_GRPC_REQUEST = re.compile(rb"POST (?:https?://[^/ ]+)?/(?:v[\d.]+/)?grpc(?:\?\S*)? HTTP/1\.1\r\n")
LONGEST_HEAD = 1 << 16


def is_grpc_upgrade(head: bytes) -> bool:
    """Return whether an HTTP request's head asks for BuildKit's gRPC."""
    return _GRPC_REQUEST.match(head) is not None and b"h2c" in head.lower()


async def upgrade_to_grpc(transport: asyncio.Transport) -> bytes:
    """Ask a Docker Engine for BuildKit on an open connection.

    Returns
    -------
    bytes
        HTTP/2 bytes that came with the answer.

    Raises
    ------
    BuilderUnreachable
        If the Engine declines.
    """
    answer: asyncio.Future[tuple[bytes, bytes]] = asyncio.get_running_loop().create_future()
    transport.set_protocol(_HeadReader(answer))
    transport.write(
        b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    head, rest = await answer
    status = head.split(b"\r\n", 1)[0].decode("latin-1")
    if " 101 " not in f"{status} ":
        raise BuilderUnreachable(
            f"the Docker Engine does not give access to its BuildKit: {status}",
            hint="BuildKit is part of Docker Engine 18.09 and newer; try: docker version",
        )
    return rest


class _HeadReader(asyncio.Protocol):
    """Read a response's head, and stop before what follows it."""

    def __init__(self, answer: asyncio.Future[tuple[bytes, bytes]]) -> None:
        self._answer = answer
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(HEAD_END)
        if self._answer.done():
            return
        if end:
            self._answer.set_result((head, rest))
        elif len(self._buffer) > LONGEST_HEAD:
            self._answer.set_exception(BuilderUnreachable("the Docker Engine's answer is no HTTP"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            reason = f": {exc}" if exc else ""
            self._answer.set_exception(
                BuilderUnreachable(f"the Docker Engine closed the connection{reason}")
            )


def docker_endpoint(context: str | None, environ: Mapping[str, str]) -> BuilderAddress:
    """Find a Docker Engine as the Docker command does.

    Parameters
    ----------
    context
        The name of a Docker context, or None: then ``$DOCKER_HOST``, ``$DOCKER_CONTEXT``, the
        current context of the user's Docker configuration, or the default socket.
    environ
        The environment.

    Raises
    ------
    BuilderAddressError
        If the context is not there or its address is not understood.
    """
    if context is None and environ.get("DOCKER_HOST"):
        return _from_host(environ["DOCKER_HOST"], environ)
    folder = Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    name = context or environ.get("DOCKER_CONTEXT") or _current_context(folder)
    if name in (None, "", "default"):
        return BuilderAddress("docker+unix", DEFAULT_DOCKER)
    assert name is not None
    place = sha256(name.encode()).hexdigest()
    endpoint: Any = _read_json(folder / "contexts" / "meta" / place / "meta.json")
    try:
        host = endpoint["Endpoints"]["docker"]["Host"]
    except (KeyError, TypeError):
        raise BuilderAddressError(
            f"there is no Docker context {name!r}", hint="List them with: docker context ls"
        ) from None
    tls = folder / "contexts" / "tls" / place / "docker"
    return _from_host(host, {"DOCKER_CERT_PATH": str(tls)} if tls.is_dir() else {})


def _current_context(folder: Path) -> str | None:
    settings: Any = _read_json(folder / "config.json")
    name = settings.get("currentContext") if isinstance(settings, dict) else None
    return name if isinstance(name, str) else None


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _from_host(host: str, environ: Mapping[str, str]) -> BuilderAddress:
    parts = urlsplit(host)
    if parts.scheme == "unix":
        return BuilderAddress("docker+unix", parts.netloc + parts.path)
    if parts.scheme == "ssh":
        return BuilderAddress("docker+ssh", parts.netloc + parts.path)
    if parts.scheme in ("tcp", "http", "https") and parts.hostname:
        certificates = environ.get("DOCKER_CERT_PATH")
        names = {"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
        port = parts.port or (2376 if certificates else 2375)
        params = {k: str(Path(certificates) / v) for k, v in names.items()} if certificates else {}
        return BuilderAddress("docker+tcp", f"{parts.hostname}:{port}", params)
    raise BuilderAddressError(
        f"the Docker host {host!r} is not understood",
        hint="Set DOCKER_HOST to unix://PATH, tcp://HOST:PORT or ssh://HOST.",
    )


def ssh_command(target: str) -> list[str]:
    """Return how the Docker command reaches an Engine over SSH."""
    parts = urlsplit(f"ssh://{target}")
    command = ["ssh", "-o", "ConnectTimeout=10", "-o", "BatchMode=yes", "-T"]
    if parts.port:
        command += ["-p", str(parts.port)]
    if parts.username:
        command += ["-l", parts.username]
    remote = ["docker"]
    if parts.path and parts.path != "/":
        remote += ["--host", f"unix://{parts.path}"]
    return [*command, "--", parts.hostname or target, *remote, "system", "dial-stdio"]
