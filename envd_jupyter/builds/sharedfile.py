"""A small JSON file that many processes may change at once, and that no crash can tear.

Reading takes no lock: the file is only ever replaced as a whole, so a reader sees one version or
the next. Changing takes an exclusive lock on a file beside it that is never removed, reads, changes
and replaces: written to a temporary file, flushed to the disk, renamed. What cannot be understood
is set aside under another name, with a message, and never deleted.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.errors import PreferenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

__all__ = ["SharedFile", "Stamp", "exclusive", "replace_file", "stamp_of"]

VERSION = 1

#: Tells one version of a file from another: every replacement is a new file.
Stamp = tuple[int, int, int]


def stamp_of(path: Path) -> Stamp | None:
    """Return what changes whenever a file is replaced; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@contextlib.contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold a lock between processes, and between the threads of one.

    Raises
    ------
    PreferenceError
        If there is no place for the lock.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _not_written(lock.parent, error) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def replace_file(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace a file as a whole, or leave it as it is.

    Called under a lock: temporary files of this file that are there are of a process that died.

    Raises
    ------
    PreferenceError
        If it cannot be written (no room, no permission); the file is then as it was.
    """
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{target.name}.{os.urandom(4).hex()}.partial")
    try:
        for stale in target.parent.glob(f".{target.name}.*.partial"):
            stale.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            mode = target.stat().st_mode & 0o777
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(fd)
        partial.replace(target)
        _flush_folder(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise _not_written(path, error) from None


def _flush_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _not_written(path: Path, error: OSError) -> PreferenceError:
    return PreferenceError(
        f"the settings cannot be written to {path}: {error.strerror or error}",
        hint="Nothing was changed. Free some room, or set ENVD_JUPYTER_DATA_DIR to a directory "
        "you may write to.",
    )


class SharedFile:
    """A JSON object on disk, shared by processes.

    Parameters
    ----------
    path
        The file. Its lock is ``<path>.lock``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.messages: list[str] = []
        self._seen: Stamp | None = None
        self._content: dict[str, Any] = {}

    @property
    def _lock(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def read(self) -> dict[str, Any]:
        """Return the object as it is now; empty if there is none.

        A file that holds something else is set aside, which adds to `messages`.
        """
        stamp = stamp_of(self.path)
        if stamp is None:
            self._seen, self._content = None, {}
        elif stamp != self._seen:
            try:
                self._content = self._load()
                self._seen = stamp
            except ValueError:
                self._seen, self._content = stamp, {}
                try:
                    with exclusive(self._lock):
                        self._content = self._sound()
                        self._seen = stamp_of(self.path)
                except PreferenceError:
                    self.messages.append(f"{self.path} could not be understood and is ignored")
        return self._content

    def update(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Replace the object by what `change` makes of it; no other process comes in between.

        Raises
        ------
        PreferenceError
            If it cannot be written; it is then as it was.
        """
        with exclusive(self._lock):
            before = self._sound()
            after = change(dict(before))
            if after != before:
                replace_file(self.path, json.dumps({"version": VERSION, **after}, indent=1) + "\n")
            self._content, self._seen = after, stamp_of(self.path)
        return after

    def remove(self) -> None:
        """Forget the object."""
        with exclusive(self._lock):
            self.path.unlink(missing_ok=True)

    def _load(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.messages.append(f"{self.path} cannot be read: {error.strerror or error}")
            return {}
        if not isinstance(content, dict) or content.pop("version", None) != VERSION:
            raise ValueError("not an object of a version known here")
        return content

    def _sound(self) -> dict[str, Any]:
        """Read under the lock, with what cannot be read set aside."""
        try:
            return self._load()
        except ValueError:
            aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}")
            try:
                self.path.rename(aside)
            except OSError as error:
                raise _not_written(self.path, error) from None
            self.messages.append(
                f"the remembered settings in {self.path} could not be understood; "
                f"the file was set aside as {aside.name}, and nothing is remembered there now"
            )
            return {}
