"""The extension of Jupyter Server: its settings, its routes, its life."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_server.extension.application import ExtensionApp
from traitlets import List, Unicode

from envd_jupyter.server.builds import BuildHandler, BuildsHandler, CancelHandler, RebuildHandler
from envd_jupyter.server.caches import CacheTypesHandler, CheckHandler
from envd_jupyter.server.description import DescriptionHandler
from envd_jupyter.server.doctor import DoctorHandler
from envd_jupyter.server.events import EventsSocket
from envd_jupyter.server.hub import Hub
from envd_jupyter.server.logs import LogHandler, ReportHandler
from envd_jupyter.server.places import Places
from envd_jupyter.server.preferences import PreferencesHandler
from envd_jupyter.server.projects import ProjectsHandler
from envd_jupyter.server.watch import WatchSocket

if TYPE_CHECKING:
    from tornado.web import RequestHandler

__all__ = ["ROUTES", "EnvdServer"]

PREFIX = "envd-jupyter/api/"

#: The routes below the prefix, as the description writes them.
ROUTES: tuple[tuple[str, type[RequestHandler]], ...] = (
    ("builds", BuildsHandler),
    ("builds/{id}", BuildHandler),
    ("builds/{id}/cancel", CancelHandler),
    ("builds/{id}/rebuild", RebuildHandler),
    ("builds/{id}/log", LogHandler),
    ("builds/{id}/report", ReportHandler),
    ("builds/{id}/events", EventsSocket),
    ("watch", WatchSocket),
    ("preferences", PreferencesHandler),
    ("cache-types", CacheTypesHandler),
    ("check", CheckHandler),
    ("projects", ProjectsHandler),
    ("doctor", DoctorHandler),
    ("openapi.yaml", DescriptionHandler),
)


class EnvdServer(ExtensionApp):
    """Builds and their settings over REST and WebSockets."""

    name = "envd_jupyter"
    load_other_extensions = True

    extra_roots = List(
        Unicode(),
        help="Directories that requests may name paths in, beside the server's root directory.",
    ).tag(config=True)

    def initialize_handlers(self) -> None:
        """Add the routes."""
        app = self.serverapp
        assert app is not None
        self.hub = Hub(self.log)
        contents = self.settings.get("contents_manager")
        root = getattr(contents, "root_dir", None) or app.root_dir
        places = Places(
            Path(root).absolute(),
            self.extra_roots,
            hidden=bool(getattr(contents, "allow_hidden", False)),
        )
        shared = {"hub": self.hub, "places": places}
        for route, handler in ROUTES:
            pattern = route.replace(".", r"\.").replace("{id}", "([^/]+)")
            self.handlers.append((PREFIX + pattern, handler, shared))

    async def stop_extension(self) -> None:
        """Let go of what is followed; builds go on."""
        await self.hub.close()
