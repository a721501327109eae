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
        self.set_header("Content-Type", "application/yaml; charset=utf-8")
        self.finish(_FILE.read_text(encoding="utf-8"))
