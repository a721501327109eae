"""What a build uses where its line says nothing.

The line of ``%envd_build`` comes first; what it leaves open comes from here: the layers of
remembered settings, and below them the traits of the magics (``ipython_config.py``, ``%config``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from IPython.core.interactiveshell import InteractiveShell

    from envd_jupyter.cache.entry import CacheEntry
    from envd_jupyter.notebook.identity import Identity

__all__ = ["Settings", "effective_settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What is remembered for a build.

    Attributes
    ----------
    exports, imports
        The remote caches.
    output, builder
        ``--output`` and ``--builder``, or None.
    provenance
        For each value that is set, the layer it comes from (``{"output": "notebook"}``).
    """

    exports: tuple[CacheEntry, ...] = ()
    imports: tuple[CacheEntry, ...] = ()
    output: str | None = None
    builder: str | None = None
    provenance: dict[str, str] = field(default_factory=dict)


def effective_settings(shell: InteractiveShell, identity: Identity, project: Path) -> Settings:
    """Return what is remembered for a project in this kernel.

    Parameters
    ----------
    shell
        The shell, for its configuration.
    identity
        The notebook and the kernel.
    project
        The directory that is built.
    """
    return Settings()
