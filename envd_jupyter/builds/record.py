"""The history: an index of all builds, and the look that closes what a dead driver left open.

The build's folder is the truth, the SQLite file is an index over it that can be made again at any
time. A look at the history takes in folders the index does not know, and closes as ``lost`` every
running build whose lock nobody holds: its private directory goes, and its log says what happened.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import sqlite3
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.builds.events import EventLog, EventReader, own_event, read_events
from envd_jupyter.builds.folder import BuildFolder, build_ids, builds, data_dir
from envd_jupyter.builds.state import BuildState
from envd_jupyter.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from envd_jupyter.builds.retention import Retention

__all__ = ["BuildRecord", "History", "close_lost", "record_of"]

_VERSION = 1
_PRIVATE_PREFIX = "envd-jupyter-"
_PATIENCE = 3.0


@dataclass(frozen=True)
class BuildRecord:
    """One line of the history; times in seconds since the epoch, durations in seconds."""

    id: str
    state: str
    project: str | None = None
    title: str | None = None
    notebook: str | None = None
    kernel: str | None = None
    image: str | None = None
    digest: str | None = None
    builder: str | None = None
    started: float | None = None
    completed: float | None = None
    duration: float | None = None
    total: int = 0
    cached: int = 0
    exports: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    message: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON."""
        return dataclasses.asdict(self)


_COLUMNS = tuple(column.name for column in dataclasses.fields(BuildRecord))
_LISTS = ("exports", "imports")


def record_of(state: BuildState) -> BuildRecord:
    """Return the record of a folded build."""
    view = state.view(log_lines=0, max_steps=0)
    return BuildRecord(
        id=state.id,
        state=state.state,
        project=view["project"],
        title=view["title"],
        notebook=state.start.get("notebook"),
        kernel=state.start.get("kernel"),
        image=view["image"],
        digest=view["digest"],
        builder=view["builder"],
        started=view["started"],
        completed=view["completed"],
        duration=(state.result or {}).get("duration"),
        total=view["summary"]["total"],
        cached=view["summary"]["cached"],
        exports=tuple(item["entry"] for item in view["cache"]["exports"]),
        imports=tuple(item["entry"] for item in view["cache"]["imports"]),
        message=view["error"]["message"] if view["error"] else None,
    )


class History:
    """The index of builds in one data folder.

    Parameters
    ----------
    data
        The data folder; by default the user's.
    known
        Returns what somebody who follows a build knows of it, or None: its log is not read again.
    """

    def __init__(
        self,
        data: Path | None = None,
        *,
        known: Callable[[BuildFolder], BuildRecord | None] | None = None,
    ) -> None:
        self.data = data_dir() if data is None else data
        self._known = known
        self.path = self.data / "history.sqlite"

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        self.data.mkdir(parents=True, exist_ok=True)
        try:
            connection = self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise RecordError(f"the history {self.path} cannot be used: {error}") from None
            self._set_aside()
            connection = self._open()
        try:
            with connection:
                yield connection
        except sqlite3.Error as error:
            raise RecordError(
                f"the history {self.path} cannot be used: {error}",
                hint="Free some room, or move the file away: it is made again from the builds.",
            ) from None
        finally:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_PATIENCE)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            if connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                connection.execute("DROP TABLE IF EXISTS builds")
                columns = ", ".join(_COLUMNS[1:])
                connection.execute(f"CREATE TABLE builds (id TEXT PRIMARY KEY, {columns})")
                connection.execute(f"PRAGMA user_version={_VERSION}")
                connection.commit()
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self) -> None:
        damaged = self.path.with_name(f"history.sqlite.damaged-{int(time.time())}")
        with contextlib.suppress(FileNotFoundError):
            self.path.replace(damaged)
        for tail in ("-wal", "-shm"):
            self.path.with_name(self.path.name + tail).unlink(missing_ok=True)

    def put(self, record: BuildRecord) -> None:
        """Add a build, or replace what is known of it."""
        values = [
            json.dumps(value) if column in _LISTS else value
            for column, value in zip(_COLUMNS, dataclasses.astuple(record), strict=True)
        ]
        marks = ", ".join("?" * len(_COLUMNS))
        with self._database() as database:
            database.execute(f"INSERT OR REPLACE INTO builds VALUES ({marks})", values)

    def look(self) -> None:
        """Take in builds the index does not know, and close those whose driver is gone."""
        with self._database() as database:
            known = dict(database.execute("SELECT id, state FROM builds"))
        there = build_ids(self.data)
        for build_id in there:
            if known.get(build_id) in (None, "running"):
                folder = BuildFolder(self.data / "builds" / build_id)
                close_lost(folder)
                self._take_in(folder)
        if gone := known.keys() - set(there):
            with self._database() as database:
                database.executemany("DELETE FROM builds WHERE id = ?", [(i,) for i in gone])

    def _take_in(self, folder: BuildFolder) -> None:
        if self._known is not None and (record := self._known(folder)) is not None:
            self.put(record)
            return
        state = BuildState(folder.id)
        for event in read_events(folder.events):
            state.apply(event)
        self.put(record_of(state))

    def list(
        self,
        *,
        project: str | None = None,
        kernel: str | None = None,
        notebook: str | None = None,
        state: str | None = None,
        text: str | None = None,
        limit: int = 50,
    ) -> list[BuildRecord]:
        """Return the latest builds first.

        Parameters
        ----------
        project, kernel, notebook, state
            Only builds with exactly this value.
        text
            Only builds in whose id, project, image, notebook, caches or message this occurs, in
            capitals or not.
        limit
            At most so many.
        """
        self.look()
        where, values = ["1"], []
        exact = {"project": project, "kernel": kernel, "notebook": notebook, "state": state}
        for column, value in exact.items():
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        if text:
            columns = ("id", "project", "image", "notebook", "exports", "imports", "message")
            where.append(
                "(" + " OR ".join(f"instr(lower({c}), lower(?)) > 0" for c in columns) + ")"
            )
            values += [text] * len(columns)
        query = f"SELECT * FROM builds WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"
        with self._database() as database:
            return [_record(row) for row in database.execute(query, [*values, str(limit)])]

    def get(self, build_id: str) -> BuildRecord:
        """Return one build.

        Raises
        ------
        RecordError
            If there is no such build.
        """
        BuildFolder.find(build_id, self.data)
        self.look()
        with self._database() as database:
            row = database.execute("SELECT * FROM builds WHERE id = ?", [build_id]).fetchone()
        if row is None:
            raise RecordError(f"there is no build {build_id!r}")
        return _record(row)

    def delete(self, build_id: str) -> None:
        """Forget a build that has ended, its log and all.

        Raises
        ------
        RecordError
            If there is no such build, or it still runs.
        """
        folder = BuildFolder.find(build_id, self.data)
        if folder.is_live():
            raise RecordError(f"the build {build_id!r} still runs", hint="Cancel it first.")
        close_lost(folder)
        shutil.rmtree(folder.path, ignore_errors=True)
        with self._database() as database:
            database.execute("DELETE FROM builds WHERE id = ?", [build_id])

    def retain(self, limits: Retention | None = None) -> tuple[str, ...]:
        """Forget the oldest builds beyond a number, an age or a total size.

        A running build and the latest one are never forgotten.

        Parameters
        ----------
        limits
            What to keep; by default the limits stored with the builds.

        Returns
        -------
        tuple of str
            The ids of the builds that were forgotten, latest first.
        """
        if limits is None:
            from envd_jupyter.builds.retention import Retention

            limits = Retention.load(self.data)
        now, kept, total = time.time(), 0, 0
        forgotten = []
        for folder in reversed(list(builds(self.data))):
            size = _size(folder.path)
            if kept and _is_beyond(limits, folder, kept, total + size, now):
                with contextlib.suppress(RecordError):  # it runs, or somebody else was faster
                    self.delete(folder.id)
                    forgotten.append(folder.id)
                    continue
            kept += 1
            total += size
        return tuple(forgotten)


