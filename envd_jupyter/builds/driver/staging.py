"""The directory through which a build reads and writes local caches.

envd serves BuildKit one directory, the one its own ``--export-cache type=local,dest=…`` names. That
is a staging directory of ours; what goes through it is in `envd_jupyter.cache.local`.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.cache.entry import CacheEntry, is_true
from envd_jupyter.cache.local import manifest_blobs, prune, publish, read_index, resolve, stage
from envd_jupyter.errors import LayoutError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["Staging"]

#: Options of a local cache that concern its directory and not BuildKit.
_OURS = ("dest", "src", "tag", "reset")
_UNEXPECTED = re.compile(r"unexpected commit digest \S+, expected sha256:([0-9a-f]{64})")


class Staging:
    """The local caches of one build.

    Parameters
    ----------
    folder
        The directory that envd serves; made here.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests: dict[int, str] = {}
        self._sources: list[CacheEntry] = []
        (folder / "blobs" / "sha256").mkdir(parents=True)

    def prepare(self, imports: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Stage every local import; returns what became of those that cannot be read."""
        problems = []
        for number, data in enumerate(imports):
            entry = CacheEntry.from_json(data)
            if entry.type != "local":
                continue
            source = Path(entry.get("src") or "")
            try:
                digest = resolve(source, tag=entry.get("tag"), digest=entry.get("digest"))
                stage(self._folder, source, digest)
            except LayoutError as error:
                missing = not (source / "index.json").exists()
                problems.append(
                    {
                        "direction": "import",
                        "entry": entry.redacted().to_csv(),
                        "state": "missing" if missing else "failed",
                        "message": error.message,
                        "hint": error.hint,
                    }
                )
            else:
                self._digests[number] = digest
                self._sources.append(entry)
        return problems

    def damaged(self, error: str) -> list[dict[str, Any]]:
        """Return which import BuildKit's error about a layer is to be put down to, if it is one.

        Sources are only looked at when they are staged, and not read: that could be gigabytes.
        """
        named = _UNEXPECTED.search(error)
        link = self._folder / "blobs" / "sha256" / named[1] if named else None
        if link is None or not link.is_symlink():
            return []
        for entry in self._sources:
            source = Path(entry.get("src") or "").resolve()
            if link.readlink().is_relative_to(source):
                return [
                    {
                        "direction": "import",
                        "entry": entry.redacted().to_csv(),
                        "state": "failed",
                        "message": f"the local cache in {entry.get('src')} is damaged: the content "
                        f"of sha256:{link.name[:12]}… has changed",
                        "hint": "Build without this import, and export the cache anew to an empty "
                        "directory.",
                    }
                ]
        return []

    def wire_imports(self, imports: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the imports as BuildKit is to see them; local ones that failed are left out."""
        wired = []
        for number, data in enumerate(imports):
            if data["type"] != "local":
                wired.append(data)
            elif number in self._digests:
                attrs = {"src": str(self._folder), "digest": self._digests[number]}
                wired.append({**data, "attrs": attrs})
        return wired

    def wire_exports(self, exports: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the exports as BuildKit is to see them: all local ones are one."""
        wired = [data for data in exports if data["type"] != "local"]
        local = [data for data in exports if data["type"] == "local"]
        if local:
            attrs = {key: value for key, value in local[0]["attrs"].items() if key not in _OURS}
            wired.append({**local[0], "attrs": {**attrs, "dest": str(self._folder)}})
        return wired

    def publish(self, exports: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put what was exported into its directories; returns what became of each export."""
        return [
            self._publish(CacheEntry.from_json(data)) for data in exports if data["type"] == "local"
        ]

    def _publish(self, entry: CacheEntry) -> dict[str, Any]:
        event: dict[str, Any] = {
            "direction": "export",
            "entry": entry.redacted().to_csv(),
            "state": "ok",
            "message": None,
            "hint": None,
        }
        target = Path(entry.get("dest") or "")
        try:
            digest, size, media_type = self._exported()
            publish(self._folder, target, digest, size, media_type, entry.get("tag"))
            if is_true(entry.get("reset")):
                prune(target)
        except LayoutError as error:
            event |= {"state": "failed", "message": error.message, "hint": error.hint}
        return event

    def _exported(self) -> tuple[str, int, str]:
        """Return the descriptor of the manifest that the export has written.

        With several exports BuildKit answers with the manifest of only one of them (0.25), which
        may be another one's; then it is found among what is new here.
        """
        try:
            descriptors = read_index(self._folder)["manifests"]
        except LayoutError:
            descriptors = []
        blobs = self._folder / "blobs" / "sha256"
        for item in reversed(descriptors):
            if (blobs / item["digest"].partition(":")[2]).exists():
                return item["digest"], item["size"], item["mediaType"]
        return self._newest_root(blobs)

    def _newest_root(self, blobs: Path) -> tuple[str, int, str]:
        found: dict[str, tuple[int, str]] = {}
        for path in blobs.iterdir():
            if not path.is_symlink() and path.stat().st_size < 16 << 20:
                media_type = _manifest_type(path)
                if media_type:
                    found[f"sha256:{path.name}"] = (path.stat().st_size, media_type)
        nested = {
            blob
            for digest in found
            for blob, _ in manifest_blobs(self._folder, digest)
            if blob != digest
        }
        roots = [digest for digest in found if digest not in nested]
        if len(roots) != 1:
            raise LayoutError(
                "BuildKit has exported no local cache",
                hint="Was the build cancelled, or the disk full?",
            )
        return roots[0], *found[roots[0]]


def _manifest_type(path: Path) -> str | None:
    with path.open("rb") as stream:
        if stream.read(1) != b"{":
            return None
        stream.seek(0, os.SEEK_SET)
        try:
            content = json.load(stream)
        except ValueError:
            return None
    if "layers" not in content and "manifests" not in content:
        return None
    fallback = "image.index" if "manifests" in content else "image.manifest"
    return str(content.get("mediaType") or f"application/vnd.oci.{fallback}.v1+json")
