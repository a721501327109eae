"""``projects``: what can be built below the server's root directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envd_jupyter.builds.projects import find_functions, find_projects
from envd_jupyter.server.handler import EnvdHandler, endpoint

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["ProjectsHandler"]


class ProjectsHandler(EnvdHandler):
    """The projects."""

    @endpoint("read")
    async def get(self) -> None:
        """List directories with ``build.envd`` and the functions in them."""
        self.reply({"projects": await self.hub.in_thread(_projects, self.places.root)})


def _projects(root: Path) -> list[dict[str, Any]]:
    return [
        {"path": path, "functions": list(find_functions(str(root / path)))}
        for path in find_projects(root)
    ]
