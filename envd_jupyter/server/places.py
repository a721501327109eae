"""Which paths a request may name.

The policy is that of Jupyter's contents API: what a request names lies below the server's root
directory, symbolic links followed, and not in hidden folders unless the contents API shows those.
``EnvdServer.extra_roots`` adds directories. What a person remembered from a kernel or wrote into
the user's settings is taken as it is: whoever can run a kernel can read and write there anyway.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.builds.output import parse_output
from envd_jupyter.errors import PlaceForbidden, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envd_jupyter.builds.preferences.values import Value
    from envd_jupyter.builds.request import PreparedBuild
    from envd_jupyter.cache.entry import CacheEntry

__all__ = ["PLACED", "Places"]

PLACED = frozenset({"path", "from_", "output", "exports", "imports"})
"""The settings that name paths, by field."""

_STANDARD_OUTPUT = "-"


class Places:
    """The directories that requests may reach.

    Parameters
    ----------
    root
        The server's root directory.
    extra
        Further ones.
    hidden
        Whether hidden files and folders may be named, too.
    """

    def __init__(
        self, root: Path, extra: Iterable[str | Path] = (), *, hidden: bool = False
    ) -> None:
        self.root = root
        self._real = [os.path.realpath(Path(path).expanduser()) for path in (root, *extra)]
        self._hidden = hidden

    def absolute(self, text: str, base: Path) -> Path:
        """Return a path as it is meant in a request.

        Raises
        ------
        RequestError
            If it is no path.
        """
        if "\0" in text:
            raise RequestError(f"{text!r} is not a path")
        try:
            path = base / Path(text).expanduser()
        except RuntimeError:
            raise RequestError(f"{text!r} is not a path: there is no such user") from None
        return Path(os.path.abspath(path))  # noqa: PTH100 - follows no links, as envd

    def check(self, path: Path, what: str) -> None:
        """Refuse a path that a request may not name.

        Raises
        ------
        PlaceForbidden
            If it lies elsewhere.
        """
        real = os.path.realpath(path)
        for root in self._real:
            inside = os.path.relpath(real, root)
            if inside == os.pardir or inside.startswith(os.pardir + os.sep):
                continue
            hidden = [p for p in Path(inside).parts if p.startswith(".") and p != os.curdir]
            if hidden and not self._hidden:
                raise PlaceForbidden(
                    f"{what} {str(path)!r} is hidden",
                    hint="Choose a place that is not hidden, or set ContentsManager.allow_hidden.",
                )
            return
        raise PlaceForbidden(
            f"{what} {str(path)!r} lies outside of the directory that this server serves",
            hint=f"Choose a place below {self._real[0]}, or use %envd_build in a kernel. "
            "Whoever runs the server adds directories with EnvdServer.extra_roots.",
        )

    def placed(self, values: dict[str, Value | None], base: Path) -> dict[str, Value | None]:
        """Return settings by field with all their paths absolute, if they may be named.

        Parameters
        ----------
        values
            What a request gives.
        base
            Where relative paths begin.

        Raises
        ------
        PlaceForbidden, RequestError
            If they may not.
        """
        found = dict(values)
        if isinstance(path := values.get("path"), str):
            absolute = self.absolute(path, base)
            self.check(absolute, "the project")
            found["path"] = str(absolute)
        if isinstance(output := values.get("output"), str):
            found["output"] = self._output(output, base)
        for name in ("exports", "imports"):
            if entries := values.get(name):
                found[name] = tuple(self._entry(entry, base) for entry in entries)  # type: ignore
        return found

    def _output(self, text: str, base: Path) -> str:
        output = parse_output(text)
        dest = output.get("dest")
        if not dest or dest == _STANDARD_OUTPUT:
            return text
        absolute = self.absolute(dest, base)
        self.check(absolute, "the output's dest")
        attrs = tuple((k, str(absolute) if k == "dest" else v) for k, v in output.attrs)
        return type(output)(output.type, attrs).to_csv()

    def _entry(self, entry: CacheEntry, base: Path) -> CacheEntry:
        changes: dict[str, str | None] = {}
        for key in ("src", "dest") if entry.type == "local" else ():
            if (value := entry.get(key)) is not None:
                absolute = self.absolute(value, base)
                self.check(absolute, f"the cache's {key}")
                changes[key] = str(absolute)
        return entry.with_attrs(changes)

    def check_source(self, project: Path, from_: str) -> None:
        """Refuse a ``--from`` whose file a request may not name."""
        name, colon, _ = from_.rpartition(":")
        self.check(self.absolute(name if colon else from_, project), "the file")

    def check_prepared(self, prepared: PreparedBuild, named: frozenset[str]) -> None:
        """Refuse a build that would reach elsewhere, once its templates are filled in.

        Parameters
        ----------
        prepared
            What would be started.
        named
            The settings that the request gives, by field; others are not looked at.
        """
        output = prepared.output.get("dest") if prepared.output else None
        if "output" in named and output and output != _STANDARD_OUTPUT:
            self.check(Path(output), "the output's dest")
        for name, entries in (("exports", prepared.exports), ("imports", prepared.imports)):
            if name in named:
                for entry in entries:
                    self._entry(entry, self.root)
