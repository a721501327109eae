"""Reaching BuildKit: by socket, by TCP with or without TLS, through a container, a pod or Docker.

`dial` connects to BuildKit's gRPC; `dial_engine` to the Docker Engine API that it lies behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.buildkit.address import ENGINES, BuilderAddress
from envd_jupyter.errors import BuilderAddressError, BuilderUnreachable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

__all__ = ["BuilderAddress", "commands_ended", "dial", "dial_engine"]

_CONNECT_SECONDS = 10.0
# Seconds until the first question, between questions, their number; and for data, milliseconds.
_KEEPALIVE = {
    "TCP_KEEPIDLE": 3,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 6000,
}


async def dial(
    address: BuilderAddress, factory: Callable[[], asyncio.Protocol]
) -> tuple[asyncio.Transport, asyncio.Protocol]:
    """Connect a protocol to BuildKit's gRPC service.

    Parameters
    ----------
    address
        The builder.
    factory
        Makes the protocol; its bytes are HTTP/2 from the first one on.

    Raises
    ------
    BuilderUnreachable
        If nothing answers, with what to look at.
    """
    if not address.is_docker:
        return await _guarded(address, _connect(address, factory))
    from envd_jupyter.buildkit.engine import upgrade_to_grpc

    transport, protocol = await dial_engine(address, _Silent)
    try:
        early = await asyncio.wait_for(upgrade_to_grpc(transport), _CONNECT_SECONDS)
    except BaseException:
        transport.abort()
        raise
    del protocol
    upgraded = factory()
    transport.set_protocol(upgraded)
    upgraded.connection_made(transport)
    if early:
        upgraded.data_received(early)
    return transport, upgraded


async def dial_engine(
    address: BuilderAddress, factory: Callable[[], asyncio.Protocol]
) -> tuple[asyncio.Transport, asyncio.Protocol]:
    """Connect a protocol to the HTTP API of a Docker Engine.

    Raises
    ------
    BuilderUnreachable
        If nothing answers.
    """
    return await _guarded(address, _connect(_engine_address(address), factory))


class _Silent(asyncio.Protocol):
    """Stands in until the real protocol is known."""


def _engine_address(address: BuilderAddress) -> BuilderAddress:
    """Find a Docker Engine as the Docker command does: by context, ``$DOCKER_HOST``, or default."""
    if address.kind != "docker":
        return address
    from envd_jupyter.buildkit.engine import docker_endpoint

    return docker_endpoint(address.target or None, os.environ)


async def _guarded(
    address: BuilderAddress,
    connecting: asyncio._CoroutineLike[tuple[asyncio.Transport, asyncio.Protocol]],
) -> tuple[asyncio.Transport, asyncio.Protocol]:
    try:
        return await asyncio.wait_for(connecting, _CONNECT_SECONDS)
    except asyncio.TimeoutError:
        reason = f"no answer within {_CONNECT_SECONDS:.0f} s"
    except BuilderUnreachable:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
    raise BuilderUnreachable(
        f"the builder {address.to_url()} cannot be reached: {reason}", hint=_advice(address)
    )


def _advice(address: BuilderAddress) -> str:
    if address.is_docker:
        return "Is Docker running, and may this user reach its socket? Try: docker info"
    if address.kind == "unix":
        return (
            f"Is buildkitd running, and may this user read {address.target}? "
            "To start a builder of your own: envd-jupyter up"
        )
    if address.kind == "tcp":
        return "Is buildkitd listening there, and does it expect TLS (ca=, cert=, key=)?"
    if address.kind == "kube-pod":
        return f"Does this work: kubectl get pod {address.target.split('/')[0]}"
    return f"Does this work: {ENGINES[address.kind]} exec {address.target} buildctl debug workers"


async def _connect(
    address: BuilderAddress, factory: Callable[[], asyncio.Protocol]
) -> tuple[asyncio.Transport, asyncio.Protocol]:
    loop = asyncio.get_running_loop()
    transport: asyncio.BaseTransport
    if address.kind in ("unix", "docker+unix"):
        transport, protocol = await loop.create_unix_connection(factory, address.target)
    elif address.kind in ("tcp", "docker+tcp"):
        host, _, port = address.target.rpartition(":")
        tls = _tls(address)
        name = address.params.get("servername") or host.strip("[]")
        transport, protocol = await loop.create_connection(
            factory,
            host.strip("[]"),
            int(port),
            ssl=tls,
            server_hostname=name if tls else None,
        )
        _notice_silence(transport.get_extra_info("socket"))
    else:
        ours = await _spawn(_command(address))
        transport, protocol = await loop.create_unix_connection(factory, sock=ours)
    assert isinstance(transport, asyncio.Transport)
    return transport, protocol


def _notice_silence(sock: socket.socket) -> None:
    """Let a connection break when the other side has been unreachable for six seconds.

    A cut cable says nothing; without this a build would wait for its builder for hours.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _tls(address: BuilderAddress) -> ssl.SSLContext | None:
    if not address.params:
        return None
    import ssl

    params = address.params
    try:
        context = ssl.create_default_context(cafile=params.get("ca"))
        if "cert" in params:
            context.load_cert_chain(params["cert"], params["key"])
    except (OSError, ssl.SSLError) as error:
        raise BuilderAddressError(
            f"the certificates of {address.to_url()} cannot be used: {error}",
            hint="ca, cert and key are paths of PEM files.",
        ) from None
    context.set_alpn_protocols(["h2"])
    return context


