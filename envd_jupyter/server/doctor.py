"""``doctor``: what builds need, what of it is there, and what to do next."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from jupyter_core.utils import ensure_async

from envd_jupyter.builds.doctor import examine
from envd_jupyter.server.handler import RESOURCE, EnvdHandler, Refusal, endpoint

if TYPE_CHECKING:
    from typing import Any

__all__ = ["DoctorHandler"]


class DoctorHandler(EnvdHandler):
    """A look at envd, the builder and credentials."""

    @endpoint("read")
    async def get(self) -> None:
        """Examine; another builder than the current one only for who may build with it."""
        builder = self.argument("builder")
        if builder is not None:
            # To look at a builder is to connect to it, maybe through a program that is run.
            self.check_xsrf_cookie()
            allowed = self.authorizer.is_authorized(self, self.current_user, "execute", RESOURCE)
            if not await ensure_async(allowed):
                raise Refusal(403, "you may not build here", kind="Forbidden")
        self.reply(await asyncio.to_thread(_examined, builder))


def _examined(builder: str | None) -> dict[str, Any]:
    return asyncio.run(examine(builder, environ=dict(os.environ))).to_json()
