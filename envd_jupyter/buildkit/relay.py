"""The relay: a socket that envd takes for its builder.

Each connection is spliced to the real one. Bytes go through as they come, with back-pressure in
both directions; `envd_jupyter.buildkit.conversation` reads and writes the little that concerns us.
In front of a Docker Engine the connections are HTTP/1.1, and only one that is upgraded by
``POST /grpc`` becomes such a conversation; every other byte passes unseen.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING

from envd_jupyter.buildkit.conversation import Conversation
from envd_jupyter.buildkit.dialers import dial, dial_engine
from envd_jupyter.buildkit.grpc import RpcError
from envd_jupyter.buildkit.plan import Observer, Plan, SolveInfo
from envd_jupyter.errors import BuilderError, RelayError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from envd_jupyter.buildkit.dialers import BuilderAddress
    from envd_jupyter.buildkit.plan import WireEntry

__all__ = ["Observer", "Relay", "RpcError", "SolveInfo"]

_HIGH_WATER = 1 << 20
_SOCKET_BUFFER = 4 << 20
_SO_SNDBUFFORCE = 32  # of Linux; beyond the system's limit, for root


class Relay:
    """Listens for envd and splices it to a builder.

    Parameters
    ----------
    address
        The builder.
    listen
        The path of the socket to make (its folder should be private), or one that listens already.
    exports
        Cache exports ``(type, options)`` that take the place of envd's own; None leaves those be.
    imports
        Cache imports that are added to every solve.
    observer
        Is told what passes.
    """

    def __init__(
        self,
        address: BuilderAddress,
        listen: Path | socket.socket,
        *,
        exports: Sequence[WireEntry] | None = None,
        imports: Sequence[WireEntry] = (),
        observer: Observer,
    ) -> None:
        self.address = address
        self.plan = Plan(exports, tuple(imports))
        self.observer = observer
        self._listen = listen
        self._server: asyncio.AbstractServer | None = None
        self._splices: set[_Splice] = set()
        self._connected = False
        self._closing = False

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        if isinstance(self._listen, socket.socket):
            self._server = await loop.create_unix_server(self._accept, sock=self._listen)
        else:
            self._server = await loop.create_unix_server(self._accept, os.fspath(self._listen))
            self._listen.chmod(0o600)

    async def cancel(self) -> None:
        """Break off every call, which makes BuildKit cancel its solves, and take no more."""
        self._closing = True
        if self._server is not None:
            self._server.close()
        for splice in [*self._splices]:
            splice.abort()
        await asyncio.sleep(0)

    async def close(self) -> None:
        """Close every connection and remove the socket."""
        await self.cancel()
        if not isinstance(self._listen, socket.socket):
            self._listen.unlink(missing_ok=True)

    def _accept(self) -> asyncio.Protocol:
        splice = _Splice(self)
        self._splices.add(splice)
        return splice.client

    def ended(self, splice: _Splice) -> None:
        """Forget a connection."""
        self._splices.discard(splice)

    def reached(self) -> None:
        """Take in that the builder has been reached."""
        if not self._connected:
            self._connected = True
            self.observer.connected()

    def fault(self, message: str, hint: str | None = None) -> None:
        """Tell the observer, unless this is the end anyway."""
        if not self._closing:
            self.observer.fault(message, hint)


class _Splice:
    """One connection of envd and its continuation to the builder."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.client = _End(self, "client")
        self.server = _End(self, "server")
        self.conversation: Conversation | None = None
        self._engine = relay.address.is_docker
        self._request = b""
        self._response: bytes | None = None
        self._dialing: asyncio.Task[None] | None = None

    def opened(self, end: _End) -> None:
        """Continue a connection that envd has made."""
        if end is self.client:
            end.pause_reading()
            self._dialing = asyncio.ensure_future(self._dial())

    async def _dial(self) -> None:
        try:
            if self._engine:
                await dial_engine(self.relay.address, lambda: self.server)
            else:
                self._converse()
                await dial(self.relay.address, lambda: self.server)
        except BuilderError as error:
            self.relay.fault(error.message, error.hint)
            self.abort()
            return
        self.relay.reached()
        self.client.resume_reading()

    def _converse(self) -> None:
        relay = self.relay
        self.conversation = Conversation(
            relay.plan, relay.observer, self.client.write, self.server.write
        )

    def received(self, end: _End, data: bytes) -> None:
        """Forward bytes, read on the way."""
        try:
            if self.conversation is None and self._engine:
                self._received_http(end, data)
            else:
                self._received_frames(end, data)
        except RelayError as error:
            self.relay.fault(error.message)
            self.abort()

    def _received_frames(self, end: _End, data: bytes) -> None:
        conversation = self.conversation
        if conversation is None:
            self._other(end).write(data)
        elif end is self.client:
            self.server.write_all(conversation.client_bytes(data))
        else:
            self.client.write_all(conversation.server_bytes(data))

    def _received_http(self, end: _End, data: bytes) -> None:
        """Look at the heads of HTTP/1.1 messages for the upgrade to BuildKit's gRPC."""
        from envd_jupyter.buildkit.engine import HEAD_END, LONGEST_HEAD, is_grpc_upgrade

        if end is self.server and self._response is not None:
            self._received_answer(data)
            return
        self._other(end).write(data)
        if end is self.client and self._response is None:
            self._request += data
            head, found, _ = self._request.partition(HEAD_END)
            if found and is_grpc_upgrade(head):
                self._response = b""
            elif found or len(self._request) > LONGEST_HEAD:
                self._engine = False

    def _received_answer(self, data: bytes) -> None:
        """Begin the conversation right after the head that grants the upgrade."""
        from envd_jupyter.buildkit.engine import HEAD_END, LONGEST_HEAD

        assert self._response is not None
        self._response += data
        head, found, rest = self._response.partition(HEAD_END)
        if found and b" 101 " in head.split(b"\r\n", 1)[0] + b" ":
            self.client.write(data[: len(data) - len(rest)])
            self._converse()
            self._received_frames(self.server, rest)
            return
        self.client.write(data)
        if found or len(self._response) > LONGEST_HEAD:
            self._engine = False

    def finished(self, end: _End) -> bool:
        """Pass on that one side sends nothing more; returns whether to keep it open."""
        if self.conversation is not None or end is self.server:
            return False
        return self.server.write_eof()

    def closed(self, end: _End, error: Exception | None) -> None:
        """Close the other side as well."""
        conversation = self.conversation
        if end is self.server and conversation is not None and not self.client.closing:
            if conversation.solving:
                reason = f": {error}" if error else ""
                self.relay.fault(f"the builder closed the connection{reason}")
            conversation.lost()
        if self._dialing is not None:
            self._dialing.cancel()
        self._other(end).close()
        self.relay.ended(self)

    def abort(self) -> None:
        """Close both sides at once."""
        self.client.abort()
        self.server.abort()
        if self._dialing is not None and self._dialing is not asyncio.current_task():
            self._dialing.cancel()
        self.relay.ended(self)

    def _other(self, end: _End) -> _End:
        return self.server if end is self.client else self.client

    def congested(self, end: _End, full: bool) -> None:
        """Stop reading from one side while the other does not keep up."""
        other = self._other(end)
        if full:
            other.pause_reading()
        else:
            other.resume_reading()


