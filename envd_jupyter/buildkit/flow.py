"""HTTP/2 flow control with a third party in the middle.

The relay adds bytes to what the client sends. The server's windows shrink by them, and the client
does not know. So the extra bytes are a debt: it is taken out of the increments with which the
server would widen the client's windows, and until it is paid, data of the client that the server
has no room for waits here. The server never sees a byte more than it has allowed.
"""

from __future__ import annotations

__all__ = ["INITIAL_WINDOW", "SendWindow"]

INITIAL_WINDOW = 65535  # RFC 9113, section 6.9.2


class SendWindow:
    """One window of the server, the connection's or a stream's, in bytes.

    Attributes
    ----------
    room
        What the server still accepts; who forwards data of the client takes it off.
    debt
        What the client believes there is beyond `room`.
    """

    def __init__(self, room: int = INITIAL_WINDOW) -> None:
        self.room = room
        self.debt = 0

    def replace(self, client: int, server: int) -> int:
        """Account for `server` bytes sent in place of `client` bytes.

        Returns
        -------
        int
            Bytes to give back to the client in a WINDOW_UPDATE of our own: more was taken from the
            client's window than from the server's.
        """
        self.room -= server
        self.debt += server - client
        refund = max(0, -self.debt)
        self.debt += refund
        return refund

    def widen(self, increment: int) -> int:
        """Account for a WINDOW_UPDATE of the server; returns the increment left for the client."""
        self.room += increment
        paid = min(self.debt, increment)
        self.debt -= paid
        return increment - paid
