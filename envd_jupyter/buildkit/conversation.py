"""What is read from, and written into, one HTTP/2 connection between envd and BuildKit.

Everything is forwarded as it is, but for two requests: ``Control/Solve`` gets our cache exports in
place of envd's, and ``LLBBridge/Solve`` gets our cache imports. The first is small, and is held and
rewritten. The second carries the whole graph and may be larger than any window, so it is never
held: concatenated protobuf merges, so the length in the message's prefix is raised as it passes and
the imports follow in a DATA frame of their own. `envd_jupyter.buildkit.flow` keeps windows exact.

Read are ``Control/Status`` (the progress), the two requests, and the answer to ``Control/Solve``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from envd_jupyter.buildkit import frames as h2
from envd_jupyter.buildkit.flow import INITIAL_WINDOW, SendWindow
from envd_jupyter.buildkit.frames import Frame, FrameWalker, build_frame
from envd_jupyter.buildkit.grpc import PREFIX, MessageReader, RpcError, frame_message, rpc_status
from envd_jupyter.buildkit.headers import HeaderReader, setting
from envd_jupyter.buildkit.plan import Observer, Plan, SolveInfo
from envd_jupyter.errors import RelayError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from envd_jupyter.buildkit.plan import WireEntry

    Write: TypeAlias = Callable[[bytes], None]

__all__ = ["Conversation"]

CONTROL_SOLVE = "/moby.buildkit.v1.Control/Solve"
CONTROL_STATUS = "/moby.buildkit.v1.Control/Status"
BRIDGE_SOLVE = "/moby.buildkit.v1.frontend.LLBBridge/Solve"
_WATCHED = {CONTROL_SOLVE, CONTROL_STATUS, BRIDGE_SOLVE}

_LONGEST_CONTROL = 48 << 10  # must fit a window, for it is held until it is whole
_LARGEST_GRAPH = 64 << 20
_HEADER_TABLE_SIZE, _INITIAL_WINDOW_SIZE, _MAX_FRAME_SIZE = 1, 4, 5
_UNAVAILABLE = 14


@dataclass
class _Call:
    """A watched call, from its headers to its trailers."""

    path: str
    window: SendWindow
    ref: str = ""
    prefix: bytearray = field(default_factory=bytearray)
    body: bytearray | None = field(default_factory=bytearray)
    left: int = -1  # bytes of the request's message still to come; -1 before its length is known
    taken: int = 0  # of the client's window, by a request that is held
    request_ended: bool = False
    reader: MessageReader = field(default_factory=MessageReader)
    response: dict[str, str] | None = None


class _Waiting(NamedTuple):
    """A DATA frame that the server has no room for yet."""

    stream: int
    data: bytes
    length: int  # in the server's window
    taken: int  # from the client's window


class Conversation:
    """One HTTP/2 connection through the relay.

    Parameters
    ----------
    plan
        What to write.
    observer
        Who is told.
    to_client, to_server
        Write bytes that do not answer to what has just been fed.
    """

    def __init__(self, plan: Plan, observer: Observer, to_client: Write, to_server: Write) -> None:
        self._plan = plan
        self._observer = observer
        self._to_client = to_client
        self._to_server = to_server
        self._calls: dict[int, _Call] = {}
        self._room = SendWindow()
        self._stream_room = INITIAL_WINDOW
        self._longest_frame = 16384
        self._waiting: deque[_Waiting] = deque()
        self._extra = _imports_message(plan.imports)
        self._client_headers = HeaderReader()
        self._server_headers = HeaderReader()
        self._client = FrameWalker(
            _CLIENT_FRAMES, self._passes_client, self._take_client, preface=True
        )
        self._server = FrameWalker(
            _SERVER_FRAMES, self._passes_server, self._take_server, preface=False
        )

    @property
    def solving(self) -> bool:
        """Whether a ``Control/Solve`` has not been answered."""
        return any(call.path == CONTROL_SOLVE for call in self._calls.values())

    def client_bytes(self, data: bytes) -> list[bytes | memoryview]:
        """Take in bytes of envd; returns what to send to BuildKit."""
        return self._client.feed(data)

    def server_bytes(self, data: bytes) -> list[bytes | memoryview]:
        """Take in bytes of BuildKit; returns what to send to envd."""
        return self._server.feed(data)

    def lost(self) -> None:
        """Take in that BuildKit is gone: what it has not answered ends now."""
        for call in [*self._calls.values()]:
            if call.path == CONTROL_SOLVE:
                gone = RpcError(_UNAVAILABLE, "the connection to BuildKit was lost")
                self._observer.solved(call.ref, None, gone)
        self._calls.clear()

    # From envd to BuildKit

    def _passes_client(self, stream: int, length: int) -> bool:
        room = self._room
        if stream in self._calls or self._waiting or length > room.room:
            return False
        room.room -= length
        return True

    def _take_client(self, frame: Frame, payload: bytes | bytearray) -> bytes:
        if frame.type == h2.DATA:
            return self._take_request_data(frame, payload)
        if frame.type in (h2.HEADERS, h2.CONTINUATION):
            headers = self._client_headers.feed(frame, payload)
            if headers is not None:
                self._begin(frame.stream, headers)
        elif frame.type == h2.SETTINGS:
            self._server_headers.allow(setting(frame, payload, _HEADER_TABLE_SIZE))
        elif frame.type == h2.RST_STREAM:
            self._finish(frame.stream, RpcError(1, "envd gave up"))
        return build_frame(frame.type, frame.flags, frame.stream, payload)

    def _begin(self, stream: int, headers: list[tuple[str, str]]) -> None:
        path = dict(headers).get(":path", "")
        if path in _WATCHED:
            self._calls[stream] = _Call(path, SendWindow(self._stream_room))

    def _take_request_data(self, frame: Frame, payload: bytes | bytearray) -> bytes:
        call = self._calls.get(frame.stream)
        if call is None or call.request_ended:
            same = build_frame(frame.type, frame.flags, frame.stream, payload)
            return self._offer(frame.stream, same, frame.length, frame.length)
        if frame.flags & h2.END_STREAM:
            call.request_ended = True
        if call.path == CONTROL_SOLVE and self._plan.exports is not None:
            return self._take_held(call, frame, payload)
        return self._take_passing(call, frame, payload)

    def _take_held(self, call: _Call, frame: Frame, payload: bytes | bytearray) -> bytes:
        """Collect a ``Control/Solve``; once it is whole, forward ours in its place."""
        assert call.body is not None
        start, end = h2.data_span(frame, payload)
        call.body += payload[start:end]
        call.taken += frame.length
        if len(call.body) >= PREFIX:
            length = _message_length(call.body)
            if length > _LONGEST_CONTROL:
                raise RelayError(f"a Control/Solve of {length} bytes is longer than is expected")
            call.left = PREFIX + length - len(call.body)
        if call.left < 0 and len(call.body) > PREFIX:
            raise RelayError("a Control/Solve holds more than one message")
        if call.left != 0:
            if call.request_ended:
                raise RelayError("a Control/Solve ends within its message")
            return b""
        taken, call.taken = call.taken, 0
        if call.prefix:  # sent already; this frame is empty and only ends the stream
            return self._offer_frames(frame.stream, b"", taken, end=call.request_ended)
        message = self._rewritten(call, bytes(call.body[PREFIX:]))
        call.prefix += call.body[:PREFIX]
        return self._offer_frames(
            frame.stream, frame_message(message), taken, end=call.request_ended
        )

    def _rewritten(self, call: _Call, message: bytes) -> bytes:
        from envd_jupyter.buildkit.wire_pb2 import SolveRequest

        request = SolveRequest.FromString(message)
        if self._plan.exports is not None:
            del request.cache.exports[:]
            for cache_type, attrs in self._plan.exports:
                request.cache.exports.add(type=cache_type, attrs=attrs)
        exporters = [exporter.type for exporter in request.exporters]
        if not exporters and request.exporter_deprecated:
            exporters = [request.exporter_deprecated]
        exports = tuple((entry.type, dict(entry.attrs)) for entry in request.cache.exports)
        call.ref = request.ref
        self._observer.solve(request.ref, SolveInfo(tuple(exporters), exports))
        return request.SerializeToString()

    def _take_passing(self, call: _Call, frame: Frame, payload: bytes | bytearray) -> bytes:
        """Read a request as it passes; the graph's length is raised and our imports follow it."""
        extra = self._extra if call.path == BRIDGE_SOLVE else b""
        start, end = h2.data_span(frame, payload)
        at = start
        while call.left < 0 and at < end:
            step = min(PREFIX - len(call.prefix), end - at)
            call.prefix += payload[at : at + step]
            at += step
            if len(call.prefix) == PREFIX:
                call.left = _message_length(call.prefix)
                if call.left > _LARGEST_GRAPH:
                    call.body = None
        if extra:
            return self._take_extended(call, frame, payload[start:at], payload[at:end])
        self._read_request(call, payload[at:end])
        same = build_frame(frame.type, frame.flags, frame.stream, payload)
        return self._offer(frame.stream, same, frame.length, frame.length)

    def _take_extended(
        self, call: _Call, frame: Frame, prefix: bytes | bytearray, body: bytes | bytearray
    ) -> bytes:
        """Forward a piece of the graph, whose prefix is raised once it is known whole."""
        call.taken += frame.length
        if call.left < 0:
            # The length is not known yet: these few bytes wait for the rest of it.
            if call.request_ended:
                raise RelayError("an LLBBridge/Solve ends within its prefix")
            return b""
        raised: bytes | bytearray = b""
        if prefix or call.taken > frame.length:
            # The prefix came in this frame, and perhaps in some before it that were kept back.
            raised = call.prefix[:1] + (call.left + len(self._extra)).to_bytes(4, "big")
        was_whole = call.left == 0 and call.body is None
        done = self._read_request(call, body)
        ended = call.request_ended and not done
        if ended and not was_whole:
            raise RelayError("an LLBBridge/Solve ends within its message")
        taken, call.taken = call.taken, 0
        out = self._offer_frames(frame.stream, bytes(raised + body), taken, end=ended)
        if done:
            out += self._offer_frames(frame.stream, self._extra, 0, end=call.request_ended)
        return out

    def _read_request(self, call: _Call, data: bytes | bytearray) -> bool:
        """Collect a message that passes; returns whether this was the last of it."""
        if len(data) > call.left:
            raise RelayError(f"{call.path} carries more than one message")
        before, call.left = call.left, call.left - len(data)
        whole = call.left == 0 and (before > 0 or call.body is not None)
        if call.body is not None:
            call.body += data
            if whole:
                self._read_message(call, bytes(call.body))
                call.body = None
        return whole

    def _read_message(self, call: _Call, message: bytes) -> None:
        from envd_jupyter.buildkit import wire_pb2 as wire

        if call.path == CONTROL_STATUS:
            call.ref = wire.StatusRequest.FromString(message).ref
        elif call.path == CONTROL_SOLVE:
            self._rewritten(call, message)
        elif definition := wire.BridgeSolveRequest.FromString(message).definition:
            self._observer.graph(definition)

    # The server's windows

    def _offer_frames(self, stream: int, data: bytes, taken: int, *, end: bool) -> bytes:
        """Send data of ours on a stream, in frames no longer than the server takes."""
        out = b""
        size = self._longest_frame
        pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        for number, piece in enumerate(pieces, start=1):
            flags = h2.END_STREAM if end and number == len(pieces) else 0
            frame = build_frame(h2.DATA, flags, stream, piece)
            out += self._offer(stream, frame, len(piece), taken)
            taken = 0
        return out

    def _offer(self, stream: int, data: bytes, length: int, taken: int) -> bytes:
        """Send a DATA frame now if the server has room for it, else once it has."""
        item = _Waiting(stream, data, length, taken)
        if self._waiting or not self._fits(item):
            self._waiting.append(item)
            return b""
        return self._account(item)

    def _fits(self, item: _Waiting) -> bool:
        call = self._calls.get(item.stream)
        room = self._room.room if call is None else min(self._room.room, call.window.room)
        return item.length <= max(room, 0)

    def _account(self, item: _Waiting) -> bytes:
        self._refund(0, self._room.replace(item.taken, item.length))
        call = self._calls.get(item.stream)
        if call is not None:
            refund = call.window.replace(item.taken, item.length)
            if not call.request_ended:
                self._refund(item.stream, refund)
        return item.data

    def _refund(self, stream: int, increment: int) -> None:
        if increment:
            self._to_client(self._server.insert(h2.window_update(stream, increment)))

    def _drain(self) -> None:
        out = b""
        while self._waiting and self._fits(self._waiting[0]):
            out += self._account(self._waiting.popleft())
        if out:
            self._to_server(self._client.insert(out))

    # From BuildKit to envd

    def _passes_server(self, stream: int, length: int) -> bool:
        call = self._calls.get(stream)
        return call is None or call.path == BRIDGE_SOLVE

    def _take_server(self, frame: Frame, payload: bytes | bytearray) -> bytes:
        if frame.type == h2.WINDOW_UPDATE:
            return self._widen(frame, payload)
        if frame.type == h2.DATA:
            call = self._calls[frame.stream]
            start, end = h2.data_span(frame, payload)
            for message in call.reader.feed(memoryview(payload)[start:end]):
                self._read_answer(call, message)
        elif frame.type in (h2.HEADERS, h2.PUSH_PROMISE, h2.CONTINUATION):
            headers = self._server_headers.feed(frame, payload)
            if headers is not None and self._server_headers.end_stream:
                self._finish(frame.stream, rpc_status(headers))
        elif frame.type == h2.SETTINGS:
            self._take_settings(frame, payload)
        elif frame.type == h2.RST_STREAM:
            self._finish(frame.stream, RpcError(_UNAVAILABLE, "BuildKit broke off the call"))
        return build_frame(frame.type, frame.flags, frame.stream, payload)

    def _widen(self, frame: Frame, payload: bytes | bytearray) -> bytes:
        if frame.length != 4:
            raise RelayError("a WINDOW_UPDATE frame has not four bytes")
        increment = int.from_bytes(payload, "big") & 0x7FFFFFFF
        call = self._calls.get(frame.stream)
        if frame.stream == 0:
            increment = self._room.widen(increment)
        elif call is not None:
            increment = call.window.widen(increment)
        self._drain()
        return h2.window_update(frame.stream, increment) if increment else b""

    def _take_settings(self, frame: Frame, payload: bytes | bytearray) -> None:
        self._client_headers.allow(setting(frame, payload, _HEADER_TABLE_SIZE))
        longest = setting(frame, payload, _MAX_FRAME_SIZE)
        if longest is not None:
            self._longest_frame = min(longest, 1 << 20)
        room = setting(frame, payload, _INITIAL_WINDOW_SIZE)
        if room is not None:
            for call in self._calls.values():
                call.window.room += room - self._stream_room
            self._stream_room = room
            self._drain()

    def _read_answer(self, call: _Call, message: bytes) -> None:
        if call.path == CONTROL_STATUS:
            from envd_jupyter.buildkit.status import decode_status

            if event := decode_status(message):
                self._observer.status(call.ref, event)
        else:
            from envd_jupyter.buildkit.wire_pb2 import SolveResponse

            call.response = dict(SolveResponse.FromString(message).exporter_response)

    def _finish(self, stream: int, error: RpcError | None) -> None:
        """Forget a call; its data that still waits will never be sent."""
        call = self._calls.pop(stream, None)
        kept = deque(item for item in self._waiting if item.stream != stream)
        if len(kept) < len(self._waiting):
            dropped = sum(item.taken for item in self._waiting if item.stream == stream)
            self._waiting = kept
            self._refund(0, self._room.replace(dropped, 0))
            self._drain()
        if call is not None and call.path == CONTROL_SOLVE:
            self._observer.solved(call.ref, None if error else call.response or {}, error)


_CLIENT_FRAMES = {h2.HEADERS, h2.CONTINUATION, h2.SETTINGS, h2.RST_STREAM}
_SERVER_FRAMES = {
    h2.HEADERS,
    h2.PUSH_PROMISE,
    h2.CONTINUATION,
    h2.SETTINGS,
    h2.RST_STREAM,
    h2.WINDOW_UPDATE,
}


def _message_length(data: bytes | bytearray) -> int:
    if data[0]:
        raise RelayError("envd compresses its gRPC messages, which is not understood")
    return int.from_bytes(data[1:PREFIX], "big")


def _imports_message(imports: Sequence[WireEntry]) -> bytes:
    if not imports:
        return b""
    from envd_jupyter.buildkit.wire_pb2 import BridgeSolveRequest

    message = BridgeSolveRequest()
    for cache_type, attrs in imports:
        message.cache_imports.add(type=cache_type, attrs=attrs)
    return message.SerializeToString()
