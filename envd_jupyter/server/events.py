"""``builds/{id}/events``: a build as it goes on, over a WebSocket."""

from __future__ import annotations

from envd_jupyter.builds.events import LineReader
from envd_jupyter.errors import RequestError
from envd_jupyter.server.socket import EnvdSocket

__all__ = ["EventsSocket"]

_CHUNK = 64 * 1024
_LONGEST = 12


class EventsSocket(EnvdSocket):
    """The views of a build, or the lines of its log."""

    async def look(self, build_id: str) -> None:  # type: ignore[override]
        """Find the build, and read what is wanted of it."""
        self._id = build_id
        self._kind = self.get_query_argument("as", "view")
        first = self.get_query_argument("from", "0")
        if self._kind not in ("view", "events"):
            raise RequestError(f"a build is told as view or as events, not as {self._kind!r}")
        if not (first.isascii() and first.isdigit() and len(first) <= _LONGEST):
            raise RequestError(f"{first!r} is not the number of a line")
        self._first = int(first)
        await self.hub.folder(build_id)

    async def tell(self) -> None:
        """Send what the build comes to until it ends."""
        if self._kind == "events":
            await self._send_lines()
            return
        async with self.hub.following(self._id) as followed:
            await self.send_states(followed)

    async def _send_lines(self) -> None:
        skip, seen = self._first, 0
        async with self.hub.following(self._id) as followed:
            reader = LineReader(followed.folder.events, _CHUNK)
            while True:
                ended = followed.ended
                lines = await self.hub.in_thread(reader.lines)
                if not lines:
                    if ended:
                        return
                    seen = await followed.newer(seen)
                    continue
                wanted, skip = lines[skip:], max(skip - len(lines), 0)
                if wanted:
                    await self.send(*wanted)
