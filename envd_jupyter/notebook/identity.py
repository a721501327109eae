"""Which notebook and which kernel this is, as far as a kernel can know.

A kernel is not told what it runs for; Jupyter Server sets an environment variable, VS Code a
variable in the user's namespace, and the connection file names the kernelspec. Where nothing
tells, the answer is None and settings are remembered for the kernel only.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.builds.preferences import Identity
from envd_jupyter.builds.preferences.renaming import present_notebook

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["Identity", "identify"]


def identify(shell: InteractiveShell) -> Identity:
    """Find out for which notebook and in which kernel a shell runs."""
    connection = _connection_file(shell)
    kernel_id = None
    if connection is not None:
        kernel_id = connection.stem.removeprefix("kernel-")
    notebook = present_notebook(_notebook(shell), kernel_id)
    return Identity(notebook, _kernel_name(connection), kernel_id)


def _notebook(shell: InteractiveShell) -> str | None:
    candidates = (
        shell.user_ns.get("__vsc_ipynb_file__"),
        os.environ.get("JPY_SESSION_NAME"),
    )
    for candidate in candidates:
        if isinstance(candidate, str) and candidate.endswith(".ipynb"):
            return candidate
    return None


def _connection_file(shell: InteractiveShell) -> Path | None:
    kernel = getattr(shell, "kernel", None)
    application = getattr(kernel, "parent", None)
    path = getattr(application, "abs_connection_file", None)
    return Path(path) if isinstance(path, str) else None


def _kernel_name(connection: Path | None) -> str | None:
    if connection is None:
        return None
    try:
        name = json.loads(connection.read_text(encoding="utf-8")).get("kernel_name")
    except (OSError, ValueError, AttributeError):
        return None
    return name if isinstance(name, str) and name else None
