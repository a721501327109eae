"""``watch``: the list of builds and the settings of a kernel, as they change, over a WebSocket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envd_jupyter.server.handler import kernel_named
from envd_jupyter.server.kernels import find_kernel
from envd_jupyter.server.socket import EnvdSocket

if TYPE_CHECKING:
    from envd_jupyter.server.kernels import KernelHere

__all__ = ["WatchSocket"]


class WatchSocket(EnvdSocket):
    """What a panel shows."""

    async def look(self) -> None:  # type: ignore[override]
        """Find the kernel, where one is named."""
        self._kernel_id = self.get_query_argument("kernel_id", None) or None
        if self._kernel_id:
            await kernel_named(self, self._kernel_id)

    async def tell(self) -> None:
        """Send changes until the client goes."""
        parts = [asyncio.ensure_future(self._tell_builds())]
        if self._kernel_id:
            parts.append(asyncio.ensure_future(self._tell_preferences(self._kernel_id)))
        try:
            await asyncio.gather(*parts)
        finally:
            for part in parts:
                part.cancel()

    async def _tell_builds(self) -> None:
        async with self.hub.following_all() as followed:
            await self.send_states(followed)
        raise RuntimeError("the list of builds cannot be followed any more")

    async def _tell_preferences(self, kernel_id: str) -> None:
        kernels, sessions = self.kernel_manager, self.session_manager

        async def find() -> KernelHere | None:
            return await find_kernel(kernels, sessions, kernel_id)

        async with self.hub.following_preferences(kernel_id, find) as followed:
            await self.send_states(followed)
