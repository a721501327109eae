"""The extension of Jupyter Server: its settings, its routes, its life."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_server.extension.application import ExtensionApp
from traitlets import List, Unicode

from envd_jupyter.errors import EnvdJupyterError
from envd_jupyter.server.builds import BuildHandler, BuildsHandler, CancelHandler, RebuildHandler
from envd_jupyter.server.caches import CacheTypesHandler, CheckHandler
from envd_jupyter.server.description import DescriptionHandler
from envd_jupyter.server.doctor import DoctorHandler
from envd_jupyter.server.events import EventsSocket
from envd_jupyter.server.hub import Hub
from envd_jupyter.server.kernels import follow_renames
from envd_jupyter.server.logs import LogHandler, ReportHandler
from envd_jupyter.server.places import Places
from envd_jupyter.server.preferences import PreferencesHandler
from envd_jupyter.server.projects import ProjectsHandler
from envd_jupyter.server.watch import WatchSocket

if TYPE_CHECKING:
    from typing import Any

    from jupyter_events import EventLogger
    from tornado.web import RequestHandler

__all__ = ["ROUTES", "EnvdServer"]

PREFIX = "envd-jupyter/api/"
_CONTENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"

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
        self._follow_renames(places.root)
        shared = {"hub": self.hub, "places": places}
        for route, handler in ROUTES:
            pattern = route.replace(".", r"\.").replace("{id}", "([^/]+)")
            self.handlers.append((PREFIX + pattern, handler, shared))

    def _follow_renames(self, root: Path) -> None:
        """Let what a notebook remembers follow it when it is renamed in the browser."""
        kernels, sessions = self.settings["kernel_manager"], self.settings["session_manager"]
        events = self.serverapp.event_logger if self.serverapp else None
        assert events is not None

        async def listener(logger: EventLogger, schema_id: str, data: dict[str, Any]) -> None:
            if data.get("action") != "rename" or not data.get("source_path"):
                return
            old, new = (root / data[key].strip("/") for key in ("source_path", "path"))
            try:
                await follow_renames(kernels, sessions, old, new)
            except EnvdJupyterError as error:
                self.log.warning("envd_jupyter: settings stay with the old name: %s", error)

        events.add_listener(schema_id=_CONTENTS, listener=listener)

    async def stop_extension(self) -> None:
        """Let go of what is followed; builds go on."""
        await self.hub.close()
