"""``builds/{id}/log`` and ``builds/{id}/report``: what a build wrote, and what it came to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tornado.iostream import StreamClosedError

from envd_jupyter.builds.insight.report import report_of
from envd_jupyter.builds.result import log_pieces
from envd_jupyter.server.handler import EnvdHandler, endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

__all__ = ["LogHandler", "ReportHandler"]

_CHUNK = 64 * 1024
_KIND = "text/plain; charset=utf-8"


class LogHandler(EnvdHandler):
    """The log of a build."""

    @endpoint("read")
    async def get(self, build_id: str) -> None:
        """Send what a step wrote, or all that was written, however long."""
        folder = await self.hub.folder(build_id)
        step = self.argument("step")
        wanted = int(step) if step and step.isascii() and step.isdigit() else step
        pieces = log_pieces(folder.path, wanted)
        self.set_header("Content-Type", _KIND)
        try:
            while chunk := await self.hub.in_thread(_chunk, pieces):
                self.write(chunk)
                await self.flush()
        except StreamClosedError:
            return
        self.finish(set_content_type=_KIND)


def _chunk(pieces: Iterator[bytes]) -> bytes:
    chunk = bytearray()
    for piece in pieces:
        chunk += piece
        if len(chunk) >= _CHUNK:
            break
    return bytes(chunk)


class ReportHandler(EnvdHandler):
    """The report of a build."""

    @endpoint("read")
    async def get(self, build_id: str) -> None:
        """Say what was cached and from where, what it saved, and why steps ran again."""
        folder = await self.hub.folder(build_id)
        # In a thread of its own: those of the hub are for who watches.
        self.reply(await asyncio.to_thread(_report, folder.path))


def _report(path: Path) -> dict[str, Any]:
    report = report_of(path)
    return {"text": report.text(), "html": report._repr_html_(), "report": report.to_json()}
