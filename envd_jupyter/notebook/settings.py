"""What a build uses where its line says nothing.

The line of ``%envd_build`` comes first; what it leaves open comes from here: the layers of
remembered settings, and below them the traits of the magics (``ipython_config.py``, ``%config``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envd_jupyter.builds.preferences import Preferences, Settings, only_given
from envd_jupyter.builds.preferences import effective_settings as _effective

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from IPython.core.interactiveshell import InteractiveShell

    from envd_jupyter.builds.preferences.values import Value
    from envd_jupyter.notebook.identity import Identity

__all__ = ["Settings", "configured", "effective_settings", "preferences_here", "tell_configured"]

#: Traits of ``EnvdMagics`` that are settings, with their keys.
_TRAITS = {
    "builder": "builder",
    "output": "output",
    "export_cache": "export-cache",
    "import_cache": "import-cache",
    "inject_aws": "inject-aws",
}


def configured(shell: InteractiveShell) -> dict[str, object]:
    """Return the settings among the traits of the magics, as ``%config EnvdMagics`` shows them."""
    magics = shell.magics_manager.registry.get("EnvdMagics")
    found = {key: getattr(magics, trait, None) for trait, key in _TRAITS.items()}
    return {key: value for key, value in found.items() if value}


def tell_configured(shell: InteractiveShell) -> None:
    """Tell what is configured to others who show the settings of this kernel."""
    from envd_jupyter.notebook.identity import identify

    _told(shell, identify(shell))


def _told(shell: InteractiveShell, identity: Identity) -> dict[str, object]:
    """Return the settings among the traits, once others can see them."""
    from envd_jupyter.builds.preferences import configuration

    found = configured(shell)
    if identity.kernel_id is not None:
        configuration.tell_configured(identity.kernel_id, found)
    return found


def preferences_here(shell: InteractiveShell, project: Path | None = None) -> Preferences:
    """Return the remembered settings of this kernel.

    Parameters
    ----------
    shell
        The kernel's shell.
    project
        The directory that is built; None for the remembered one.
    """
    from envd_jupyter.notebook.identity import identify

    identity = identify(shell)
    return Preferences(identity, project, configured=_told(shell, identity))


def effective_settings(
    shell: InteractiveShell,
    identity: Identity,
    project: Path | None,
    overrides: Mapping[str, Value | None] | None = None,
    *,
    saved: bool = True,
) -> Settings:
    """Return what a build in this kernel uses: its line, then what is remembered.

    Parameters
    ----------
    shell
        The shell, for its configuration.
    identity
        The notebook and the kernel.
    project
        The directory that is built; None for the remembered one, or the working directory.
    overrides
        What stands on the line, by field of `Settings`; None and empty values are not given.
    saved
        False to use nothing but the line, and the builder of the configuration.

    Raises
    ------
    PreferenceError
        If credentials would go to a builder that only the project file names.
    """
    found = _told(shell, identity)
    if not saved:
        return only_given(overrides or {}, found)
    return _effective(identity, project, overrides, configured=found)
