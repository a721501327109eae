"""The project file: ``.envd-jupyter.toml`` beside ``build.envd``, written by people and by us.

It belongs to the project and to its version control. Reading never changes it, also if it cannot
be understood. Changing a setting touches the lines of that setting: comments, order and everything
else stay as they were written.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from typing import TYPE_CHECKING

from envd_jupyter.builds.sharedfile import Stamp, exclusive, replace_file, stamp_of
from envd_jupyter.errors import PreferenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tomlkit import TOMLDocument

    from envd_jupyter.builds.preferences.values import Plain

__all__ = ["FILE_NAME", "ProjectFile"]

FILE_NAME = ".envd-jupyter.toml"

_HEAD = """\
# Settings of envd-jupyter for this project, named as the flags of %envd_build.
"""


class ProjectFile:
    """The settings that come with a project.

    Parameters
    ----------
    project
        The directory with ``build.envd``.
    data
        The data folder, for a lock where the project's file system knows none.
    """

    def __init__(self, project: Path, data: Path) -> None:
        self.project = project
        self.path = project / FILE_NAME
        self._data = data
        self._seen: Stamp | None = None
        self._content: dict[str, object] = {}
        self._message: str | None = None

    def read(self) -> tuple[dict[str, object], list[str]]:
        """Return the stored values by key, and what is wrong with the file."""
        stamp = stamp_of(self.path)
        if stamp != self._seen:
            self._seen, self._content, self._message = stamp, {}, None
            if stamp is not None:
                try:
                    self._content = dict(self._load().unwrap())
                except PreferenceError as error:
                    self._message = f"{error.message}; it is ignored"
        return self._content, [self._message] if self._message else []

    def update(self, change: Callable[[dict[str, object]], Mapping[str, Plain | None]]) -> None:
        """Set keys, or take them out where the value is None.

        Parameters
        ----------
        change
            Called with the stored values; returns those that change.

        Raises
        ------
        PreferenceError
            If the file cannot be understood or written; it is then as it was.
        """
        import tomlkit
        from tomlkit.items import Array

        with self._exclusive():
            document = self._load()
            before = tomlkit.dumps(document)
            for key, value in change(dict(document.unwrap())).items():
                if value is None:
                    if key in document:
                        del document[key]
                    continue
                if document.get(key) == value:
                    continue
                document[key] = value
                item = document[key]
                if isinstance(item, Array):
                    item.multiline(len(item) > 0)
            after = tomlkit.dumps(document)
            if after != before:
                replace_file(self.path, after if before else _HEAD + after, mode=0o644)

    def _load(self) -> TOMLDocument:
        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        try:
            return tomlkit.parse(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return tomlkit.document()
        except OSError as error:
            raise PreferenceError(f"{self.path} cannot be read: {error.strerror}") from None
        except (TOMLKitError, UnicodeDecodeError) as error:
            raise PreferenceError(
                f"{self.path} is not TOML: {error}", hint="Mend it, or move it away."
            ) from None

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Lock the project's directory itself, so that no lock file lies among its files."""
        try:
            fd = os.open(self.project, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise PreferenceError(
                f"there is no project {str(self.project)!r}: {error.strerror}",
                hint="Name the directory that holds build.envd with --path.",
            ) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError:
            # NFS locks no directories.
            name = hashlib.sha256(os.fsencode(os.path.realpath(self.project))).hexdigest()[:32]
            with exclusive(self._data / "preferences" / f"project-{name}.lock"):
                yield
        else:
            yield
        finally:
            os.close(fd)
