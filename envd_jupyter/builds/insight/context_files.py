"""What a build context held: the inputs of a build that its graph does not show.

BuildKit compares copied and mounted files by content: mode, size, kind, link target, extended
attributes and bytes, but neither times nor owners (the client sends owner 0). The same is hashed
here, in the way BuildKit hashes it. envd 1.3.6 has no ignore file: every file below the project can
count, ``.dockerignore`` or not, and what counts for a step is only the path it copies or mounts.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from envd_jupyter.builds.insight.graph import Graph, Use

__all__ = ["FileChange", "Manifest", "changed_files", "scan_context", "selected", "used_paths"]

_CHUNK = 1 << 20
_MOST_FILES = 50_000
_SECONDS = 20.0
_FOLDER, _LINK, _FILE = "d", "l", "f"


@dataclass(frozen=True)
class Manifest:
    """The files of one context, below the paths that the build uses.

    Attributes
    ----------
    root
        The directory on this machine.
    files
        ``(kind, size in bytes, hash)`` by path from the root, ``/`` between its parts. The hash is
        the empty string where time did not suffice to read the file.
    complete
        Whether all of it was seen; if not, nothing can be said about what is missing.
    """

    root: str
    files: Mapping[str, tuple[str, int, str]]
    complete: bool = True
    stamps: Mapping[str, tuple[int, int, int, int, str]] = field(
        default_factory=dict, compare=False
    )

    def to_json(self) -> dict[str, object]:
        """Return the manifest as JSON."""
        files = {path: list(entry) for path, entry in self.files.items()}
        return {"root": self.root, "complete": self.complete, "files": files}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Manifest:
        """Read a manifest as `to_json` wrote it."""
        files = data.get("files")
        entries = files.items() if isinstance(files, dict) else ()
        return cls(
            str(data.get("root", "")),
            {str(path): (str(e[0]), int(e[1]), str(e[2])) for path, e in entries},
            bool(data.get("complete")),
        )


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that differs between two builds: ``added``, ``removed`` or ``changed``."""

    path: str
    what: str
    before: int | None
    after: int | None


