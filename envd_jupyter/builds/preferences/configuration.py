"""What is configured for IPython, told by a kernel to others who show and use its settings.

Only the kernel knows: from ``ipython_config.py`` of its profile, and ``%config``. It is told in the
kernel's own file. What holds a secret is not told; it is used by the kernel's own builds only.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.builds.folder import data_dir
from envd_jupyter.builds.preferences.store import kernel_file
from envd_jupyter.builds.preferences.values import read_value, setting_named, written
from envd_jupyter.errors import EnvdJupyterError, PreferenceError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["tell_configured", "told_configured"]

_CONFIGURED = "configured"


def tell_configured(
    kernel_id: str, configured: Mapping[str, object], data: Path | None = None
) -> None:
    """Tell what is configured for a kernel.

    Parameters
    ----------
    kernel_id
        The kernel.
    configured
        Values by key, as for `Preferences`.
    data
        The data folder; by default the user's.
    """
    told: dict[str, object] = {}
    for key, plain in configured.items():
        # What cannot work, or is a secret, is the kernel's own matter.
        with contextlib.suppress(EnvdJupyterError):
            setting = setting_named(key)
            value = read_value(setting, plain)
            told[key] = written(setting, value, scope="kernel", base=Path.cwd(), environ=os.environ)
    file = kernel_file(data_dir() if data is None else data, kernel_id)
    if file.read().get(_CONFIGURED, {}) != told:
        with contextlib.suppress(PreferenceError):
            file.update(lambda content: {**content, _CONFIGURED: told})


def told_configured(kernel_id: str, data: Path | None = None) -> dict[str, object]:
    """Return what a kernel told."""
    told = kernel_file(data_dir() if data is None else data, kernel_id).read().get(_CONFIGURED)
    return told if isinstance(told, dict) else {}
