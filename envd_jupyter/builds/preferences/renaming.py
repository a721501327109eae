"""Settings follow their notebook when it is renamed.

They are kept under the notebook's file. Whoever sees a rename (Jupyter Server does) says so here:
what is kept under the old name moves to the new one. A kernel that runs meanwhile goes on telling
the name it was started with, until its restart; so the new one is noted with the kernel.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envd_jupyter.builds.folder import data_dir
from envd_jupyter.builds.preferences.store import kernel_file, notebook_file
from envd_jupyter.builds.sharedfile import SharedFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

__all__ = ["follow_rename", "present_notebook"]

_RENAMED = "renamed"


def present_notebook(
    started_with: str | None, kernel_id: str | None, data: Path | None = None
) -> str | None:
    """Return the notebook of a kernel as it is called now.

    Parameters
    ----------
    started_with
        As it was called when the kernel was started.
    kernel_id
        The kernel.
    data
        The data folder; by default the user's.
    """
    if started_with is None or kernel_id is None:
        return started_with
    noted = kernel_file(data_dir() if data is None else data, kernel_id).read().get(_RENAMED)
    if isinstance(noted, dict) and noted.get("from") == started_with:
        present = noted.get("to")
        if isinstance(present, str):
            return present
    return started_with


def follow_rename(
    old: Path, new: Path, kernels: Mapping[str, str], data: Path | None = None
) -> None:
    """Let settings follow a notebook, or the notebooks of a folder, that was renamed.

    Parameters
    ----------
    old, new
        The file or the folder.
    kernels
        The notebooks that running kernels were started with, by the kernel's id.
    data
        The data folder; by default the user's.

    Raises
    ------
    PreferenceError
        If the data folder cannot be written.
    """
    data = data_dir() if data is None else data
    for path in sorted((data / "preferences" / "notebooks").glob("*.json")):
        kept = SharedFile(path)
        content = kept.read()
        about = content.get("about")
        if not isinstance(about, dict):
            continue
        present = _moved(about.get("notebook"), old, new)
        if present is not None:
            moved = {**content, "about": {**about, "notebook": present}}
            target = notebook_file(data, present, about.get("kernel"))
            if target.path != path:
                _set(target, moved, keep=False)
                kept.remove()
    for kernel_id, started_with in kernels.items():
        present = _moved(present_notebook(started_with, kernel_id, data), old, new)
        if present is not None:
            note = {_RENAMED: {"from": started_with, "to": present}}
            _set(kernel_file(data, kernel_id), note, keep=True)


def _set(file: SharedFile, content: Mapping[str, Any], *, keep: bool) -> None:
    """Set keys of a file; no other process comes in between."""
    file.update(lambda before: {**(before if keep else {}), **content})


def _moved(notebook: object, old: Path, new: Path) -> str | None:
    """Return what a notebook is called after a rename; None if it is not concerned."""
    if not isinstance(notebook, str):
        return None
    was, there = os.path.realpath(old), os.path.realpath(notebook)
    if there == was:
        return str(new)
    return str(new) + there[len(was) :] if there.startswith(was + os.sep) else None
