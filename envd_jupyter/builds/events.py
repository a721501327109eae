"""The event log of a build: one file, one writer, any number of readers.

A line is a JSON object: either BuildKit's own status in the shape ``docker buildx build
--progress rawjson`` prints, or one of ours under the key ``envd`` with a ``kind`` and a ``time``
(seconds since the epoch). The file is only ever appended to, and a line is there entirely or not
at all, so a reader needs no lock: it reads what is new up to the last newline.
"""

from __future__ import annotations

import errno
import json
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

__all__ = ["EventLog", "EventReader", "LineReader", "own_event", "read_events"]

_CHUNK = 1 << 20
_RESERVE = 64 * 1024


def own_event(kind: str, **fields: Any) -> dict[str, Any]:
    """Return an event of ours, stamped with the present time."""
    return {"envd": {"kind": kind, "time": round(time.time(), 4), **fields}}


class EventLog:
    """Append events to a build's log.

    A full disk must not hide how a build ended: some room is kept in a second file, given back when
    the disk is full, and lines are then written for what matters only.

    Parameters
    ----------
    path
        The log, ``events.jsonl``.
    wake
        Called after each line, to tell those who wait for it.
    """

    def __init__(self, path: Path, wake: Callable[[], None] | None = None) -> None:
        self.path = path
        self.full = False
        self._wake = wake
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._end = os.fstat(self._fd).st_size
        self._reserve = path.with_name("reserve")

    def reserve(self) -> None:
        """Set room aside for the last lines of a build on a disk that fills up."""
        try:
            self._reserve.write_bytes(b"\0" * _RESERVE)
        except OSError:
            self._give_back()

    def _give_back(self) -> None:
        self.full = True
        self._reserve.unlink(missing_ok=True)

    def append(self, event: Mapping[str, Any], *, vital: bool = False) -> bool:
        """Append one event; returns False if the disk had no room for it.

        Parameters
        ----------
        event
            The event, JSON.
        vital
            Write it even after the disk was full once, into the room set aside.
        """
        if self.full and not vital:
            return False
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        try:
            self._write(line)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
                raise
            self._give_back()
            if not vital or not self._retry(line):
                return False
        if self._wake is not None:
            self._wake()
        return True

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            os.ftruncate(self._fd, self._end)
            raise
        self._end += len(line)

    def _retry(self, line: bytes) -> bool:
        try:
            self._write(line)
        except OSError:
            return False
        return True

    def detach(self) -> int:
        """Give the open file up, for a log that another process goes on with."""
        return self._fd

    def close(self) -> None:
        """Close the log and drop the room that was set aside."""
        os.close(self._fd)
        self._reserve.unlink(missing_ok=True)


class LineReader:
    """Read a growing event log line by line, as it was written.

    Parameters
    ----------
    path
        The log. It need not exist yet.
    chunk
        How many bytes to take at once.

    Attributes
    ----------
    caught_up
        Whether the last read came to the end of the file.
    """

    def __init__(self, path: Path, chunk: int = _CHUNK) -> None:
        self.path = path
        self.offset = 0
        self.caught_up = False
        self._chunk = chunk
        self._rest = b""

    def lines(self) -> list[bytes]:
        """Return the next lines that are complete; an empty list if none is new."""
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self.offset)
                while True:
                    data = file.read(self._chunk)
                    self.caught_up = len(data) < self._chunk
                    if not data:
                        return []
                    self.offset += len(data)
                    head, newline, tail = data.rpartition(b"\n")
                    if newline:
                        lines = (self._rest + head).split(b"\n")
                        self._rest = tail
                        return lines
                    self._rest += data
        except FileNotFoundError:
            self.caught_up = True
            return []


class EventReader(LineReader):
    """Read a growing event log, each event once."""

    def read(self) -> list[dict[str, Any]]:
        """Return the events of the next megabyte that is complete; an empty list if none is new."""
        while lines := self.lines():
            events = [event for event in map(_parse, lines) if event is not None]
            if events:
                return events
        return []


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield all events there are now."""
    reader = EventReader(path)
    while events := reader.read():
        yield from events


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None  # a line torn by a crash of the machine; all others are whole
    return event if isinstance(event, dict) else None
