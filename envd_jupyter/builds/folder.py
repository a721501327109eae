"""Where a build lives on disk, and how one sees that its driver is alive.

Each build has a folder ``<data>/builds/<id>``. While its driver lives, it holds an exclusive
``flock`` on the file ``lock`` there. The kernel takes that lock before it starts the driver and
hands the open file over, so there is no moment in which a starting build looks dead, and none in
which a dead one looks alive, however the driver ended.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["BuildFolder", "build_ids", "builds", "data_dir", "new_id", "private_dir"]

_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_LONGEST_SOCKET_DIR = 80


def data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of all we keep: ``$ENVD_JUPYTER_DATA_DIR``, or Jupyter's data dir."""
    chosen = (os.environ if environ is None else environ).get("ENVD_JUPYTER_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "envd_jupyter"


def new_id(now: float | None = None) -> str:
    """Make a build id: the UTC time and six hex digits, so that ids sort by time.

    The first three digits go on with the time, in 4096ths of a second; the others are random.
    """
    now = time.time() if now is None else now
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    fraction = int(now % 1 * 4096) << 12
    return f"{moment}-{fraction | int.from_bytes(os.urandom(2), 'big') >> 4:06x}"


def private_dir() -> Path:
    """Make a directory (0700) for one build's sockets, short enough for a socket address."""
    import tempfile

    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > _LONGEST_SOCKET_DIR:
        base = "/tmp"
    return Path(tempfile.mkdtemp(prefix="envd-jupyter-", dir=base))


def build_ids(data: Path) -> list[str]:
    """Return the ids of all builds, oldest first."""
    try:
        names = os.listdir(data / "builds")  # noqa: PTH208 - a listing of names, cheaply
    except FileNotFoundError:
        return []
    return sorted(filter(_ID.fullmatch, names))


def builds(data: Path) -> Iterator[BuildFolder]:
    """Yield the folders of all builds, oldest first."""
    for name in build_ids(data):
        yield BuildFolder(data / "builds" / name)


class BuildFolder:
    """The folder of one build.

    Parameters
    ----------
    path
        ``<data>/builds/<id>``.
    """

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, data: Path) -> BuildFolder:
        """Make the folder of a new build."""
        root = data / "builds"
        root.mkdir(parents=True, exist_ok=True)
        while True:
            folder = cls(root / new_id())
            try:
                folder.path.mkdir(mode=0o700)
            except FileExistsError:
                continue
            return folder

    @classmethod
    def find(cls, build_id: str, data: Path) -> BuildFolder:
        """Return the folder of a recorded build.

        Raises
        ------
        RecordError
            If the id is no id, or nothing is kept under it.
        """
        folder = cls(data / "builds" / build_id)
        if not _ID.fullmatch(build_id) or not folder.path.is_dir():
            raise RecordError(
                f"there is no build {build_id!r}", hint="%envd_history lists the builds there are."
            )
        return folder

    @property
    def id(self) -> str:
        """The build's id."""
        return self.path.name

    @property
    def data(self) -> Path:
        """The data folder this build belongs to."""
        return self.path.parent.parent

    @property
    def events(self) -> Path:
        """The event log."""
        return self.path / "events.jsonl"

    @property
    def lock_path(self) -> Path:
        """The file whose lock says that the driver is alive."""
        return self.path / "lock"

    def lock(self) -> int | None:
        """Take the driver's lock; returns the open file, or None while a driver holds it."""
        fd = os.open(self.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return None
        return fd

    def is_live(self) -> bool:
        """Say whether a driver works on this build now."""
        try:
            fd = os.open(self.lock_path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(fd)
        return False

    def driver_pid(self) -> int | None:
        """Return the process id the driver wrote into its lock file, if it got that far."""
        try:
            return int(self.lock_path.read_text())
        except (OSError, ValueError):
            return None
