"""gRPC on the wire: messages inside DATA frames, status inside trailers.

A message is one byte that says whether it is compressed, four bytes of big-endian length, and then
protobuf. Messages and frames know nothing of each other's boundaries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from envd_jupyter.errors import RelayError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["PREFIX", "MessageReader", "RpcError", "frame_message", "rpc_status"]

PREFIX = 5
_CODES = (
    *("OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound"),
    *("AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted"),
    *("OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated"),
)


@dataclass(frozen=True)
class RpcError(Exception):
    """What a gRPC call ended with instead of an answer.

    Attributes
    ----------
    code
        The gRPC status code, 1 to 16.
    message
        The server's text.
    """

    code: int
    message: str

    @property
    def name(self) -> str:
        """The code's name, for example ``Unavailable``."""
        return _CODES[self.code] if 0 <= self.code < len(_CODES) else f"code {self.code}"

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def frame_message(message: bytes) -> bytes:
    """Return a message with its five bytes of prefix."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def rpc_status(headers: Iterable[tuple[str, str]]) -> RpcError | None:
    """Read ``grpc-status`` and ``grpc-message`` from trailers; None means success."""
    fields = dict(headers)
    try:
        code = int(fields.get("grpc-status", "2"))
    except ValueError:
        code = 2
    if code == 0:
        return None
    text = unquote_to_bytes(fields.get("grpc-message", "")).decode("utf-8", "replace")
    return RpcError(code, text)


class MessageReader:
    """Put messages together from pieces of DATA.

    Parameters
    ----------
    limit
        The longest message to accept, in bytes.
    """

    def __init__(self, limit: int = 256 << 20) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[bytes]:
        """Take in data and yield every message that is whole now.

        Raises
        ------
        RelayError
            If a message is compressed, which neither envd nor BuildKit does, or too long.
        """
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= PREFIX:
            if buffer[at]:
                raise RelayError("a peer compresses its gRPC messages, which is not understood")
            length = int.from_bytes(buffer[at + 1 : at + PREFIX], "big")
            if length > self._limit:
                raise RelayError(f"a gRPC message of {length} bytes is longer than is accepted")
            end = at + PREFIX + length
            if len(buffer) < end:
                break
            yield bytes(buffer[at + PREFIX : end])
            at = end
        del buffer[:at]
