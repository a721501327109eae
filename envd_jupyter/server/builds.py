"""``builds``: the list, starting one, and what can be done with one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envd_jupyter.builds.again import request_again
from envd_jupyter.builds.client import Build, start_build_sync
from envd_jupyter.builds.state import FINAL_STATES
from envd_jupyter.errors import RecordError, RequestError
from envd_jupyter.server.handler import EnvdHandler, Refusal, endpoint, kernel_named
from envd_jupyter.server.starting import arguments_of, start

if TYPE_CHECKING:
    from typing import Any

    from envd_jupyter.builds.folder import BuildFolder

__all__ = ["BuildHandler", "BuildsHandler", "CancelHandler", "RebuildHandler"]

_FILTERS = ("state", "project", "kernel", "notebook", "text")
_MOST = 500


class BuildsHandler(EnvdHandler):
    """All builds."""

    @endpoint("read")
    async def get(self) -> None:
        """List builds, latest first."""
        filters: dict[str, Any] = {name: self.argument(name) for name in _FILTERS}
        states = {"running", *FINAL_STATES}
        if filters["state"] is not None and filters["state"] not in states:
            raise RequestError(
                f"there is no state {filters['state']!r}",
                hint=f"The states are {', '.join(sorted(states))}.",
            )
        limit = self.argument("limit") or "50"
        if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:9]) <= _MOST:
            raise RequestError(f"the limit {limit!r} is not a number from 1 to {_MOST}")
        records = await self.hub.records(limit=int(limit), **filters)
        self.reply({"builds": [record.to_json() for record in records]})

    @endpoint("execute")
    async def post(self) -> None:
        """Start a build."""
        body = self.body()
        given = arguments_of(body)
        kernel_id = body.get("kernel_id")
        if kernel_id is not None and not isinstance(kernel_id, str):
            raise RequestError("'kernel_id' is not a text")
        kernel = await kernel_named(self, kernel_id) if kernel_id else None
        build = await asyncio.to_thread(start, given, kernel, self.places)
        self.reply({"id": build.id}, 201)


class BuildHandler(EnvdHandler):
    """One build."""

    @endpoint("read")
    async def get(self, build_id: str) -> None:
        """Show a build as it is now."""
        await self.hub.folder(build_id)
        async with self.hub.following(build_id) as followed:
            if not await followed.newer(0):
                raise Refusal(404, f"the build {build_id!r} cannot be read", kind="RecordError")
            self.finish(f'{{"view": {followed.text}}}')

    @endpoint("write")
    async def delete(self, build_id: str) -> None:
        """Forget a build that has ended."""
        folder = await self.hub.folder(build_id)
        if await self.hub.in_thread(folder.is_live):
            raise Refusal(
                409,
                f"the build {build_id!r} still runs",
                hint="Cancel it first.",
                kind="RecordError",
            )
        await self.hub.in_thread(self.hub.history.delete, build_id)
        self.set_status(204)
        self.finish()


class CancelHandler(EnvdHandler):
    """The end of a build before its time."""

    @endpoint("execute")
    async def post(self, build_id: str) -> None:
        """Ask a build to end; one that has ended stays as it is."""
        build = Build(await self.hub.folder(build_id))
        running = await asyncio.to_thread(lambda: build.running)
        if running:
            await asyncio.to_thread(build.cancel_sync)
        self.reply({"id": build_id, "running": running}, 202)


class RebuildHandler(EnvdHandler):
    """A build like one of the past."""

    @endpoint("execute")
    async def post(self, build_id: str) -> None:
        """Start it."""
        folder = await self.hub.folder(build_id)
        self.reply({"id": (await asyncio.to_thread(_build_again, folder)).id}, 201)


def _build_again(folder: BuildFolder) -> Build:
    """Ask once more; the paths are those of the build."""
    try:
        request = request_again(folder)
    except RecordError as error:
        kind = type(error).__name__
        raise Refusal(409, error.message, hint=error.hint, kind=kind) from None
    return start_build_sync(request)