def _widen(sock: socket.socket | None) -> None:
    """Let the kernel hold more for a slow reader: fewer and larger pieces cost less."""
    for option in (_SO_SNDBUFFORCE, socket.SO_SNDBUF):
        with contextlib.suppress(OSError, AttributeError):
            assert sock is not None
            sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER)
            return


class _End(asyncio.Protocol):
    """One side of a splice."""

    def __init__(self, splice: _Splice, name: str) -> None:
        self._splice = splice
        self._name = name
        self._transport: asyncio.Transport | None = None

    @property
    def closing(self) -> bool:
        """Whether this side is closed or about to be."""
        return self._transport is None or self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        _widen(transport.get_extra_info("socket"))
        self._splice.opened(self)

    def data_received(self, data: bytes) -> None:
        self._splice.received(self, data)

    def eof_received(self) -> bool:
        """Pass a half-closed connection on as one; the other side may still have to answer."""
        return self._splice.finished(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._splice.closed(self, exc)

    def pause_writing(self) -> None:
        self._splice.congested(self, full=True)

    def resume_writing(self) -> None:
        self._splice.congested(self, full=False)

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes, if there is still somebody to send them to."""
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def write_all(self, pieces: list[bytes | memoryview]) -> None:
        """Send several pieces as one: every write wakes the peer, which costs more than a copy."""
        if pieces:
            self.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def pause_reading(self) -> None:
        """Take nothing in for now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def write_eof(self) -> bool:
        """Say that nothing more will be sent; returns whether the connection can say so."""
        if self._transport is None or self.closing or not self._transport.can_write_eof():
            return False
        self._transport.write_eof()
        return True

    def close(self) -> None:
        """Close once everything has been sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