def _command(address: BuilderAddress) -> list[str]:
    """Return the command whose standard input and output are a connection to the builder."""
    if address.kind == "docker+ssh":
        from envd_jupyter.buildkit.engine import ssh_command

        return ssh_command(address.target)
    if address.kind in ENGINES:
        return [ENGINES[address.kind], "exec", "-i", address.target, "buildctl", "dial-stdio"]
    params = address.params
    command = ["kubectl"]
    for flag in ("kubeconfig", "context", "namespace"):
        if params.get(flag):
            command += [f"--{flag}", params[flag]]
    command += ["exec", "-i", address.target]
    if params.get("container"):
        command += ["-c", params["container"]]
    return [*command, "--", "buildctl", "dial-stdio"]


async def _spawn(command: Sequence[str]) -> socket.socket:
    """Start a command on one end of a socket pair; it ends when the other end is closed."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=asyncio.subprocess.PIPE
        )
    except FileNotFoundError:
        ours.close()
        raise BuilderUnreachable(
            f"there is no program {command[0]!r}",
            hint=f"Install {command[0]}, or use another builder.",
        ) from None
    finally:
        theirs.close()
    await _settled(command, process, ours)
    return ours


async def _settled(
    command: Sequence[str], process: asyncio.subprocess.Process, ours: socket.socket
) -> None:
    """Give a command the time to fail, and say what it said if it does."""
    assert process.stderr is not None
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(process.wait()), 0.3)
    if process.returncode is None:
        _running.add(task := asyncio.ensure_future(_reap(process)))
        task.add_done_callback(_running.discard)
        return
    said = (await process.stderr.read()).decode("utf-8", "replace").strip()
    ours.close()
    raise BuilderUnreachable(
        f"{Path(command[0]).name} could not connect: {said or process.returncode}",
        hint=f"Does this work by hand: {' '.join(command)}",
    )


_running: set[asyncio.Future[None]] = set()


async def commands_ended(seconds: float = 2.0) -> None:
    """Wait for the commands behind closed connections, so that none outlives the event loop."""
    if _running:
        await asyncio.wait([*_running], timeout=seconds)


async def _reap(process: asyncio.subprocess.Process) -> None:
    """Read what the command says, so that it never waits for us, until it ends."""
    assert process.stderr is not None
    with contextlib.suppress(OSError):
        while await process.stderr.read(1 << 16):
            pass
    await process.wait()
