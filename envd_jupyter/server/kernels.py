"""Which notebook and kernel a kernel's id stands for, seen from the server.

What a kernel remembers is kept under the notebook's file, as the kernel itself knows it: from the
variable ``JPY_SESSION_NAME`` it was started with. So the kernel's own process is asked first, and
the server's session, which may have been renamed since, only where that cannot be seen.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_core.utils import ensure_async

from envd_jupyter.builds.preferences import Identity, Preferences
from envd_jupyter.builds.preferences.configuration import told_configured
from envd_jupyter.builds.preferences.renaming import follow_rename, present_notebook
from envd_jupyter.builds.preferences.saving import preferences_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


__all__ = ["KernelHere", "find_kernel", "follow_renames", "preferences_of", "shown_preferences"]

_SESSION = "JPY_SESSION_NAME"


@dataclass(frozen=True)
class KernelHere:
    """A running kernel.

    Attributes
    ----------
    identity
        As the kernel itself finds it.
    base
        Its working directory.
    path
        The notebook's path in the contents API, or None.
    started_with
        The notebook's file when the kernel was started.
    """

    identity: Identity
    base: Path
    path: str | None
    started_with: str | None = None

    def configured(self) -> dict[str, object]:
        """Return what is configured for IPython there, as far as the kernel told."""
        return told_configured(self.identity.kernel_id) if self.identity.kernel_id else {}

    def to_json(self) -> dict[str, Any]:
        """Return what a panel shows of it."""
        return {
            "id": self.identity.kernel_id,
            "name": self.identity.kernel,
            "notebook": self.identity.notebook,
            "path": self.path,
        }


_NOBODY = Identity(None, None, None)


def preferences_of(
    kernel: KernelHere | None, project: Path | None = None, root: Path | None = None
) -> Preferences:
    """Return what is remembered for a kernel, or without one for the user and a project.

    Parameters
    ----------
    kernel
        The kernel.
    project
        The directory that is built; None for the remembered one, or the working directory.
    root
        The working directory where there is no kernel.
    """
    if kernel is None:
        return Preferences(_NOBODY, project, base=root)
    return Preferences(kernel.identity, project, base=kernel.base, configured=kernel.configured())


def shown_preferences(preferences: Preferences, kernel: KernelHere | None) -> dict[str, Any]:
    """Return settings as JSON, and whose they are."""
    shown = preferences_json(preferences)
    if kernel is None:
        # Without a kernel its layer is that of the server's own process, which nobody uses.
        shown["scopes"] = [scope for scope in shown["scopes"] if scope != "kernel"]
        shown["layers"] = [layer for layer in shown["layers"] if layer["name"] != "kernel"]
    shown["kernel"] = kernel.to_json() if kernel else None
    shown["project"] = str(preferences.project)
    return shown


async def find_kernel(kernels: Any, sessions: Any, kernel_id: str) -> KernelHere | None:
    """Return what is known of a kernel; None if there is none of this id."""
    if kernel_id not in kernels:
        return None
    kernel: Any = kernels.get_kernel(kernel_id)
    session = await _session(sessions, kernel_id)
    return await asyncio.to_thread(_found, kernels, kernel, kernel_id, session)


def _found(
    kernels: Any, kernel: Any, kernel_id: str, session: Mapping[str, Any] | None
) -> KernelHere:
    path = session.get("path") if session and session.get("type") == "notebook" else None
    started_with = _started_with(kernels, kernel, session)
    connection = Path(str(getattr(kernel, "connection_file", "") or f"kernel-{kernel_id}"))
    own_id = connection.stem.removeprefix("kernel-")
    identity = Identity(
        notebook=present_notebook(started_with, own_id),
        kernel=getattr(kernel, "kernel_name", None) or None,
        kernel_id=own_id,
    )
    base = _working_directory(_process(kernel)) or _folder(kernels, session)
    return KernelHere(identity, base, path, started_with)


def _started_with(kernels: Any, kernel: Any, session: Mapping[str, Any] | None) -> str | None:
    """Return the notebook that a kernel was started with."""
    environ = _environ(_process(kernel))
    if environ is None:
        environ = _told(kernel)
    if environ is None:
        environ = _expected(kernels, session)
    name = environ.get(_SESSION, "")
    return name if name.endswith(".ipynb") else None


def _process(kernel: Any) -> int | None:
    process: int | None = getattr(getattr(kernel, "provisioner", None), "pid", None)
    return process


async def follow_renames(kernels: Any, sessions: Any, old: Path, new: Path) -> None:
    """Let settings follow what was renamed on the server, see `follow_rename`."""
    found = [await find_kernel(kernels, sessions, i) for i in kernels.list_kernel_ids()]
    started = {
        kernel.identity.kernel_id: kernel.started_with
        for kernel in found
        if kernel and kernel.identity.kernel_id and kernel.started_with
    }
    await asyncio.to_thread(follow_rename, old, new, started)


async def _session(sessions: Any, kernel_id: str) -> dict[str, Any] | None:
    listed: list[dict[str, Any]] = await ensure_async(sessions.list_sessions())
    return next((s for s in listed if s["kernel"]["id"] == kernel_id), None)


def _environ(process: int | None) -> Mapping[str, str] | None:
    """Read the environment a process was started with, where the system shows it."""
    if process is None:
        return None
    try:
        raw = Path(f"/proc/{process}/environ").read_bytes()
    except OSError:
        return None
    pairs = (os.fsdecode(item).partition("=") for item in raw.split(b"\0") if item)
    return {name: value for name, _, value in pairs}


def _told(kernel: Any) -> Mapping[str, str] | None:
    """Return the environment its manager started a kernel with."""
    arguments = getattr(kernel, "_launch_args", None)
    environ = arguments.get("env") if isinstance(arguments, dict) else None
    return environ if isinstance(environ, dict) else None


def _expected(kernels: Any, session: Mapping[str, Any] | None) -> Mapping[str, str]:
    """Return the environment that the server's sessions give to a kernel."""
    if not session or not session.get("name"):
        return {}
    return {_SESSION: str(_folder(kernels, session) / session["name"])}


def _working_directory(process: int | None) -> Path | None:
    if process is None:
        return None
    try:
        return Path(f"/proc/{process}/cwd").readlink()
    except OSError:
        return None


def _folder(kernels: Any, session: Mapping[str, Any] | None) -> Path:
    path = session.get("path") if session else None
    return Path(kernels.cwd_for_path(path or ""))
