"""``openapi.yaml``: the description of the API."""

from __future__ import annotations

from pathlib import Path

from envd_jupyter.server.handler import EnvdHandler, endpoint

__all__ = ["DescriptionHandler"]

_FILE = Path(__file__).with_name("openapi.yaml")


class DescriptionHandler(EnvdHandler):
    """The description of the API."""

    @endpoint("read")
    async def get(self) -> None:
        """Show it."""
        text = await self.hub.in_thread(_FILE.read_text, "utf-8")
        self.finish(text, set_content_type="application/yaml; charset=utf-8")