def used_paths(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Return the paths a build reads from each of its contexts, by the context's name.

    A path is as the graph writes it, from the context's root; ``/`` stands for all.
    """
    found: dict[str, set[str]] = {}
    for vertex in graph:
        for number, given in enumerate(vertex.inputs):
            source = graph.vertices.get(given.vertex)
            name = context_name(source.identifier) if source is not None else None
            if name is None:
                continue
            uses = [use for use in vertex.uses if use.input == number]
            paths = {path for use in uses for path in _literal(use)} if uses else {"/"}
            found.setdefault(name, set()).update(paths)
    return {name: ("/",) if "/" in paths else tuple(sorted(paths)) for name, paths in found.items()}


def context_name(identifier: str) -> str | None:
    """Return the name of a context from its source's URL, or None if it is none."""
    return identifier[len("local://") :] if identifier.startswith("local://") else None


def _literal(use: Use) -> Iterator[str]:
    """Return what of a use's paths is no pattern: the folder above the first wildcard."""
    for path in use.paths:
        if use.wildcard and any(mark in path for mark in "*?["):
            kept = []
            for part in path.strip("/").split("/"):
                if any(mark in part for mark in "*?["):
                    break
                kept.append(part)
            yield "/" + "/".join(kept)
        else:
            yield path


def scan_context(
    root: Path,
    paths: Sequence[str] = ("/",),
    stamps: Mapping[str, Sequence[object]] | None = None,
    *,
    seconds: float = _SECONDS,
) -> Manifest:
    """Look at the files of a context.

    Parameters
    ----------
    root
        The context's directory.
    paths
        Only what lies at or below these paths.
    stamps
        What an earlier look learned: a file with the same size, times and inode is not read again.
    seconds
        How long to read at most.
    """
    deadline = time.monotonic() + seconds
    files: dict[str, tuple[str, int, str]] = {}
    learned: dict[str, tuple[int, int, int, int, str]] = {}
    complete = True
    for path, entry in _walk(root, paths):
        if len(files) >= _MOST_FILES:
            complete = False
            break
        known = _known(stamps.get(path) if stamps else None, entry)
        digest = known or _digest(root / path, entry, deadline)
        complete = complete and bool(digest)
        kind = _LINK if stat.S_ISLNK(entry.st_mode) else _FILE
        kind = _FOLDER if stat.S_ISDIR(entry.st_mode) else kind
        files[path] = (kind, entry.st_size if kind == _FILE else 0, digest)
        if digest and kind == _FILE:
            learned[path] = (*_stamp(entry), digest)
    return Manifest(str(root), files, complete, learned)


def _walk(root: Path, paths: Sequence[str]) -> Iterator[tuple[str, os.stat_result]]:
    seen: set[str] = set()
    for path in paths:
        start = os.path.normpath(path.strip("/") or ".")
        if start.startswith(".."):
            continue
        stack = [start]
        while stack:
            current = stack.pop()
            if current in seen:
                continue
            seen.add(current)
            try:
                entry = os.lstat(root / current)
                names = sorted(os.listdir(root / current)) if stat.S_ISDIR(entry.st_mode) else []  # noqa: PTH208 - names only
            except OSError:
                continue
            if current != ".":
                yield current, entry
            prefix = "" if current == "." else f"{current}/"
            stack += [prefix + name for name in reversed(names)]


def _stamp(entry: os.stat_result) -> tuple[int, int, int, int]:
    return entry.st_size, entry.st_mtime_ns, entry.st_ctime_ns, entry.st_ino


def _known(stamp: Sequence[object] | None, entry: os.stat_result) -> str:
    if stamp is None or len(stamp) != 5 or tuple(stamp[:4]) != _stamp(entry):
        return ""
    return str(stamp[4])


def _digest(path: Path, entry: os.stat_result, deadline: float) -> str:
    """Hash a file as BuildKit does: its tar header without name and time, then its bytes."""
    mode, target, kind, size = entry.st_mode, "", "0", 0
    digest = sha256()
    try:
        if stat.S_ISLNK(mode):
            target, kind = str(path.readlink()), "2"
            mode |= 0o777
        elif stat.S_ISDIR(mode):
            kind = "5"
        elif stat.S_ISREG(mode):
            size = entry.st_size
        else:
            return f"special:{stat.S_IFMT(mode):o}"
        header = (
            *("name", "", "mode", str(stat.S_IMODE(mode)), "uid", "0", "gid", "0"),
            *("size", str(size), "typeflag", kind, "linkname", target),
            *("uname", "", "gname", "", "devmajor", "0", "devminor", "0"),
        )
        digest.update("".join(header).encode("utf-8", "surrogateescape"))
        for name, value in _attributes(path):
            digest.update(name.encode() + value)
        if stat.S_ISREG(mode):
            with path.open("rb", buffering=0) as file:
                while data := file.read(_CHUNK):
                    digest.update(data)
                    if time.monotonic() > deadline:
                        return ""
    except OSError:
        return ""
    return digest.hexdigest()


def _attributes(path: Path) -> Iterator[tuple[str, bytes]]:
    if not hasattr(os, "listxattr"):
        return
    with contextlib.suppress(OSError):
        for name in sorted(os.listxattr(path, follow_symlinks=False)):
            counts = name == "security.capability" or not name.startswith(("security.", "system."))
            if counts:
                yield name, os.getxattr(path, name, follow_symlinks=False)


# Comparing


def selected(manifest: Manifest, use: Use) -> dict[str, tuple[str, int, str]]:
    """Return the files of a context that count for one use of it."""
    return {path: entry for path, entry in manifest.files.items() if _counts(path, use)}


def _counts(path: str, use: Use) -> bool:
    for chosen in use.paths:
        base = os.path.normpath(chosen.strip("/") or ".")
        if use.wildcard and any(mark in base for mark in "*?["):
            depth = base.count("/") + 1
            inside = fnmatchcase("/".join(path.split("/")[:depth]), base)
        else:
            inside = base == "." or path == base or path.startswith(f"{base}/")
        if inside and _passes(path, base, use):
            return True
    return False


def _passes(path: str, base: str, use: Use) -> bool:
    """Apply patterns below a copied path; one that cannot be judged lets the file count."""
    name = path if base == "." else path[len(base) :].lstrip("/")
    if use.included and not _matches(name, use.included):
        return False
    return not (use.excluded and _matches(name, use.excluded))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(
        fnmatchcase(name, pattern) or name.startswith(f"{pattern.rstrip('/')}/")
        for pattern in patterns
    )


def selection_digest(manifest: Manifest, use: Use) -> str | None:
    """Return one hash over what a use selects, or None if not all of it is known."""
    files = selected(manifest, use)
    if not manifest.complete or any(not entry[2] for entry in files.values()):
        return None
    lines = [[path, entry[0], entry[2]] for path, entry in sorted(files.items())]
    return sha256(json.dumps(lines).encode("utf-8", "surrogateescape")).hexdigest()


def changed_files(before: Manifest, after: Manifest, use: Use) -> list[FileChange]:
    """Return the files that differ between two builds, as far as they count for a use."""
    was, now = selected(before, use), selected(after, use)
    found = []
    for path in sorted({*was, *now}):
        old, new = was.get(path), now.get(path)
        if old is None and new is not None:
            found.append(FileChange(path, "added", None, new[1]))
        elif new is None and old is not None:
            found.append(FileChange(path, "removed", old[1], None))
        elif old is not None and new is not None and (old[0], old[2]) != (new[0], new[2]):
            found.append(FileChange(path, "changed", old[1], new[1]))
    return found
