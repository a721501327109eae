"""Build envd environments in a notebook, with remote cache.

``%load_ext envd_jupyter`` brings the magics; the names below are the same for use from Python.
Importing this package is cheap: everything else is imported when it is first used.
"""

from __future__ import annotations

from envd_jupyter._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` itself would cost the start of each build some milliseconds
    from typing import Any

__all__ = ["__version__", "load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(ipython: Any) -> None:
    """Register the magics with an IPython shell (``%load_ext envd_jupyter``)."""
    from envd_jupyter.notebook import register

    register(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take the magics out of the shell again (``%unload_ext envd_jupyter``)."""
    from envd_jupyter.notebook import unregister

    unregister(ipython)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab's developer commands where the built extension is."""
    return [{"src": "labextension", "dest": "envd-jupyter"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Name the extension to Jupyter Server."""
    from envd_jupyter.server.app import EnvdServer

    return [{"module": "envd_jupyter", "app": EnvdServer}]
