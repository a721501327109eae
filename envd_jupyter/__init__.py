"""Build envd environments in a notebook, with remote cache.

``%load_ext envd_jupyter`` brings the magics; the names below are the same for use from Python.
Importing this package is cheap: everything else is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envd_jupyter._version import __version__

if TYPE_CHECKING:
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
