"""Build envd environments in a notebook, with remote cache.

``%load_ext envd_jupyter`` brings the magics; the names below are the same for use from Python.
Importing this package is cheap: everything else is imported when it is first used.
"""

from __future__ import annotations

from envd_jupyter._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` itself would cost the start of each build some milliseconds
    from typing import Any

    from envd_jupyter.builds.client import (
        Build,
        abuild,
        attach,
        build,
        start_build,
        start_build_sync,
    )
    from envd_jupyter.builds.insight.report import BuildReport
    from envd_jupyter.builds.record import BuildRecord, History
    from envd_jupyter.builds.request import BuildRequest
    from envd_jupyter.builds.result import BuildResult
    from envd_jupyter.cache.entry import CacheEntry, parse_cache_entry
    from envd_jupyter.errors import (
        BuilderAddressError,
        BuilderError,
        BuilderUnreachable,
        BuilderUnsupported,
        CacheSettingError,
        EnvdBuildError,
        EnvdJupyterError,
        EnvdNotFound,
        LayoutError,
        PlaceForbidden,
        PreferenceError,
        RecordError,
        RelayError,
        RequestError,
        TemplateError,
    )

__all__ = [
    "Build",
    "BuildRecord",
    "BuildReport",
    "BuildRequest",
    "BuildResult",
    "BuilderAddressError",
    "BuilderError",
    "BuilderUnreachable",
    "BuilderUnsupported",
    "CacheEntry",
    "CacheSettingError",
    "EnvdBuildError",
    "EnvdJupyterError",
    "EnvdNotFound",
    "History",
    "LayoutError",
    "PlaceForbidden",
    "PreferenceError",
    "RecordError",
    "RelayError",
    "RequestError",
    "TemplateError",
    "__version__",
    "abuild",
    "attach",
    "build",
    "load_ipython_extension",
    "parse_cache_entry",
    "start_build",
    "start_build_sync",
    "unload_ipython_extension",
]

# Where each name that is imported on first use lives; the errors are all in one module.
_HOMES = {
    "Build": "builds.client",
    "abuild": "builds.client",
    "attach": "builds.client",
    "build": "builds.client",
    "start_build": "builds.client",
    "start_build_sync": "builds.client",
    "BuildReport": "builds.insight.report",
    "BuildRecord": "builds.record",
    "History": "builds.record",
    "BuildRequest": "builds.request",
    "BuildResult": "builds.result",
    "CacheEntry": "cache.entry",
    "parse_cache_entry": "cache.entry",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = import_module(f"{__name__}.{_HOMES.get(name, 'errors')}")
    value = globals()[name] = getattr(home, name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


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
