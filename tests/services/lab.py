"""A real JupyterLab server, which serves Notebook 7 too, with folders and settings of its own.

Nothing of it asks the network: news, updates and the extension manager are switched off, as in the
settings of an administrator.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.services.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.services import Services

QUIET: dict[str, dict[str, Any]] = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    # "Save Widget State Automatically": without it a reopened notebook has no widgets.
    "@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True},
}
"""Settings that keep JupyterLab to itself."""

STEADY: dict[str, dict[str, Any]] = {
    # Every cell is in the page, also those that are out of sight.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
"""Settings that let a test see all of a notebook, and nothing change by itself."""


class LabServer:
    """A running server.

    Parameters
    ----------
    services
        Who start it, and end it with them.
    root
        The folder to serve; by default a new one.
    environ
        The environment of the server and its kernels; by default that of the services.
    settings
        Settings of JupyterLab that take the place of its defaults, by plugin.

    Attributes
    ----------
    root
        The folder it serves.
    environ
        The environment of the server and its kernels.
    """

    def __init__(
        self,
        services: Services,
        *,
        root: Path | None = None,
        environ: Mapping[str, str] | None = None,
        settings: Mapping[str, Mapping[str, Any]] = QUIET | STEADY,
    ) -> None:
        self.root = root or services.place("lab")
        self.root.mkdir(exist_ok=True)
        self.environ = dict(environ or services.environ)
        self.token = secrets.token_hex(16)
        self.port = free_port()
        place = Path(self.environ["JUPYTER_CONFIG_DIR"]) / "labconfig"
        place.mkdir(parents=True, exist_ok=True)
        (place / "default_setting_overrides.json").write_text(json.dumps(settings))
        self.process = services.start_process(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"]
            + ["--JupyterNotebookApp.expose_app_in_browser=True"]
            + [f"--port={self.port}", "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0"]
            + [f"--ServerApp.root_dir={self.root}", "--LabApp.news_url=None"]
            + ["--LabApp.extension_manager=readonly", "--LabApp.blocked_extensions_uris="]
            + ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
            + (["--allow-root"] if os.getuid() == 0 else []),
            env=self.environ | {"JUPYTER_TOKEN": self.token},
            cwd=self.root,
        )
        self.process.wait_until(self._answers, seconds=120)

    def url(self, path: str) -> str:
        """Return the address of a page, with what opens it."""
        return f"http://127.0.0.1:{self.port}/{path}?token={self.token}"

    def api(self, path: str, method: str = "GET", body: object = None) -> Any:
        """Ask the server's own API, below ``/``; returns what it answers."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def _answers(self) -> bool:
        try:
            self.api("api")
        except OSError:
            return False
        return True

    def sessions(self) -> Iterator[dict[str, Any]]:
        """Return the open notebooks and their kernels."""
        yield from self.api("api/sessions")

    def kernel_id(self, path: str) -> str:
        """Return the id of the kernel of a notebook, named as in its session."""
        (found,) = [one["kernel"]["id"] for one in self.sessions() if one["path"] == path]
        return str(found)

    def shut_down_kernels(self) -> None:
        """End all kernels."""
        for session in self.sessions():
            self.api(f"api/sessions/{session['id']}", "DELETE")
