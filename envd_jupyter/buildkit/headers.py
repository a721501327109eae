"""Header blocks and settings, as the relay reads them in passing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpack import Decoder
from hpack.exceptions import HPACKError

from envd_jupyter.buildkit import frames as h2
from envd_jupyter.errors import RelayError

if TYPE_CHECKING:
    from envd_jupyter.buildkit.frames import Frame

__all__ = ["HeaderReader", "setting"]


class HeaderReader:
    """Decodes every header block of one direction, in order: the compression has a memory."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=1 << 20)
        self._decoder.max_allowed_table_size = 1 << 16
        self._block = b""
        self.end_stream = False

    def allow(self, size: int | None) -> None:
        """Take in the table size that the reading peer allows the writing one."""
        if size is not None:
            self._decoder.max_allowed_table_size = max(size, 1 << 16)

    def feed(self, frame: Frame, payload: bytes | bytearray) -> list[tuple[str, str]] | None:
        """Add a piece of a header block; returns the headers once the block is whole."""
        if frame.type == h2.HEADERS:
            self.end_stream = bool(frame.flags & h2.END_STREAM)
        elif frame.type == h2.PUSH_PROMISE:
            self.end_stream = False
        self._block += h2.header_block(frame, payload)
        if not frame.flags & h2.END_HEADERS:
            return None
        block, self._block = self._block, b""
        try:
            headers = self._decoder.decode(block, raw=True)
        except HPACKError as error:
            raise RelayError(f"a header block cannot be decoded: {error}") from error
        return [(_text(name), _text(value)) for name, value in headers]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def setting(frame: Frame, payload: bytes | bytearray, wanted: int) -> int | None:
    """Return a value of a SETTINGS frame (RFC 9113, section 6.5.2), or None if it is not there."""
    found = None
    if not frame.flags & h2.ACK:
        for at in range(0, frame.length - 5, 6):
            if int.from_bytes(payload[at : at + 2], "big") == wanted:
                found = int.from_bytes(payload[at + 2 : at + 6], "big")
    return found
