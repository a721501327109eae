"""The body of a ``%%envd_build`` cell as a project that envd can build.

A cell without ``--path`` gets a private project in the data folder, named by the cell's contents:
the same cell builds in the same folder, so envd can tell that nothing has changed, and two
different cells never meet. With ``--path`` the body is built in that directory, in place of its
``build.envd``, and no file is written there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CellProject", "cell_project"]

_KEEP_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class CellProject:
    """Where and how to build the body of a cell.

    Attributes
    ----------
    path
        The directory to build.
    from_
        ``FILE:FUNC`` for envd's ``--from``.
    source
        The body, where it stands in no file of the directory; else None.
    """

    path: Path
    from_: str
    source: str | None


def cell_project(
    body: str, *, path: str | None, from_: str | None, title: str, data: Path
) -> CellProject:
    """Return the project that the body of a cell stands for, written where it has to be.

    Parameters
    ----------
    body
        The cell without its first line.
    path
        ``--path`` as given, or None.
    from_
        ``--from`` as given: only its function counts.
    title
        What a private project is called, the name of the notebook for one.
    data
        The data folder.

    Raises
    ------
    RequestError
        If the cell is empty or the private project cannot be written.
    """
    if not body.strip():
        raise RequestError(
            "%%envd_build: the cell is empty",
            hint="Write a build.envd below the first line, or use %envd_build for a file.",
        )
    function = (from_ or "").rpartition(":")[2] or "build"
    if path is not None:
        return CellProject(Path(path).expanduser(), f"build.envd:{function}", body)
    digest = hashlib.sha256(body.encode()).hexdigest()[:8]
    root = data / "cells"
    directory = root / f"{_slug(title)}-{digest}"
    _write(directory / "build.envd", body)
    _drop_old(root, keep=directory)
    return CellProject(directory, f"build.envd:{function}", None)


def _write(file: Path, body: str) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The last use, so that what is not used any more can go.
        os.utime(file.parent)
        # Left as it is where it is right: envd skips a build by the times of the files.
        if not file.exists() or file.read_text(encoding="utf-8") != body:
            file.write_text(body, encoding="utf-8")
    except OSError as error:
        raise RequestError(
            f"%%envd_build: the cell cannot be written to {file}: {error.strerror}",
            hint="Set ENVD_JUPYTER_DATA_DIR to a directory you may write to.",
        ) from error


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "cell"


def _drop_old(root: Path, *, keep: Path) -> None:
    for directory in _old(root, time.time() - _KEEP_SECONDS):
        if directory != keep:
            shutil.rmtree(directory, ignore_errors=True)


def _old(root: Path, before: float) -> Iterator[Path]:
    try:
        for directory in root.iterdir():
            if directory.stat().st_mtime < before:
                yield directory
    except OSError:
        return