def _is_beyond(limits: Retention, folder: BuildFolder, kept: int, total: int, now: float) -> bool:
    if limits.count is not None and kept >= limits.count:
        return True
    if limits.size is not None and total > limits.size:
        return True
    if limits.age is None:
        return False
    try:
        return now - folder.events.stat().st_mtime > limits.age
    except OSError:
        return False


def _record(row: tuple[Any, ...]) -> BuildRecord:
    values = dict(zip(_COLUMNS, row, strict=True))
    for column in _LISTS:
        values[column] = tuple(json.loads(values[column] or "[]"))
    return BuildRecord(**values)


def _size(path: Path) -> int:
    total = 0
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                total += entry.stat(follow_symlinks=False).st_size
    return total


def close_lost(folder: BuildFolder) -> bool:
    """Close a build whose driver is gone without a word; returns whether it was so.

    What the driver left is removed: its private directory with sockets, the shadow home and the
    staged caches. (envd itself does not outlive the driver.)
    """
    lock = folder.lock()
    if lock is None:
        return False
    try:
        state = BuildState(folder.id)
        reader = EventReader(folder.events)
        while events := reader.read():
            for event in events:
                state.apply(event)
        _remove_private(state.start.get("private"))
        (folder.path / "reserve").unlink(missing_ok=True)
        if state.finished:
            return False
        with contextlib.suppress(FileNotFoundError):  # it died before its first word
            _end_line(folder.events)
        log = EventLog(folder.events)
        log.append(own_event("result", **_lost(state, folder)), vital=True)
        log.close()
        return True
    except FileNotFoundError:
        return False
    finally:
        os.close(lock)


def _lost(state: BuildState, folder: BuildFolder) -> Mapping[str, Any]:
    last = state.view(log_lines=0, max_steps=0)
    return {
        "state": "lost",
        "exit_code": None,
        "image": state.start.get("image"),
        "digest": None,
        "message": "the process that drove the build ended without a word",
        "hint": f"It was killed or the machine went down; see {folder.path / 'driver.log'}. "
        "Build again: what BuildKit had finished is in its cache.",
        "counts": dict(last["summary"]),
        "duration": last["elapsed"],
    }


def _remove_private(path: str | None) -> None:
    """Remove a directory named in a log, if it is one of ours."""
    if path is None or not Path(path).name.startswith(_PRIVATE_PREFIX):
        return
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            shutil.rmtree(path, ignore_errors=True)


def _end_line(path: Path) -> None:
    with path.open("r+b") as file:
        if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) is not None:
            last = file.read(1)
            if last != b"\n":
                file.write(b"\n")
