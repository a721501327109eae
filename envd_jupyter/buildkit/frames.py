"""HTTP/2 frames in a byte stream that arrives in pieces of any size.

A `FrameWalker` reads nine bytes of each frame. Unless somebody wants the frame, its payload is
stepped over by its length and forwarded with the bytes around it, neither copied nor waited for: a
build context of gigabytes passes as it comes. A frame that is wanted is handed over whole, and what
is returned for it is forwarded in its place.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from envd_jupyter.errors import RelayError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = [
    "ACK",
    "CONTINUATION",
    "DATA",
    "END_HEADERS",
    "END_STREAM",
    "GOAWAY",
    "HEADERS",
    "PADDED",
    "PREFACE",
    "PRIORITY",
    "PUSH_PROMISE",
    "RST_STREAM",
    "SETTINGS",
    "WINDOW_UPDATE",
    "Frame",
    "FrameWalker",
    "build_frame",
    "data_span",
    "header_block",
    "window_update",
]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# Frame types and flags of RFC 9113, sections 6 and 4.1.
DATA, HEADERS, PRIORITY_FRAME, RST_STREAM, SETTINGS, PUSH_PROMISE = 0, 1, 2, 3, 4, 5
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20

_HEADER = 9
_FIELDS = Struct(">LBL").unpack_from  # length and type in one, flags, stream
_STREAM = 0x7FFFFFFF  # the highest bit is reserved


class Frame(NamedTuple):
    """The nine bytes before a payload.

    Attributes
    ----------
    length
        Bytes of payload.
    type, flags, stream
        As on the wire; the reserved bit is taken off the stream.
    """

    length: int
    type: int
    flags: int
    stream: int


def build_frame(kind: int, flags: int, stream: int, payload: bytes | bytearray) -> bytes:
    """Return a whole frame."""
    length, number = len(payload).to_bytes(3, "big"), stream.to_bytes(4, "big")
    return b"".join((length, bytes((kind, flags)), number, payload))


def window_update(stream: int, increment: int) -> bytes:
    """Return a WINDOW_UPDATE frame; stream 0 is the connection."""
    return build_frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big"))


def data_span(frame: Frame, payload: bytes | bytearray) -> tuple[int, int]:
    """Return where the data of a DATA frame begins and ends in its payload, padding left out."""
    if not frame.flags & PADDED:
        return 0, frame.length
    if not payload or payload[0] >= frame.length:
        raise RelayError("a DATA frame is padded beyond its end")
    return 1, frame.length - payload[0]


def header_block(frame: Frame, payload: bytes | bytearray) -> bytes:
    """Return the piece of a header block in a HEADERS, PUSH_PROMISE or CONTINUATION frame."""
    start, end = 0, frame.length
    if frame.type != CONTINUATION and frame.flags & PADDED:
        if not payload or payload[0] >= frame.length:
            raise RelayError("a HEADERS frame is padded beyond its end")
        start, end = 1, frame.length - payload[0]
    if frame.type == HEADERS and frame.flags & PRIORITY:
        start += 5
    elif frame.type == PUSH_PROMISE:
        start += 4
    if start > end:
        raise RelayError("a HEADERS frame is shorter than its own fields")
    return bytes(payload[start:end])


class FrameWalker:
    """Walk the frames of one direction.

    Parameters
    ----------
    kinds
        The types of frames that are wanted, DATA left out.
    passes
        Given the stream and the length of a DATA frame, before its payload has arrived: whether it
        passes unseen.
    takes
        Given a wanted frame and its payload; returns the bytes to forward instead of the frame.
    preface
        Whether the direction begins with the client's connection preface.
    """

    def __init__(
        self,
        kinds: Collection[int],
        passes: Callable[[int, int], bool],
        takes: Callable[[Frame, bytes | bytearray], bytes],
        *,
        preface: bool,
    ) -> None:
        self._kinds = frozenset(kinds)
        self._passes = passes
        self._takes = takes
        self._preface = len(PREFACE) if preface else 0
        self._held = bytearray()
        self._frame: Frame | None = None  # a wanted frame whose payload is incomplete
        self._pass = 0  # bytes of payload still to be forwarded unseen
        self._inserts: list[bytes] = []
        self._out: list[bytes | memoryview] | None = None  # what `feed` is about to return

    def insert(self, frames: bytes) -> bytes:
        """Put frames of our own between those of the peer.

        Returns
        -------
        bytes
            The frames, to be forwarded now; nothing if a frame is only half forwarded, or if this
            is called for a frame that is being fed: then `feed` returns them in their place.
        """
        if self._out is not None:
            self._out.append(frames)
        elif self._pass:
            self._inserts.append(frames)
        else:
            return frames
        return b""

    def feed(self, data: bytes | memoryview) -> list[bytes | memoryview]:
        """Take in the next bytes and return what to forward, in order.

        Raises
        ------
        RelayError
            If the bytes are not HTTP/2.
        """
        out: list[bytes | memoryview] = []
        self._out = out
        view = memoryview(data)
        at, run, end = 0, 0, len(data)
        while at < end:
            if self._pass:
                step = min(self._pass, end - at)
                self._pass -= step
                at += step
                if self._inserts and not self._pass:
                    _flush(out, view, run, at)
                    run = at
                    out += self._inserts
                    self._inserts = []
            elif self._held or self._frame is not None:
                at = run = self._complete(view, at, out)
            elif self._preface or end - at < _HEADER:
                _flush(out, view, run, at)
                at = run = self._complete(view, at, out)
            else:
                at, frame = self._step_over(view, at, end)
                if frame is None:
                    continue
                _flush(out, view, run, at - _HEADER)
                if end - at < frame.length:
                    self._frame = frame
                    self._held += view[at:end]
                    at = run = end
                else:
                    out.append(self._takes(frame, bytes(view[at : at + frame.length])))
                    at += frame.length
                    run = at
        _flush(out, view, run, at)
        self._out = None
        return out

    def _step_over(self, view: memoryview, at: int, end: int) -> tuple[int, Frame | None]:
        """Walk on, past all that passes unseen: this loop is what gigabytes of context go through.

        Returns
        -------
        tuple
            The wanted frame whose payload begins there; None where less than a header is left, or
            within the payload of a frame that passes.
        """
        passes, kinds = self._passes, self._kinds
        last = end - _HEADER
        while at <= last:
            head, flags, stream = _FIELDS(view, at)
            length, kind = head >> 8, head & 0xFF
            at += _HEADER
            if not passes(stream & _STREAM, length) if kind == DATA else kind in kinds:
                return at, Frame(length, kind, flags, stream & _STREAM)
            at += length
            if at > end:
                self._pass = at - end
                return end, None
        return at, None

    def _complete(self, view: memoryview, at: int, out: list[bytes | memoryview]) -> int:
        """Add bytes to what is held until it is whole; returns how far the data has been used."""
        wanted = self._preface or _HEADER if self._frame is None else self._frame.length
        step = min(wanted - len(self._held), len(view) - at)
        self._held += view[at : at + step]
        if len(self._held) < wanted:
            return at + step
        held, self._held = self._held, bytearray()
        if self._frame is not None:
            frame, self._frame = self._frame, None
            out.append(self._takes(frame, held))
        elif self._preface:
            if held != PREFACE:
                raise RelayError("a client does not begin with the HTTP/2 connection preface")
            self._preface = 0
            out.append(PREFACE)
        else:
            self._begin(bytes(held), out)
        return at + step

    def _begin(self, header: bytes, out: list[bytes | memoryview]) -> None:
        _, frame = self._step_over(memoryview(header), 0, _HEADER)
        if frame is None:
            out.append(header)
        elif frame.length == 0:
            out.append(self._takes(frame, b""))
        else:
            self._frame = frame


def _flush(out: list[bytes | memoryview], view: memoryview, run: int, at: int) -> None:
    if at > run:
        out.append(view[run:at])
