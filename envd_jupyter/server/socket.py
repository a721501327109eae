"""What every WebSocket does: who may listen, and what becomes of those who are slow or gone.

Nothing is queued: the next state is written when the last one has left, and a client that takes
nothing for half a minute is let go. What a socket held is released when it closes, however.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from envd_jupyter.errors import EnvdJupyterError
from envd_jupyter.server.handler import RESOURCE, refusal

if TYPE_CHECKING:
    from typing import Any

    from envd_jupyter.server.hub import Hub
    from envd_jupyter.server.places import Places
    from envd_jupyter.server.sources import Source

__all__ = ["EnvdSocket"]

_PULSE = 0.1
"""The shortest time between two states, in seconds."""

NORMAL, FAILED, UNEXPECTED = 1000, 1011, 1003


class EnvdSocket(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """A WebSocket that tells, and is told nothing."""

    auth_resource = RESOURCE

    patience = 30.0
    """Seconds that a client may take for one message."""

    def initialize(self, hub: Hub, places: Places) -> None:
        """Take what all handlers share."""
        self.hub = hub
        self.places = places
        self._serving: asyncio.Task[None] | None = None

    def set_default_headers(self) -> None:
        """Set none: what a page's headers say means nothing here."""

    def get_compression_options(self) -> dict[str, Any] | None:
        """Compress where the server does so for its kernels."""
        options: dict[str, Any] | None = self.settings.get("websocket_compression_options")
        return options

    @ws_authenticated
    async def get(self, *arguments: str) -> None:
        """Open the socket for who may read."""
        user = self.current_user
        allowed = self.authorizer.is_authorized(self, user, "read", RESOURCE)
        if not await ensure_async(allowed):
            raise web.HTTPError(403)
        try:
            await self.look(*arguments)
        except EnvdJupyterError as error:
            raise refusal(error) from None
        await super().get(*arguments)

    async def look(self, *arguments: str) -> None:
        """Find what is asked for, before the socket opens; raises if there is none."""

    async def tell(self) -> None:
        """Send until there is nothing more to send; the socket is closed then."""
        raise NotImplementedError

    def open(self, *arguments: str) -> None:
        """Begin to send."""
        super().open(*arguments)
        self._serving = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        try:
            await self.tell()
            self.close(NORMAL)
        except (WebSocketClosedError, TimeoutError, asyncio.TimeoutError):
            self.close()
        except Exception:
            self.log.exception("envd_jupyter: a WebSocket ends early")
            self.close(FAILED)

    def on_message(self, message: str | bytes) -> None:
        """Close on a client that talks: nothing is expected."""
        self.close(UNEXPECTED, "nothing is expected here")

    def on_close(self) -> None:
        """Release everything."""
        if self.ping_callback is not None:
            self.ping_callback.stop()
        if self._serving is not None:
            self._serving.cancel()

    async def send(self, *messages: str | bytes) -> None:
        """Write messages and wait until they have left."""
        written = [self.write_message(message) for message in messages]
        everything = asyncio.gather(*written)
        try:
            await asyncio.wait_for(asyncio.shield(everything), self.patience)
        except (asyncio.TimeoutError, asyncio.CancelledError):
            everything.add_done_callback(_forget)
            raise

    async def send_states(self, source: Source) -> None:
        """Send the states of a source as they come, ten a second at most, the last one always."""
        seen = 0
        while True:
            version = await source.newer(seen)
            if not version:
                raise RuntimeError("it could not be read")
            if version == seen:
                return
            seen = version
            await self.send(source.text)
            if source.ended and seen == source.version:
                return
            await asyncio.sleep(_PULSE)


def _forget(everything: asyncio.Future[Any]) -> None:
    with contextlib.suppress(BaseException):
        everything.exception()
